"""Following keys: which queries are made, when it pauses, and what counts as news."""

import itertools
from typing import Any

import pytest

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable, UnexpectedReply
from dynconf.protocols.consul.watch import Failed, Found, Unchanged, Watch, follow, next_index, revision_of
from dynconf.protocols.exchange import ANSWER_TIME, Busy, ConnectionLost, Pause, Reply
from dynconf.protocols.pacing import BURST, FIRST_DELAY, PER_SECOND
from dynconf.testing import ManualClock
from tests.protocols.canned import SECRET, Play, missing, plain, play, raw, reply

FOLDER = Watch("a/", {"dc": "north"}, recurse=True)
KEY = Watch("a", {})


def watch(
    *answers: Reply | SourceError, of: Watch = FOLDER, watching: bool = True, random: float = 1.0
) -> Play:
    """Follow with canned answers, on a clock that stands."""
    steps = follow(of, watching=watching, now=ManualClock().monotonic, random=lambda: random)
    return play(steps, *answers)


def indices(result: Play) -> list[str | None]:
    """The index of each query; `None` if it has none."""
    return [request.query.get("index") for request in result.requests]


def test_first_query_is_answered_at_once() -> None:
    """It has no index, so the server does not hold it, and it may take only as long as any other."""
    (request,) = watch().requests
    assert (request.method, request.path) == ("GET", "/v1/kv/a/")
    assert request.query == {"dc": "north", "recurse": ""}
    assert (request.repeatable, request.timeout) == (True, ANSWER_TIME)


def test_held_query() -> None:
    """Then each has the index and waits longer than the server says that it holds it.

    It is not repeated elsewhere, as the index is of the server that was asked.
    """
    of = Watch("a", {"stale": ""}, wait=90.0, limit=1234)
    first, held = watch(reply([], 5), of=of).requests
    assert held.path == "/v1/kv/a"
    assert held.query == {"stale": "", "index": "5", "wait": "90000ms"}
    assert (held.held, held.repeatable) == (True, False)
    assert held.timeout == 90.0 * 17 / 16 + ANSWER_TIME
    assert (first.limit, held.limit) == (1234, 1234)


@pytest.mark.parametrize(
    ("wait", "sent"), [(1.0, "1000ms"), (0.5, "500ms"), (0.0001, "1ms"), (600, "600000ms")]
)
def test_wait_is_sent_in_milliseconds(wait: float, sent: str) -> None:
    """A wait of 0 would be the server's own default of five minutes."""
    assert watch(reply([]), of=Watch("a", {}, wait)).requests[1].query["wait"] == sent


def test_one_pass() -> None:
    """Without watching one answer is enough, and there is nothing to wait for."""
    result = watch(reply([raw("a/b", b"x")]), watching=False)
    assert result.ended
    assert [len(result.requests), result.told] == [1, ["Found"]]


@pytest.mark.parametrize("fault", [SourceUnavailable("nobody"), plain(500), plain(403)])
def test_one_pass_that_fails(fault: Any) -> None:
    """Without watching a failure is raised."""
    with pytest.raises(SourceError):
        watch(fault, watching=False)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [(0, 0, 1), (0, 1, 1), (0, 9, 9), (1, 1, 1), (9, 10, 10), (9, 9, 9), (9, 8, 0), (9, 0, 0), (1, 0, 0)],
)
def test_next_index(before: int, told: int, after: int) -> None:
    """Backwards begins anew, and 0 is never waited with: Consul would answer at once, for ever."""
    assert next_index(before, told) == after


def test_index_follows_the_replies() -> None:
    """Up, the same, down: after an index that went backwards the next query has none."""
    result = watch(*(reply([], index) for index in (5, 9, 9, 3, 3, 0, 0)))
    assert indices(result) == [None, "5", "9", "9", None, "3", None, "1"]
    assert all(request.held for request in result.requests if "index" in request.query)
    assert result.told == ["Found", *["Unchanged"] * 6]


@pytest.mark.parametrize("index", [None, "", "x", "-1", "1.0", "1e3", "²", "٣", "5, 5", "9" * 21, "9" * 5000])
@pytest.mark.parametrize("status", [200, 404])
def test_reply_without_an_index(index: str | None, status: int) -> None:
    """Without a usable index it cannot be waited for a change: it is no Consul, and never a deletion."""
    result = watch(reply([raw("a/b", b"x")]), reply([raw("a/b")], index, status))
    assert result.told == ["Found", "Failed"]
    assert isinstance(result.news[1].error, UnexpectedReply)
    assert "is no Consul" in str(result.news[1].error)


def test_found_holds_all_of_it() -> None:
    """News are complete: all keys with their values, as they are now."""
    result = watch(
        reply([raw("a/b", b"x", 3), raw("a/c", b"y", 7)], 7), reply([raw("a/b", b"x", 3)], 8), reply([], 9)
    )
    contents = [[(entry.key, entry.value) for entry in news.entries] for news in result.news]
    assert contents == [[("a/b", b"x"), ("a/c", b"y")], [("a/b", b"x")], []]
    assert [news.revision.partition("-")[0] for news in result.news] == ["7", "3", "0"]


def test_same_content_is_no_news() -> None:
    """A query that comes back is no proof of a change."""
    entries = [raw("a/b", b"x", 3)]
    assert watch(reply(entries, 5), reply(entries, 6), reply(entries, 6)).told == [
        "Found",
        "Unchanged",
        "Unchanged",
    ]


@pytest.mark.parametrize(
    "entry",
    [raw("a/b", b"x", 9, Flags=5), raw("a/b", b"x", 9, Session="s"), raw("a/b", b"x", 9, CreateIndex=9)],
)
def test_flags_locks_and_writing_the_same_are_no_news(entry: dict[str, Any]) -> None:
    """Flags, a lock, or the same content written anew raise the indices, and are no change of the content."""
    assert watch(reply([raw("a/b", b"x", 3)], 3), reply([entry], 9)).told == ["Found", "Unchanged"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([raw("a/b", b"x")], [raw("a/b", b"y")]),
        ([raw("a/b", b"x")], [raw("a/c", b"x")]),
        ([raw("a/b", b"xa/c")], [raw("a/b", b"x"), raw("a/c", b"")]),
        ([raw("a/b", b"")], [raw("a/bx", b"")]),
        ([raw("a/b1", b"2")], [raw("a/b", b"12")]),
        ([raw("a/", b"")], []),
        ([raw("a/b", b"x"), raw("a/c", b"y")], [raw("a/b", b"y"), raw("a/c", b"x")]),
    ],
)
def test_same_index_does_not_hide_a_change(one: list[Any], other: list[Any]) -> None:
    """Contents are compared, however alike: a restored snapshot may have any index."""
    assert watch(reply(one, 5), reply(other, 5), reply(one, 5)).told == ["Found"] * 3


def test_empty_and_no_value_are_the_same() -> None:
    """Consul writes an empty value as null."""
    assert watch(reply([raw("a/b", None)]), reply([raw("a/b", b"")])).told == ["Found", "Unchanged"]


def test_deletion_and_return() -> None:
    """404 with an index is a deletion, which is waited for like anything else, and so is its return."""
    answers = reply([raw("a", b"x", 3)], 3), missing(4), missing(5), reply([raw("a", b"x", 6)], 6)
    result = watch(*answers, of=KEY)
    assert result.told == ["Found", "Found", "Unchanged", "Found"]
    assert [len(news.entries) for news in result.news if isinstance(news, Found)] == [1, 0, 1]
    assert indices(result) == [None, "3", "4", "5", "6"]


def test_nothing_there_at_first() -> None:
    """That there is none is news at the start too, and then waited on."""
    result = watch(missing(12), of=KEY)
    assert result.told == ["Found"]
    assert indices(result) == [None, "12"]


@pytest.mark.parametrize(
    "fault",
    [
        SourceUnavailable("nobody"),
        plain(500),
        plain(403),
        plain(429),
        plain(301),
        plain(200),
        missing(None),
        reply([raw("a/b")], x_consul_results_filtered_by_acls="true"),
    ],
)
def test_after_a_failure_it_asks_without_an_index(fault: Any) -> None:
    """The answer then comes at once, so that one knows again; what is unchanged is told as such."""
    known = reply([raw("a/b", b"x")], 5)
    result = watch(known, fault, known)
    assert indices(result) == [None, "5", None, "5"]
    assert result.told == ["Found", "Failed", "Unchanged"]
    assert [type(step) for step in result.seen[-4:-2]] == [Pause, type(result.requests[0])]


def test_failure_is_passed_on() -> None:
    """What was thrown in comes out as news, the very same."""
    error = SourceUnavailable("nobody")
    assert watch(error).news == [Failed(error)]


def test_pauses_after_failures() -> None:
    """They double with full jitter, and a success begins anew."""
    faults = [SourceUnavailable("nobody")] * 3
    result = watch(*faults, reply([]), *faults[:1])
    assert result.pauses == [0.5, 1.0, 2.0, 0.5]
    assert watch(*faults, random=0.25).pauses == [0.125, 0.25, 0.5]
    assert watch(*faults, random=0.0).pauses == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "fault", [plain(429, retry_after="30"), plain(503, retry_after="30"), Busy("x", 30.0)]
)
def test_asked_pause(fault: Any) -> None:
    """What the server asks for is waited at least."""
    assert watch(fault, random=0.0).pauses == [30.0]
    assert watch(fault, random=1.0).pauses == [45.0]


def test_spinning_server_is_slowed_down() -> None:
    """A server that answers each query at once gets a burst, then only so many a second."""
    clock = ManualClock()
    steps = follow(FOLDER, watching=True, now=clock.monotonic, random=lambda: 0.0)
    step = next(steps)
    pauses = []
    for index in itertools.count(1):
        while not hasattr(step, "path"):
            if isinstance(step, Pause):
                clock.advance(step.seconds)
                pauses.append(step.seconds)
            step = next(steps)
        if index > 300:
            break
        step = steps.send(reply([], index))
    assert len(pauses) == 300 - BURST
    assert pauses == pytest.approx([1 / PER_SECOND] * len(pauses))


FILTERED = reply([raw("a/b", b"x")], 6, x_consul_results_filtered_by_acls="true")


def test_filtered_list_is_no_deletion() -> None:
    """Of a list that ACLs have filtered, what is missing may be there: what was known stays."""
    result = watch(reply([raw("a/b", b"x"), raw("a/c", b"y")], 5), FILTERED)
    assert result.told == ["Found", "Failed"]
    error = result.news[1].error
    assert type(error) is AccessDenied
    assert 'key_prefix "a/" { policy = "read" }' in str(error)
    assert "partial=True" in str(error)


def test_filtered_list_may_be_enough() -> None:
    """Whoever says so takes it for all there is; also if it is empty."""
    of = Watch("a/", {}, recurse=True, partial=True)
    (found,) = watch(FILTERED, of=of).news
    assert [entry.key for entry in found.entries] == ["a/b"]
    empty = Reply(404, {"x-consul-index": "6", "x-consul-results-filtered-by-acls": "true"}, b"")
    assert watch(empty, of=of).told == ["Found"]
    assert watch(empty).told == ["Failed"]


def test_unfiltered_list() -> None:
    """Consul also says so when nothing was left out."""
    answer = reply([raw("a/b")], x_consul_results_filtered_by_acls="false")
    assert watch(answer).told == ["Found"]


def test_right_of_a_single_key() -> None:
    """The error names the rule for just this key."""
    (failed,) = watch(plain(403), of=KEY).news
    assert 'key "a" { policy = "read" }' in str(failed.error)
    assert SECRET not in str(failed.error)


def test_revision_tells_the_index_and_no_value() -> None:
    """It begins with the highest ModifyIndex, and shows nothing of the content."""
    (found,) = watch(reply([raw("a/b", b"hunter2", 12), raw("a/c", b"", 7)], 99)).news
    assert found.revision == revision_of(found.entries)
    assert found.revision.startswith("12-")
    assert len(found.revision) == 15
    assert SECRET not in found.revision + repr(found)


def test_closing_it_anywhere() -> None:
    """A watch that is cancelled ends without another word, wherever it is."""
    for answers in ([], [reply([])], [plain(500)]):
        steps = follow(KEY, watching=True, now=ManualClock().monotonic, random=lambda: 0.0)
        step = next(steps)
        for answer in answers:
            step = steps.send(answer)
        assert step is not None
        steps.close()
        with pytest.raises(StopIteration):
            next(steps)


def test_unchanged_has_no_content() -> None:
    """All answers without news are alike."""
    assert Unchanged() == Unchanged()


LOST = ConnectionLost("http://127.0.0.1:8500: the connection was lost")


def test_connection_lost_while_waiting() -> None:
    """It is no failure yet, as proxies end what waits for long; the next query begins anew."""
    result = watch(reply([raw("a/b", b"1")], 200), LOST, reply([raw("a/b", b"2")], 17))
    assert result.told == ["Found", "Found"]
    assert indices(result) == [None, "200", None, "17"]
    assert result.pauses == [FIRST_DELAY]  # everybody else may have lost theirs, too


def test_connection_lost_again() -> None:
    """If the next query is lost as well, it is a failure."""
    result = watch(reply([raw("a/b")], 200), LOST, LOST, reply([raw("a/b")], 201))
    assert result.told == ["Found", "Failed", "Unchanged"]


def test_connections_that_are_always_lost() -> None:
    """A server that ends every waiting query at once is asked at a bounded rate."""
    again: list[Reply | SourceError] = [LOST, reply([raw("a/b")], 200)]
    answers = [reply([raw("a/b")], 200), *again * BURST]
    assert len(watch(*answers).pauses) > 0


HIDDEN = {"X_Consul_Default_ACL_Policy": "deny"}


@pytest.mark.parametrize(
    ("of", "before", "refused"),
    [
        (Watch("a/", {}, recurse=True, anonymous=True), False, True),
        (Watch("a/", {}, recurse=True, anonymous=True), True, True),
        (Watch("a/", {}, recurse=True, anonymous=True, members=True), False, False),
        (Watch("a/", {}, recurse=True, anonymous=True, members=True), True, True),
        (Watch("a/", {}, recurse=True, anonymous=True, partial=True), True, False),
        (Watch("a/", {}, recurse=True), True, False),
    ],
)
def test_nothing_to_see_without_a_token(of: Watch, before: bool, refused: bool) -> None:
    """Consul hides keys from somebody without a token and does not say so: none may be some."""
    answers = [reply([raw("a/b")], 5)] if before else []
    result = watch(*answers, missing(6, **HIDDEN), of=of)
    last = result.news[-1]
    assert isinstance(last, Failed) == refused
    if isinstance(last, Failed):
        assert isinstance(last.error, AccessDenied)
        assert "without a token" in str(last.error)
