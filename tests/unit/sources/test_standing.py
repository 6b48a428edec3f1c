"""A source of several parts: what its feed is told of those that answer, and of those that don't."""

from dynconf.errors import Origin, SourceUnavailable
from dynconf.sources._standing import Standing
from tests.unit.sources.recording import RecordingFeed


def test_all_parts_have_to_answer() -> None:
    """One that answers does not make up for one that does not."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    error = SourceUnavailable("a")
    standing.answered("a")
    assert feed.alive_count == 1
    standing.failed("a", error)
    standing.answered("b")
    assert (feed.alive_count, feed.failing) == (1, error)
    assert feed.unread == {"a": error}
    standing.answered("a")
    assert (feed.alive_count, feed.failing) == (2, None)
    assert not feed.unread


def test_parts_that_keep_failing() -> None:
    """Each failure is told when it comes, not in turns for as long as it lasts; another one is told again."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
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
    standing = Standing(feed, lambda part: [part])
    for _ in range(2):
        for part in ("a", "b"):
            error = SourceUnavailable(part)
            standing.failed(part, error)
            error.origin = Origin("source")
    assert len(feed.failures) == 2


def test_failure_that_is_left() -> None:
    """When one is over, the other one stands."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    standing.failed("a", SourceUnavailable("a"))
    standing.failed("b", SourceUnavailable("b"))
    standing.answered("a")
    assert feed.failing
    assert feed.failing.reason == "b"


def test_reasons_in_turns() -> None:
    """Reasons that a part gives in turns are each told once, until it answers again."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    for _ in range(3):
        standing.failed("a", SourceUnavailable("reading is refused"))
        standing.failed("a", SourceUnavailable("waiting is refused"))
    assert [error.reason for error in feed.failures] == ["reading is refused", "waiting is refused"]
    standing.answered("a")
    assert feed.failing is None
    standing.failed("a", SourceUnavailable("reading is refused"))
    assert len(feed.failures) == 3


def test_reasons_that_parts_share() -> None:
    """What several parts fail for in turns is told once for all, also while some of them answer."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    for part in ("a", "b", "c"):
        for reason in ("lost", "nobody", "lost"):
            standing.failed(part, SourceUnavailable(reason))
    assert [error.reason for error in feed.failures] == ["lost", "nobody"]
    standing.answered("a")
    standing.answered("c")
    assert len(feed.failures) == 2
    standing.answered("b")
    assert feed.failing is None


def test_status_tells_what_is_left() -> None:
    """When what was told last is over, what is left is told."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    standing.failed("a", SourceUnavailable("a"))
    standing.failed("b", SourceUnavailable("b"))
    standing.answered("b")
    assert feed.failing
    assert feed.failing.reason == "a"


def test_thousands_of_parts() -> None:
    """They fail and recover, each for a reason of its own and for one that all share."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    for part in range(3000):
        standing.failed(part, SourceUnavailable(f"{part}"))
        standing.failed(part, SourceUnavailable("nobody"))
    assert len(feed.failures) == 3001
    for part in range(3000):
        standing.answered(part)
    assert feed.failing is None
    assert len(feed.failures) == 3001


def test_the_newest_reason_is_shown() -> None:
    """However often it was given before, it is what holds now."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    for reason in ("denied", "nobody", "denied"):
        standing.failed("b", SourceUnavailable(reason))
        assert feed.failing
        assert feed.failing.reason == reason
    assert len(feed.failures) == 2


def test_every_outage_is_told() -> None:
    """Also while one part is refused for good, whose own reason is told once."""
    feed = RecordingFeed()
    standing = Standing(feed, lambda part: [part])
    standing.failed("b", SourceUnavailable("denied"))
    for outage in range(1, 4):
        for part in ("b", "a"):
            standing.failed(part, SourceUnavailable("nobody"))
        assert [error.reason for error in feed.failures] == ["denied", *["nobody"] * outage]
        standing.answered("a")
        standing.failed("b", SourceUnavailable("denied"))
        assert feed.failing
        assert feed.failing.reason == "denied"


def test_what_is_asked_for_changes_meanwhile() -> None:
    """A document that a part was asked for when it failed is not called unread once that part answers."""
    feed = RecordingFeed()
    documents = ["a", "b"]
    standing = Standing(feed, lambda _: documents)
    standing.failed("part", SourceUnavailable("down"))
    assert list(feed.unread) == ["a", "b"]
    documents.remove("b")
    standing.answered("part")
    assert not feed.unread
