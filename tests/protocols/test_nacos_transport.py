"""Which way changes of Nacos are noticed, on which servers, also while they change; and who asks."""

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable
from dynconf.protocols.exchange import ConnectionLost, Reply, Request
from dynconf.protocols.nacos.api import V3_API
from dynconf.protocols.nacos.watched import Answered, News
from tests.protocols.nacos_following import NEW, NOBODY, OLD, OLD_MD5, Following, looking, polling
from tests.protocols.nacos_props import (
    DENIED,
    NO_SUCH_PATH,
    NOTHING,
    SWITCHED_OFF,
    USER,
    V3_MISSING,
    A,
    B,
    C,
    digest,
    form,
    gone,
    hint,
    is_glance,
    listens,
    of,
    plain,
    signature,
    token,
    v3,
)

LOST = ConnectionLost("lost")


@pytest.mark.parametrize("gone", [SWITCHED_OFF, NO_SUCH_PATH])
def test_upgraded_during_a_poll(gone: Reply) -> None:
    """A server whose long poll goes is asked anew what it has, and looked at from then on."""
    session = polling(A, B).answer(gone, gone)
    assert session.states() == []
    assert session.request.path == "/v1/cs/configs"
    session.answer(gone, v3(b"n: 1"))
    assert [request.path for request in session.requests] == ["/v3/client/cs/config"]
    session.answer(v3(b"n: 2"))
    assert session.states() == [(A, b"n: 1"), (B, b"n: 2")]
    assert session.watched.transport == "polling"


@pytest.mark.parametrize("gone", [SWITCHED_OFF, NO_SUCH_PATH])
def test_upgraded_while_it_is_read(gone: Reply) -> None:
    """Likewise if a read is the first to meet it: that is neither a failure nor a deletion."""
    session = polling(A, B).answer(hint(A, B), gone, gone)
    assert session.states() == []
    assert session.request.path == "/v1/cs/configs"
    session.answer(gone, v3(b"n: 2"), v3(b"n: 1"))
    assert session.states() == [(A, b"n: 2"), (B, b"n: 1")]


def test_half_of_a_batch_meets_the_upgrade() -> None:
    """What was answered counts; the rest, and then all, is read by the other API."""
    session = polling(A, B).answer(hint(A, B), NEW, SWITCHED_OFF)
    assert session.states() == [(A, b"n: 2")]
    session.answer(SWITCHED_OFF, v3(b"n: 3"))
    assert session.states() == [(B, b"n: 3")]
    assert session.watched.transport == "polling"
    session.answer(v3(b"n: 2"), v3(b"n: 3"))
    assert [(news.key, news.changed) for news in session.told()] == [(A, False), (B, False)]


@pytest.mark.parametrize("answer", [SWITCHED_OFF, DENIED])
def test_turned_away_after_an_outage(answer: Reply) -> None:
    """A server that comes back another one is read from at once; the outage's pauses are over."""
    session = polling(A).answer(*[NOBODY] * 7)
    assert session.rested()[-1] == 7.5
    session.told()
    session.answer(answer)
    assert session.rested() == []
    session.answer(*([answer, v3(b"n: 2")] if answer is SWITCHED_OFF else [NEW]))
    assert session.states() == [(A, b"n: 2")]


def test_content_without_a_long_poll() -> None:
    """Should v1 be there but for its long poll, its contents are soon read now and then."""
    session = polling(A).answer(NO_SUCH_PATH, *[NO_SUCH_PATH, OLD] * 4)
    assert {error for _, error in session.states()} <= {b"n: 1"}
    assert session.watched.transport == "polling"
    session.answer(NEW)
    assert session.states()[-1] == (A, b"n: 2")
    assert session.rested()[-1] == 15.0


def test_looking_now_and_then() -> None:
    """Where there is no long poll, all are read after each interval, and only what differs is a change."""
    session = looking(A, B)
    assert session.requests == [V3_API.read(key, limit=session.watched.limit) for key in (A, B)]
    session.answer(v3(b"n: 1"), v3(b"n: 2"))
    assert [(news.key, news.changed) for news in session.told()] == [(A, False), (B, True)]
    assert session.rested() == [15.0]
    assert {request.path for request in session.asked[1:]} == {"/v3/client/cs/config"}


@pytest.mark.parametrize(("random", "rest"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_interval_differs_at_random(random: float, rest: float) -> None:
    """So that clients don't come as one."""
    session = Following(A, interval=10, random=random).answer(SWITCHED_OFF, v3())
    assert session.rested() == pytest.approx([rest])


def test_deletion_seen_by_looking() -> None:
    """v3 says 200 to what is missing, and to what is just being written: it has to say so several times."""
    session = looking(A).answer(V3_MISSING, V3_MISSING)
    assert session.states() == []
    session.answer(V3_MISSING)
    assert session.states() == [(A, None)]


def test_written_while_it_is_looked_at() -> None:
    """That it was said not to be there is forgotten once it is."""
    session = looking(A)
    for n in range(2, 5):
        session.answer(V3_MISSING, V3_MISSING, v3(b"n: %d" % n))
    assert session.states() == [(A, b"n: 2"), (A, b"n: 3"), (A, b"n: 4")]


def test_missing_at_first_is_looked_for_soon() -> None:
    """Whoever starts waits for it."""
    session = Following(A, B).answer(SWITCHED_OFF, *gone(V3_API), v3(b"n: 1"))
    assert session.states() == [(A, None), (B, b"n: 1")]
    session.rested()
    for _ in range(4):
        assert session.requests == [of(V3_API, A)]
        session.answer(V3_MISSING)
    assert session.rested() == pytest.approx([0.5, 1.0, 2.0, 4.0])
    session.answer(v3(b"n: 2"))


def test_what_is_missing_is_known_soon() -> None:
    """Whoever starts, or adds it while running, waits for that, and for what comes with it."""
    session = Following(A, B).answer(SWITCHED_OFF, v3(b"n: 1"), *gone(V3_API))
    assert session.states() == [(A, b"n: 1"), (B, None)]
    assert session.rested() == pytest.approx([0.025, 0.05, 0.25])


@pytest.mark.parametrize(("fault", "pause"), [(NOBODY, 0.25), (plain(429, retry_after="7"), 10.5)])
def test_what_is_missing_is_not_hurried_in_a_failure(fault: Reply | SourceError, pause: float) -> None:
    """Between the looks that it takes, what fails waits as it always does."""
    session = Following(A, B).answer(SWITCHED_OFF, v3(b"n: 1"), V3_MISSING)
    assert session.rested() == pytest.approx([0.025])
    session.answer(fault)
    assert session.rested() == pytest.approx([pause])


def test_what_was_there_is_doubted_slowly() -> None:
    """Nobody waits to know that it is gone, and it may take a while to be written."""
    session = looking(A).answer(V3_MISSING, V3_MISSING, V3_MISSING)
    assert session.rested()[:2] == pytest.approx([0.25, 0.5])


def test_missing_for_good_is_looked_for_like_the_rest() -> None:
    """That it was looked for soon at first costs a few requests, and that once."""
    session = Following(A, B).answer(SWITCHED_OFF, *gone(V3_API), v3(b"n: 1"))
    asked = len(session.asked)
    for _ in range(20):
        missed = [request == of(V3_API, A) for request in session.requests]
        session.answer(*(V3_MISSING if one else v3(b"n: 1") for one in missed))
    since = session.asked[asked - 1 :]
    assert 2 < since.count(of(V3_API, A)) - since.count(of(V3_API, B)) <= 8


def test_failure_seen_by_looking() -> None:
    """What fails is looked at again sooner than the interval is over, and alone."""
    session = looking(A, B).answer(v3(b"n: 1"), NOBODY)
    assert session.states() == [(A, b"n: 1"), (B, SourceUnavailable)]
    assert session.rested() == [0.25]
    assert session.requests == [V3_API.read(B, limit=session.watched.limit)]
    session.answer(v3(b"n: 1"))
    assert session.rested() == [14.75]
    assert len(session.requests) == 2


def test_long_failure_seen_by_looking() -> None:
    """However long it lasts, the others are looked at after each interval."""
    session = looking(A, B).answer(v3(b"n: 1"), NOBODY)
    asked: Counter[str] = Counter()
    while session.clock.monotonic() < 200:
        requests = session.requests
        asked.update(request.query["dataId"] for request in requests)
        session.answer(
            *[NOBODY if "b.yaml" in request.query["dataId"] else v3(b"n: 1") for request in requests]
        )
    assert 10 <= asked["a.yaml"] <= 14
    assert 10 <= asked["b.yaml"] <= 40


def test_joining_while_looking() -> None:
    """Who joins is read at once, and alone; the others' next look comes when it is due."""
    session = Following(A).answer(SWITCHED_OFF)
    session.watched.join(B)
    session.answer(v3(b"n: 1"))
    assert [request.query["dataId"] for request in session.requests] == ["b.yaml"]
    session.answer(v3(b"n: 1"))
    assert [request.query["dataId"] for request in session.requests] == ["a.yaml", "b.yaml"]
    assert session.clock.monotonic() == pytest.approx(15)


def test_long_poll_comes_back() -> None:
    """A server with v1 in the place of one without is asked by that again."""
    session = looking(A).answer(NO_SUCH_PATH)
    assert session.request.path == "/v1/cs/configs"
    session.answer(OLD)
    assert listens(session.request) == {A: OLD_MD5}


def test_long_poll_is_asked_for_again() -> None:
    """Every 20 looks, as a server may have been rolled back; one without is looked at as before."""
    session = looking(A)
    for _ in range(19):
        assert [request.path for request in session.requests] == ["/v3/client/cs/config"]
        session.answer(v3())
    assert session.request.path == "/v1/cs/configs"
    session.answer(SWITCHED_OFF)
    assert session.request.path == "/v3/client/cs/config"


# Servers that are upgraded one by one


class Mixed:
    """A cluster of 2.x, which has no v3, and 3.2, which has no v1; one server answers at a time."""

    def __init__(self) -> None:
        self.upgraded = False

    def answer(self, request: Request) -> Reply:
        """What the server of the moment says."""
        name = "http://new" if self.upgraded else "http://old"
        ours = request.path.startswith("/v3/" if self.upgraded else "/v1/")
        if ours and request.held:
            return NOTHING  # in its time
        found = (v3() if self.upgraded else OLD) if ours else NO_SUCH_PATH
        return replace(found, server=name)


@pytest.mark.parametrize("turns", list(product([False, True], repeat=7)))
def test_upgraded_one_by_one(turns: tuple[bool, ...]) -> None:
    """Whichever server answers next, nothing is taken for missing, changed, or no Nacos, while it is read."""
    cluster = Mixed()
    session = Following(A)
    for cluster.upgraded in (*turns, *[turns[-1]] * 4):
        request = session.requests[0] if isinstance(session.asks, list) else session.request
        session.answer(cluster.answer(request))
    news = [one for one in session.told() if isinstance(one, News)]
    assert [one.error for one in news if one.error] == []
    assert [one.config and one.config.content for one in news if one.changed] == [b"n: 1"]
    assert session.watched.transport == ("polling" if turns[-1] else "long poll")


# A poll that is refused


def test_right_to_what_the_poll_names_is_lost() -> None:
    """That is told of that one alone, once it is read; the others are polled for by another's right."""
    session = polling(A, B, C).answer(DENIED, DENIED)
    assert session.states() == []
    assert len(session.requests) == 3
    session.answer(DENIED, OLD, NEW)
    assert session.states() == [(A, AccessDenied), (B, b"n: 1"), (C, b"n: 2")]
    session.answer(DENIED)  # A again, before it is time for the next poll
    assert listens(session.request) == {B: OLD_MD5, C: digest(b"n: 2")}
    assert form(session.request)["dataId"] == "b.yaml"
    session.answer(NOTHING)
    assert session.watched.transport == "long poll"


def test_poll_alone_is_refused() -> None:
    """Where every read goes through nevertheless, all are read now and then, and the transport says so."""
    session = polling(A, B).answer(DENIED, *[DENIED, OLD, OLD] * 3)
    assert session.watched.by_poll
    session.answer(DENIED)
    assert session.watched.transport == "polling"
    session.rested()
    session.answer(OLD, NEW)
    assert set(session.states()) == {(A, b"n: 1"), (B, b"n: 1"), (B, b"n: 2")}
    assert session.rested() == [15.0]


@pytest.mark.parametrize(
    "fault", [plain(400), plain(413), plain(500), plain(502), plain(200, "<html>"), LOST]
)
def test_poll_alone_fails(fault: Reply | SourceError) -> None:
    """Where one that is polled for can be read, all are read now and then; nothing is told as failing."""
    session = polling(A, B).answer(fault, *[fault, OLD] * 4)
    assert session.watched.transport == "polling"
    session.answer(OLD, NEW)
    assert session.states() == [(A, b"n: 1"), (B, b"n: 2")]
    for _ in range(3):
        session.rested()
        session.answer(OLD, OLD)
        assert session.rested() == [15.0]


def test_poll_that_fails_is_tried_again() -> None:
    """After 20 looks; if it fails nevertheless, that is found out by one read, and not told as failing."""
    session = polling(A).answer(LOST)
    for _ in range(4):
        session.answer(LOST, OLD)
    session.answer(*[OLD] * 20)
    session.told()
    assert [request.path for request in session.asked[-2:]] == ["/v1/cs/configs"] * 2
    session.answer(OLD)  # which API there is
    assert is_glance(session.request)
    session.answer(LOST, OLD)
    assert session.watched.transport == "polling"
    session.answer(NEW)
    assert session.states() == [(A, b"n: 1"), (A, b"n: 2")]


def test_poll_that_was_refused_is_tried_again() -> None:
    """After 20 looks, as rights are given; meanwhile there is none."""
    session = polling(A).answer(DENIED, *[DENIED, OLD] * 4)
    for _ in range(19):
        assert [request.path for request in session.requests] == ["/v1/cs/configs"]
        session.answer(OLD)
    assert session.request.path == "/v1/cs/configs"
    session.answer(OLD)
    assert listens(session.request) == {A: OLD_MD5}
    session.answer(NOTHING)
    assert session.watched.transport == "long poll"


def test_poll_is_refused_now_and_then() -> None:
    """One that was answered in between makes the next refusal a new one."""
    session = polling(A)
    for _ in range(6):
        session.answer(DENIED, DENIED, OLD, NOTHING)
        assert session.watched.transport == "long poll"
    assert listens(session.request) == {A: OLD_MD5}


# Logging in


def test_password_is_changed_during_a_poll() -> None:
    """What is wrong with the log-in is told as that, not as a right that is missing."""
    session = Following(A, username=USER).answer(token("t1"), OLD)
    session.told()
    session.answer(DENIED, plain(403))
    (news,) = session.told()
    assert f"refuses the log-in of the user '{USER}'" in str(news.error)


def test_wrong_password_is_tried_once_for_all() -> None:
    """One log-in tells it for all, also before the API is known; then there is a pause."""
    session = Following(A, B, C, username=USER).answer(plain(403))
    assert session.states() == [(key, AccessDenied) for key in (A, B, C)]
    assert len(session.asked) == 2
    assert session.rested() == [0.25]
    session.answer(token(), OLD, OLD, OLD)
    assert session.states() == [(key, b"n: 1") for key in (A, B, C)]


def test_token_is_renewed_between_polls() -> None:
    """A poll that hangs outlives its token; the next request logs in before it is sent."""
    session = Following(A, username=USER).answer(token("t1", 5), OLD)
    session.clock.advance(30)
    session.answer(NOTHING)
    assert session.request.path == "/v3/auth/user/login"
    session.answer(token("t2", 5))
    assert listens(session.request) == {A: OLD_MD5}
    assert session.request.credentials == signature("t2")
    assert len(session.asked) == 5


def test_refused_in_the_middle() -> None:
    """403 to a poll, and to a batch, is answered with one log-in, and is no failure."""
    session = Following(A, B, username=USER).answer(token("t1"), OLD, OLD, DENIED, token("t2"))
    assert listens(session.request)
    session.clock.advance(61)
    session.answer(hint(A, B), DENIED, DENIED, token("t3"), NEW, NEW)
    assert session.states() == [(A, b"n: 1"), (B, b"n: 1"), (A, b"n: 2"), (B, b"n: 2")]


def test_authentication_is_switched_on() -> None:
    """Without a user the error says what is wanted; and when it is off again all goes on."""
    session = polling(A).answer(DENIED, DENIED)
    assert session.told() == []  # what reading says counts
    session.answer(DENIED)
    (news,) = session.told()
    assert "wants a log-in: give username= and password=" in str(news.error)
    session.answer(OLD, NOTHING)
    assert session.told()[-1] == Answered(frozenset({A}))
    assert session.watched.transport == "long poll"
