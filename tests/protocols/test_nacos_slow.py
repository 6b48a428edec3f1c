"""Following configurations of which one is slow to be read: the others are read and polled for meanwhile."""

import pytest

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable, UnexpectedReply
from dynconf.protocols.exchange import Busy, Reply, Rest, UnderWay
from dynconf.protocols.nacos.api import V1_API
from dynconf.protocols.nacos.watched import Answered, News
from tests.protocols.nacos_following import (
    NEW,
    NEW_MD5,
    NOBODY,
    OLD,
    OLD_MD5,
    Following,
    looking,
    polling,
)
from tests.protocols.nacos_props import (
    CHANGING,
    DENIED,
    GIVEN_UP,
    NO_SUCH_PATH,
    NOTHING,
    SWITCHED_OFF,
    USER,
    A,
    B,
    C,
    hint,
    is_glance,
    listens,
    plain,
    signature,
    token,
    v3,
)


def slowly() -> tuple[Following, UnderWay]:
    """Two were told to have changed; `A` is being read, and waited for no longer."""
    slow = UnderWay()
    session = polling(A, B).answer(hint(A, B), slow, NEW)
    assert session.states() == [(B, b"n: 2")]
    return session, slow


def arrive(session: Following, slow: UnderWay, reply: Reply | SourceError) -> None:
    """What was waited for is there."""
    slow.reply = reply
    session.heed(reply)
    session.rested()
    session.wake()


def test_others_while_one_is_read() -> None:
    """They are polled for and told; it is not asked for a second time, and told once it is there."""
    session, slow = slowly()
    assert listens(session.request) == {B: NEW_MD5}
    session.answer(hint(B))
    assert session.requests == [V1_API.read(B, limit=session.watched.limit)]
    session.answer(OLD)
    assert session.states() == [(B, b"n: 1")]
    session.answer(NOTHING)
    assert session.told() == [Answered(frozenset({B}))]
    arrive(session, slow, NEW)
    assert session.states() == [(A, b"n: 2")]
    assert listens(session.request) == {A: NEW_MD5, B: OLD_MD5}


def test_it_has_no_time_of_its_own() -> None:
    """The poll for the others is as long as any: that it is there ends it."""
    session, _ = slowly()
    session.answer(GIVEN_UP)
    assert session.request.patience is None


def test_changes_of_a_slow_one() -> None:
    """They are not taken for answers that bring nothing new, for which all would be asked less often."""
    session = polling(A, B)
    for content in (NEW, OLD) * 4:
        slow = UnderWay()
        session.answer(hint(A), slow)
        assert session.rested() == []
        arrive(session, slow, content)
        assert listens(session.request)


@pytest.mark.parametrize(
    ("reply", "error"), [(NOBODY, SourceUnavailable), (plain(500), UnexpectedReply), (CHANGING, None)]
)
def test_it_fails(reply: Reply | SourceError, error: type[SourceError] | None) -> None:
    """That is told, and it is read again after a pause, as any that fails."""
    session, slow = slowly()
    arrive(session, slow, reply)
    assert session.states() == ([(A, error)] if error else [])
    if is_glance(session.request):  # is anybody there?
        session.answer(NOTHING)
    assert listens(session.request) == {B: NEW_MD5}
    assert session.request.patience == pytest.approx(0.25, abs=0.1)
    session.answer(GIVEN_UP, NEW)
    assert session.states() == [(A, b"n: 2")]


def test_nobody_answers() -> None:
    """If it was nobody who was slow, that is found out at once for the others, too."""
    session, slow = slowly()
    arrive(session, slow, NOBODY)
    assert session.states() == [(A, SourceUnavailable)]
    assert is_glance(session.request)
    session.answer(NOBODY)
    assert session.states() == [(B, SourceUnavailable), (A, SourceUnavailable)]


@pytest.mark.parametrize("gone", [NO_SUCH_PATH, SWITCHED_OFF])
def test_its_api_is_gone(gone: Reply) -> None:
    """It is asked for by the other one, by which all are read from then on."""
    session, slow = slowly()
    arrive(session, slow, gone)
    session.answer(gone, v3(b"n: 3"))
    assert session.states() == [(A, b"n: 3")]
    assert session.watched.transport == "polling"


def test_the_api_is_asked_for_anew_meanwhile() -> None:
    """If another one is found, it is read by that as all others, and its former answer is no matter."""
    session, slow = slowly()
    session.answer(SWITCHED_OFF, SWITCHED_OFF, SWITCHED_OFF, v3(b"n: 4"), v3(b"n: 3"))
    assert session.states() == [(B, b"n: 4"), (A, b"n: 3")]
    slow.reply = OLD
    assert session.watched.arrived() == []


def test_only_the_poll_is_turned_away_meanwhile() -> None:
    """What is read well goes on to be followed, be it all that is, and is waited for as before."""
    session, slow = slowly()
    session.answer(NO_SUCH_PATH)
    assert is_glance(session.request)
    slow.reply = OLD
    session.answer(NO_SUCH_PATH, plain(500))
    assert session.states() == [(A, b"n: 1"), (B, UnexpectedReply)]
    assert session.watched.transport == "long poll"


def test_it_comes_while_the_server_is_left_alone() -> None:
    """It is told at once, and nothing is asked until the time is over that the server asked for."""
    session, slow = slowly()
    session.stays = True
    session.answer(hint(B), plain(429, retry_after="20"))
    assert session.states() == [(B, Busy)]
    asked = len(session.asked)
    slow.reply = NEW
    session.wake()
    assert session.states()[0] == (A, b"n: 2")
    session.join(C)  # who joins is told why he has to wait
    assert (C, Busy) in session.states()
    session.wake()
    session.clock.advance(19.9)
    session.wake()
    assert len(session.asked) == asked
    session.clock.advance(20.1)
    session.wake()
    assert {request.query["dataId"] for request in session.requests} == {"b.yaml", "c.yaml"}


def test_the_poll_is_answered_with_a_time_while_it_is_read() -> None:
    """Whatever wakes it meanwhile, be it a read that was slow, nothing is asked."""
    session, slow = slowly()
    session.stays = True
    session.answer(plain(503, retry_after="20"))
    asked = len(session.asked)
    slow.reply = NEW
    session.wake()
    session.join(C)
    session.wake()
    assert len(session.asked) == asked
    assert (C, Busy) in session.states()


def test_slow_answer_asks_for_a_time() -> None:
    """It counts as any other: nobody is asked, and that is said of all."""
    session, slow = slowly()
    session.stays = True
    arrive(session, slow, plain(503, retry_after="20"))
    assert set(session.states()) == {(A, Busy), (B, Busy)}


def test_a_gateway_turns_it_away_slowly() -> None:
    """It is told as failing, although it never comes in time."""
    session, slow = slowly()
    arrive(session, slow, NO_SUCH_PATH)
    session.answer(NO_SUCH_PATH, NO_SUCH_PATH)
    assert session.states() == [(A, UnexpectedReply)]
    assert listens(session.request) == {B: NEW_MD5}


def test_only_one() -> None:
    """Without any other there is nothing to do until it is there."""
    slow = UnderWay()
    session = polling(A).answer(hint(A), slow)
    assert session.asks == Rest(None)
    arrive(session, slow, NEW)
    assert session.states() == [(A, b"n: 2")]
    assert listens(session.request) == {A: NEW_MD5}


def test_it_leaves_or_joins_again() -> None:
    """What comes late is not told for it any more: it may be older than what was read meanwhile."""
    session, slow = slowly()
    session.leave(A)
    arrive(session, slow, OLD)
    assert session.states() == []
    session, slow = slowly()
    session.join(A)
    session.answer(NEW)
    assert session.states() == [(A, b"n: 2")]
    arrive(session, slow, OLD)
    assert session.states() == []
    assert listens(session.request) == {A: NEW_MD5, B: NEW_MD5}


def test_looks_while_one_is_read() -> None:
    """Where there is no long poll the others are looked at when it is time, and it is not asked for again."""
    slow = UnderWay()
    session = looking(A, B).answer(v3(b"n: 1"), slow)
    assert session.rested() == [15.0]
    assert [request.query["dataId"] for request in session.requests] == ["a.yaml"]
    session.answer(v3(b"n: 1"))
    slow.reply = v3(b"n: 2")
    session.told()
    session.answer(v3(b"n: 1"))
    assert [news.key for news in session.told() if isinstance(news, News) and news.changed] == [B]


def test_slow_with_a_log_in() -> None:
    """What is refused for its token is sent again beside it."""
    slow = UnderWay()
    session = Following(A, B, username=USER).answer(token(), OLD, OLD, hint(A, B), slow, plain(403))
    session.answer(token("t2"))
    assert [request.query["dataId"] for request in session.requests] == ["b.yaml"]
    session.answer(NEW)
    assert session.states()[-1] == (B, b"n: 2")
    session.told()
    arrive(session, slow, plain(403))  # its token is another by now
    assert session.requests[0].credentials == signature("t2")
    session.answer(NEW)
    assert session.states() == [(A, b"n: 2")]


def test_token_that_is_refused_slowly() -> None:
    """It is as if that had been said at once: one log-in for all, and each is asked for again."""
    slow = [UnderWay(), UnderWay()]
    session = Following(A, B, username=USER).answer(token(), OLD, OLD, hint(A, B), *slow)
    session.told()
    for one in slow:
        one.reply = DENIED
    session.wake()
    session.answer(token("t2"))
    assert [request.credentials for request in session.requests] == [signature("t2")] * 2
    slow = [UnderWay(), UnderWay()]
    session.answer(*slow)
    assert session.told() == []
    slow[0].reply, slow[1].reply = NEW, DENIED
    session.wake()
    assert session.states() == [(A, b"n: 2"), (B, AccessDenied)]  # with a fresh one it is about rights


def test_token_is_refused_slowly_while_looking() -> None:
    """Where nothing but what is slow is asked, somebody logs in nevertheless."""
    slow = UnderWay()
    session = Following(A, username=USER).answer(token(), SWITCHED_OFF, v3(b"n: 1"), slow)
    session.told()
    arrive(session, slow, DENIED)
    assert session.request.path == "/v3/auth/user/login"
    session.answer(token("t2"), v3(b"n: 2"))
    assert session.states() == [(A, b"n: 2")]
