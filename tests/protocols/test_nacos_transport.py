"""Which way changes of Nacos are noticed, on which servers, also while they change; and who asks."""

import pytest

from dynconf.errors import AccessDenied, SourceUnavailable
from dynconf.protocols.exchange import Reply
from dynconf.protocols.nacos.api import V3_API
from dynconf.protocols.nacos.watch import Answered
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
    hint,
    listens,
    plain,
    token,
    v3,
)


@pytest.mark.parametrize("gone", [SWITCHED_OFF, NO_SUCH_PATH])
def test_upgraded_during_a_poll(gone: Reply) -> None:
    """A server whose long poll goes is asked anew what it has, and looked at from then on."""
    session = polling(A, B).answer(gone)
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
    """What was answered counts, the rest is read by the other API."""
    session = polling(A, B).answer(hint(A, B), NEW, SWITCHED_OFF)
    assert session.states() == [(A, b"n: 2")]
    session.answer(SWITCHED_OFF, v3(b"n: 3"))
    assert session.states() == [(B, b"n: 3")]


def test_content_without_a_long_poll() -> None:
    """Should v1 be there but for its long poll, its contents are read now and then: it never spins."""
    session = polling(A)
    for _ in range(8):
        session.answer(NO_SUCH_PATH, OLD)
    assert sum(session.rested()) > 30
    session.answer(NO_SUCH_PATH, NEW)
    assert session.states()[-1] == (A, b"n: 2")


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
    """v3 says 200 to what is missing."""
    session = looking(A).answer(V3_MISSING)
    assert session.states() == [(A, None)]


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
    asked = []
    while session.clock.monotonic() < 200:
        requests = session.requests
        asked.append(len(requests))
        session.answer(
            *[NOBODY if "b.yaml" in request.query["dataId"] else v3(b"n: 1") for request in requests]
        )
    assert 10 <= asked.count(2) <= 14
    assert 10 <= asked.count(1) <= 40


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


# Logging in


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
    assert session.request.credentials == {"accessToken": "t2"}
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
    session = polling(A).answer(DENIED)
    (news,) = session.told()
    assert "wants a log-in: give username= and password=" in str(news.error)
    session.answer(NOTHING)
    assert session.told() == [Answered(frozenset({A}))]
