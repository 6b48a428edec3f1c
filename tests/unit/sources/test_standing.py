"""A source of several parts: what its feed is told of those that answer, and of those that don't."""

from dynconf.errors import Origin, SourceUnavailable
from dynconf.sources._standing import Standing
from tests.unit.sources.recording import RecordingFeed


def test_all_parts_have_to_answer() -> None:
    """One that answers does not make up for one that does not."""
    feed = RecordingFeed()
    standing = Standing(feed)
    error = SourceUnavailable("a")
    standing.answered("a")
    assert feed.alive_count == 1
    standing.failed("a", error)
    standing.answered("b")
    assert (feed.alive_count, feed.failing) == (1, error)
    standing.answered("a")
    assert (feed.alive_count, feed.failing) == (2, None)


def test_parts_that_keep_failing() -> None:
    """Each failure is told when it comes, not in turns for as long as it lasts; another one is told again."""
    feed = RecordingFeed()
    standing = Standing(feed)
    for _ in range(3):
        standing.failed("a", SourceUnavailable("a"))
        standing.failed("b", SourceUnavailable("b"))
    assert [error.reason for error in feed.failures] == ["a", "b"]
    standing.failed("b", SourceUnavailable("b differs"))
    assert feed.failing
    assert feed.failing.reason == "b differs"


def test_failures_whose_origin_is_filled_in() -> None:
    """What a feed adds to an error does not make the same failure another one."""
    feed = RecordingFeed()
    standing = Standing(feed)
    for _ in range(2):
        for part in ("a", "b"):
            error = SourceUnavailable(part)
            standing.failed(part, error)
            error.origin = Origin("source")
    assert len(feed.failures) == 2


def test_failure_that_is_left() -> None:
    """When one is over, the other one stands."""
    feed = RecordingFeed()
    standing = Standing(feed)
    standing.failed("a", SourceUnavailable("a"))
    standing.failed("b", SourceUnavailable("b"))
    standing.answered("a")
    assert feed.failing
    assert feed.failing.reason == "b"
