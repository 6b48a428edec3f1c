"""Following configurations of Nacos: what is asked when, when it pauses, and what counts as news."""

from itertools import pairwise

import pytest

from dynconf.errors import AccessDenied, Conflict, SourceError, SourceUnavailable, UnexpectedReply
from dynconf.protocols.exchange import Busy, ConnectionLost, Reply, Request, Rest
from dynconf.protocols.nacos.api import V1_API
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.watched import Answered, News
from dynconf.protocols.pacing import BURST, FIRST_DELAY, PER_SECOND
from tests.protocols.nacos_following import NEW, NEW_MD5, NOBODY, OLD, OLD_MD5, Following, polling
from tests.protocols.nacos_props import (
    CHANGING,
    DENIED,
    EARLY,
    GIVEN_UP,
    NO_SUCH_PATH,
    NOTHING,
    SECRET,
    SWITCHED_OFF,
    USER,
    V1_MISSING,
    A,
    Answer,
    B,
    C,
    hint,
    is_glance,
    listens,
    plain,
    token,
    v1,
    v3,
)

# The first answers


def test_first_answers() -> None:
    """One is asked for to learn the API, then all others at once; then the poll has all md5s."""
    session = Following(A, B, C)
    assert session.request == V1_API.read(A, limit=session.watched.limit)
    session.answer(OLD)
    assert session.requests == [V1_API.read(key, limit=session.watched.limit) for key in (B, C)]
    session.answer(V1_MISSING, NEW)
    assert session.states() == [(A, b"n: 1"), (B, None), (C, b"n: 2")]
    assert listens(session.request) == {A: OLD_MD5, B: "", C: NEW_MD5}
    assert session.watched.transport == "long poll"
    assert session.rested() == []


def test_options() -> None:
    """How long to wait, and how large a reply may be, are said once."""
    session = Following(A, wait=12, limit=77)
    assert session.request.limit == 77
    assert session.answer(OLD).request.headers["Long-Pulling-Timeout"] == "12000"


def test_nothing_to_follow() -> None:
    """Without keys nothing is asked, and nothing done until it is woken."""
    session = Following()
    assert session.asks == Rest(None)
    assert session.asked == []
    session.join(A)
    assert session.request == V1_API.read(A, limit=session.watched.limit)


def test_nobody_answers_at_first() -> None:
    """Two requests tell it for all; they are tried again after pauses that grow."""
    session = Following(A, B, C).answer(NOBODY, NOBODY)
    assert session.states() == [(key, SourceUnavailable) for key in (A, B, C)]
    session.answer(*[NOBODY] * 4)
    assert session.rested() == [0.25, 0.5, 1.0]
    assert len(session.asked) == 7
    session.answer(OLD, OLD, OLD)
    assert session.states()[-3:] == [(key, b"n: 1") for key in (A, B, C)]
    assert session.watched.transport == "long poll"


def test_no_nacos_at_first() -> None:
    """What is no Nacos is called that for each of them."""
    session = Following(A, B).answer(*[NO_SUCH_PATH] * 4)
    assert session.states() == [(A, UnexpectedReply), (B, UnexpectedReply)]
    assert session.watched.transport is None


def test_first_one_is_refused() -> None:
    """What is wrong with one alone keeps no other from being read."""
    session = Following(A, B, C).answer(DENIED, OLD, OLD)
    assert session.states() == [(A, AccessDenied), (B, b"n: 1"), (C, b"n: 1")]
    assert listens(session.request) == {B: OLD_MD5, C: OLD_MD5}


# The long poll


def test_change() -> None:
    """What is named is read, and nothing else; the next poll has its new md5."""
    session = polling(A, B).answer(hint(B))
    assert session.requests == [V1_API.read(B, limit=session.watched.limit)]
    session.answer(NEW)
    assert session.states() == [(B, b"n: 2")]
    assert listens(session.request) == {A: OLD_MD5, B: NEW_MD5}
    assert session.rested() == []


def test_first_poll_after_a_change() -> None:
    """It is soon sent again: what changes while the server takes it in is told by none of its answers."""
    session = polling(A)
    assert session.request.patience is None
    session.answer(hint(A), NEW)
    assert session.request.patience == 1.5
    session.answer(GIVEN_UP)
    assert listens(session.request) == {A: NEW_MD5}
    assert session.request.patience is None
    session.answer(hint(A), OLD, NOTHING)
    assert session.request.patience is None
    assert session.rested() == []


def test_time_is_up() -> None:
    """An empty answer says that all is as it was, and the poll begins again."""
    session = polling(A, B).answer(NOTHING)
    assert session.told() == [Answered(frozenset({A, B}))]
    assert listens(session.request) == {A: OLD_MD5, B: OLD_MD5}


def test_several_changes() -> None:
    """All that one answer names are read at once."""
    session = polling(A, B, C).answer(hint(A, C))
    assert [request.query["dataId"] for request in session.requests] == ["a.yaml", "c.yaml"]
    assert session.told() == [Answered(frozenset({B}))]  # so are the others, once they are read
    session.answer(NEW, NEW)
    assert session.states() == [(A, b"n: 2"), (C, b"n: 2")]


def test_partial_answer() -> None:
    """An answer may name one of two that changed: the next poll is sent at once, with the other's old md5."""
    session = polling(A, B).answer(hint(A), NEW)
    assert listens(session.request) == {A: NEW_MD5, B: OLD_MD5}
    session.answer(hint(B), NEW)
    assert session.states() == [(A, b"n: 2"), (B, b"n: 2")]
    assert session.rested() == []


def test_deletion_and_return() -> None:
    """What is gone is told so, waited for with an empty md5, and told when it is back."""
    session = polling(A).answer(hint(A), V1_MISSING)
    (news,) = [news for news in session.told() if isinstance(news, News)]
    assert (news.config, news.error, news.changed) == (None, None, True)
    assert listens(session.request) == {A: ""}
    session.answer(hint(A), OLD)
    assert session.states() == [(A, b"n: 1")]


@pytest.mark.parametrize("public", ["", "public"])
def test_public_namespace_by_either_name(public: str) -> None:
    """The server may call it so or not at all."""
    session = polling(A).answer(hint(A, public=public))
    assert session.requests == [V1_API.read(A, limit=session.watched.limit)]


def test_md5_is_the_servers() -> None:
    """What the server calls a content by is sent back, whatever the content's own digest is."""
    encrypted = v1(b"plain", md5="of-cipher")
    session = Following(A).answer(encrypted)
    assert listens(session.request) == {A: "of-cipher"}
    session.told()
    session.answer(hint(A), encrypted)
    assert [news.changed for news in session.told() if isinstance(news, News)] == [False]


def test_storm_is_damped() -> None:
    """Answers that name what is unchanged are waited for less and less often, but never given up."""
    session = polling(A)
    for _ in range(8):
        session.answer(hint(A), OLD)
    assert session.rested() == [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5, 7.5]
    assert not any(news.changed for news in session.told() if isinstance(news, News))
    session.answer(hint(A), NEW)
    assert session.rested() == []
    session.answer(hint(A), NEW)
    assert session.rested() == [0.25]
    session.answer(NOTHING)
    assert session.rested() == []


def test_storm_does_not_hide_a_change() -> None:
    """A change beside what is unchanged is told at once."""
    session = polling(A, B)
    for _ in range(5):
        session.answer(hint(A), OLD)
    session.rested()
    session.answer(hint(A, B), OLD, NEW)
    assert session.states()[-1] == (B, b"n: 2")
    assert session.rested() == []


def test_server_that_spins() -> None:
    """Polls that are answered at once, with nothing, are sent less and less often, until one is held."""
    session = polling(A).answer(*[EARLY] * 7)
    assert session.rested() == [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5]
    assert {type(news) for news in session.told()} == {Answered}
    session.answer(NOTHING)
    assert session.rested() == []
    session.answer(EARLY)
    assert session.rested() == [0.25]


def test_polls_that_never_name_anything() -> None:
    """After some that are answered at once, and tell nothing, it is read instead, and found what changed."""
    session = polling(A).answer(*[EARLY] * 8, NEW)
    assert session.states() == [(A, b"n: 2")]
    assert session.watched.transport == "polling"


def test_tokens_that_never_last() -> None:
    """Where each is refused, one more try with another is all that a refusal leads to at once."""
    session = Following(A, B, username=USER)
    sent, told = 0, list[type[SourceError]]()
    while not told and sent < 60:
        request = session.requests[0] if isinstance(session.asks, list) else session.request
        sent += 1
        if request.method == "POST" and not request.held:
            session.answer(token(f"t{sent}", life=0))
        else:
            session.answer(OLD if "a.yaml" in str(request.query) else DENIED)
        told += [type(one.error) for one in session.told() if isinstance(one, News) and one.error]
    assert told == [AccessDenied]


def test_changes_without_end() -> None:
    """However many there are, only so many polls are sent a second."""
    session = polling(A)
    for _ in range(150):
        session.answer(hint(A), NEW, hint(A), OLD)
    rests = session.rested()
    assert len(rests) == 300 - BURST
    assert rests == pytest.approx([1 / PER_SECOND] * len(rests))


def test_joining() -> None:
    """Who joins interrupts the poll and is read before anything else is waited for."""
    session = polling(A)
    session.join(B)
    assert session.requests == [V1_API.read(B, limit=session.watched.limit)]
    session.answer(NEW)
    assert session.states() == [(B, b"n: 2")]
    assert listens(session.request) == {A: OLD_MD5, B: NEW_MD5}
    assert session.rested() == []


def test_joining_again() -> None:
    """A key with a new follower is read anew, so that he is told of it."""
    session = polling(A)
    session.join(A)
    session.answer(OLD)
    assert session.states() == [(A, b"n: 1")]


def test_leaving() -> None:
    """Who leaves is waited for no more, also if the answer that is on its way names him."""
    session = polling(A, B)
    session.leave(A)
    assert listens(session.request) == {B: OLD_MD5}
    session.watched.leave(B)
    session.answer(hint(B))
    assert session.asks == Rest(None)
    assert session.states() == []


def test_leaving_while_it_is_read() -> None:
    """What comes too late does no harm, and is not followed by it."""
    session = polling(A, B).answer(hint(A, B))
    session.watched.leave(A)
    session.answer(NEW, NEW)
    assert listens(session.request) == {B: NEW_MD5}


PAGE = plain(404, b"<html>nothing here</html>", content_type="text/html")
"""What a gateway says that has no route for something."""

# What fails for one


def test_one_that_fails() -> None:
    """It is told, and tried again; meanwhile the others are polled for, for as long as its pause is."""
    session = Following(A, B).answer(OLD, plain(500))
    assert session.states() == [(A, b"n: 1"), (B, UnexpectedReply)]
    for patience in (0.25, 0.5, 1.0):
        assert listens(session.request) == {A: OLD_MD5}
        assert session.request.patience == patience
        session.answer(GIVEN_UP, plain(500))
    session.answer(GIVEN_UP)
    session.told()
    session.answer(OLD)
    assert session.states() == [(B, b"n: 1")]
    assert listens(session.request) == {A: OLD_MD5, B: OLD_MD5}
    assert session.request.patience is None
    assert session.rested() == []


def test_change_of_another_while_one_fails() -> None:
    """Neither waits for the other."""
    session = Following(A, B).answer(OLD, plain(403), hint(A))
    session.told()
    session.answer(NEW)
    assert session.states() == [(A, b"n: 2")]
    session.answer(GIVEN_UP, plain(403))
    assert session.states() == [(B, AccessDenied)]


def test_known_one_that_fails() -> None:
    """It is told as failing, read anew, and polled for no more until it is read: its change is known."""
    session = polling(A, B).answer(hint(A), NOBODY)
    assert session.states() == [(A, SourceUnavailable)]
    assert listens(session.request) == {B: OLD_MD5}
    assert is_glance(session.request)  # is anybody there?
    session.answer(NOTHING)
    assert session.told() == [Answered(frozenset({B}))]
    assert not is_glance(session.request)
    assert session.request.patience == 0.25
    session.answer(GIVEN_UP, OLD)
    (news,) = session.told()
    assert (news.error, news.changed) == (None, False)
    assert listens(session.request) == {A: OLD_MD5, B: OLD_MD5}
    assert session.request.patience is None


def test_one_that_fails_while_nobody_answers() -> None:
    """That nobody answers the others either is found out at once, and told."""
    session = polling(A, B).answer(hint(A), NOBODY)
    assert session.states() == [(A, SourceUnavailable)]
    assert is_glance(session.request)
    session.answer(NOBODY)
    assert session.states() == [(B, SourceUnavailable), (A, SourceUnavailable)]


def test_one_that_fails_for_long() -> None:
    """It is read less and less often, and last of all; nothing is told of the others."""
    session = polling(A, B).answer(hint(A), NOBODY, NOTHING)
    moments = []
    while session.clock.monotonic() < 300:
        if is_glance(session.request):
            session.answer(NOTHING)
        else:
            session.answer(GIVEN_UP)
            moments.append(session.clock.monotonic())
            session.answer(NOBODY)
    assert {news.key for news in session.told() if isinstance(news, News)} == {A}
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses == pytest.approx([0.5, 1, 2, 4, *[7.5] * (len(pauses) - 4)])
    assert session.watched.all() == [B, A]


def test_polls_that_are_all_given_up() -> None:
    """Where none is answered for as long as a poll takes, a glance tells whether anybody is there."""
    session = Following(A, B, wait=10).answer(OLD, plain(403))
    session.told()
    while not is_glance(session.request):
        session.answer(GIVEN_UP, plain(403))
    assert 10 < session.clock.monotonic() < 20
    session.told()
    session.answer(NOBODY)
    assert session.states() == [(A, SourceUnavailable), (B, SourceUnavailable)]


def test_one_that_fails_while_the_api_goes() -> None:
    """Whoever finds out that there is another API now, all are read by that."""
    session = Following(A, B, C).answer(OLD, OLD, plain(500))
    session.told()
    session.answer(GIVEN_UP, SWITCHED_OFF, SWITCHED_OFF, v3(b"n: 1"))  # C is read, and finds it out
    assert session.states() == [(C, b"n: 1")]
    assert session.watched.transport == "polling"
    session.answer(*[v3(b"n: 2")] * 3)
    assert session.states() == [(key, b"n: 2") for key in (A, B, C)]


def test_one_that_a_gateway_turns_away() -> None:
    """Where others read well, a page with 404 for one is no word on the API: that one is told as failing."""
    session = Following(A, B, C).answer(OLD, PAGE, OLD)
    assert session.states() == [(A, b"n: 1"), (C, b"n: 1")]
    session.answer(PAGE, PAGE)  # by either API
    assert session.states() == [(B, UnexpectedReply)]
    assert listens(session.request) == {A: OLD_MD5, C: OLD_MD5}
    assert session.watched.transport == "long poll"
    session.answer(NOTHING, GIVEN_UP, OLD)
    assert session.states() == [(B, b"n: 1")]


def test_one_that_a_gateway_turns_away_for_long() -> None:
    """It is asked for less and less often, and the others are read no more than they change."""
    session = Following(A, B, C).answer(OLD, PAGE, OLD, PAGE, PAGE)
    session.states()
    began, moments = len(session.asked), []
    while session.clock.monotonic() < 300:
        if is_glance(session.request):
            session.answer(NOTHING)
        else:
            session.answer(GIVEN_UP)
            moments.append(session.clock.monotonic())
            session.answer(PAGE, PAGE, PAGE)
    assert {(news.key, type(news.error)) for news in session.told() if isinstance(news, News)} == {
        (B, UnexpectedReply)
    }
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses == pytest.approx([0.5, 1, 2, 4, *[7.5] * (len(pauses) - 4)])
    read = {request.query["dataId"] for request in session.asked[began:] if not request.held}
    assert read == {"b.yaml"}


def test_several_that_a_gateway_turns_away() -> None:
    """Two of them are asked for by either API; that tells it for all."""
    keys = [NacosKey(f"{n}.yaml", "g") for n in range(5)]
    session = Following(A, *keys).answer(OLD, *[PAGE] * 5, *[PAGE] * 4)
    assert session.states() == [(A, b"n: 1"), *((key, UnexpectedReply) for key in keys)]
    assert is_glance(session.request)


def test_gateway_that_turns_away_what_was_read() -> None:
    """It is stale from then on, although nobody else is."""
    session = polling(A, B).answer(hint(A), PAGE, PAGE, PAGE)
    assert session.states() == [(A, UnexpectedReply)]
    assert listens(session.request) == {B: OLD_MD5}
    assert is_glance(session.request)  # does it turn away the others as well?
    assert session.answer(NOTHING).told() == [Answered(frozenset({B}))]


def test_gateway_that_lets_each_through_by_one_api_only() -> None:
    """Both are read, and kept up to date without a poll that spins."""

    def reply(request: Request) -> Reply:
        if request.held:
            return NOTHING if listens(request).get(A) == OLD_MD5 else hint(A)
        ours = request.query["dataId"] == (
            "a.yaml" if request.path == V1_API.read(A, limit=1).path else "b.yaml"
        )
        return (OLD if request.path.startswith("/v1/") else v3(b"n: 1")) if ours else PAGE

    session = Following(A, B)
    while session.clock.monotonic() < 300:
        asked = session.requests if isinstance(session.asks, list) else [session.request]
        session.answer(*map(reply, asked))
        if asked[0].held:
            session.clock.advance(30)
    told = [news for news in session.told() if isinstance(news, News)]
    assert {(news.key, news.error) for news in told} == {(A, None), (B, None)}
    assert len(session.asked) < 100


def test_one_that_asks_to_be_left_alone_at_first() -> None:
    """It is not the first to be asked again."""
    session = Following(A, B).answer(plain(503, retry_after="3"))
    assert session.states() == [(A, Busy), (B, Busy)]
    session.answer(OLD)
    assert session.states() == [(B, b"n: 1")]


def test_first_ones_that_fail() -> None:
    """One that fails keeps no other from being read; of two nobody knows whether others would do better."""
    session = Following(A, B, C).answer(NOBODY, OLD, OLD)
    assert session.states() == [(A, SourceUnavailable), (B, b"n: 1"), (C, b"n: 1")]
    session = Following(A, B, C).answer(NOBODY, NOBODY)
    assert session.states() == [(key, SourceUnavailable) for key in (A, B, C)]


def test_a_log_in_that_nobody_answers() -> None:
    """It is as silent to those that need no reading as to the one that does."""
    session = Following(A, username=USER).answer(token(life=5), OLD)
    session.told()
    session.clock.advance(10)
    session.join(B)
    session.answer(NOBODY)
    assert session.states() == [(B, SourceUnavailable)]
    session.answer(NOBODY)  # nor is the poll to be had without it
    assert session.states() == [(A, SourceUnavailable), (B, SourceUnavailable)]


def test_only_one_that_fails() -> None:
    """Without any other there is nothing to poll for: it is read again after each pause."""
    session = polling(A).answer(hint(A), NOBODY, NOBODY)
    assert session.states() == [(A, SourceUnavailable)] * 2
    assert session.rested() == [0.25, 0.5]
    session.answer(NEW)
    assert session.states() == [(A, b"n: 2")]
    assert listens(session.request) == {A: NEW_MD5}


def test_answer_is_no_word_on_what_fails() -> None:
    """A poll that is answered says nothing of a key that still has to be read."""
    session = Following(A, B).answer(OLD, plain(403), NOTHING)
    assert Answered(frozenset({A})) in session.told()


def test_being_changed() -> None:
    """409 is nothing to be told; it is read again soon."""
    session = polling(A, B).answer(hint(A), CHANGING)
    assert session.states() == []
    assert session.request.patience == 0.25
    session.answer(GIVEN_UP, NEW)
    assert session.states() == [(A, b"n: 2")]


def test_being_changed_at_first() -> None:
    """Also before the API is known: asked again soon, and in the end told."""
    session = Following(A).answer(*[CHANGING] * 80)
    assert session.states() == [(A, Conflict)]
    session.answer(OLD)
    assert session.states() == [(A, b"n: 1")]


# What fails for all


@pytest.mark.parametrize(
    "fault", [NOBODY, plain(500), plain(503), CHANGING, plain(200), plain(302), plain(400)]
)
def test_poll_that_fails(fault: Answer) -> None:
    """It is told for all; the next poll is answered at once, so that one knows again, and then they wait.

    Unless nobody answers at all, such a poll and a read are tried before that is said.
    """
    session = polling(A, B).answer(fault)
    if fault is not NOBODY:
        assert session.answer(fault).told() == []
        assert session.request == V1_API.read(A, limit=session.watched.limit)
        session.answer(plain(500))
    told = session.told()
    assert [news.key for news in told] == [A, B]
    assert all(isinstance(news.error, SourceError) and SECRET not in str(news.error) for news in told)
    assert session.request.headers["Long-Pulling-Timeout-No-Hangup"] == "true"
    session.answer(NOTHING)
    assert session.told() == [Answered(frozenset({A, B}))]
    assert "Long-Pulling-Timeout-No-Hangup" not in session.request.headers


def test_change_during_a_failure() -> None:
    """It is found by the first poll that is answered."""
    session = polling(A).answer(NOBODY, NOBODY, hint(A), NEW)
    assert session.states()[-1] == (A, b"n: 2")


def test_pauses_after_failures() -> None:
    """They double, and begin anew after a success."""
    session = polling(A).answer(NOBODY, NOBODY, NOBODY)
    assert session.rested() == [0.25, 0.5, 1.0]
    session.answer(NOTHING, NOTHING, NOBODY)  # one at once, and one that was held
    assert session.rested() == [0.25]


def test_pauses_while_nothing_is_held() -> None:
    """They go on to grow where what is answered at once is answered, and nothing else."""
    session = polling(A).answer(*[plain(503), NOTHING] * 6)
    assert session.rested() == [0.25, 0.5, 1.0, 2.0, 4.0, 7.5]
    assert {type(news) for news in session.told()} == {Answered}
    session.answer(plain(503), hint(A), NEW)  # a change is seen, and is no sign that any would be held
    assert session.states() == [(A, b"n: 2")]
    session.answer(plain(503))
    assert session.rested() == [7.5, 7.5]
    session.answer(NOTHING, NOTHING, plain(503))
    assert session.rested() == [0.25]


@pytest.mark.parametrize(
    "fault", [Busy("x", 30.0), plain(503, retry_after="30"), plain(429, retry_after="30")]
)
def test_asked_pause(fault: Answer) -> None:
    """What the server asks for is waited at least."""
    assert polling(A, random=0.0).answer(fault).rested() == [30.0]


@pytest.mark.parametrize("status", [429, 503])
def test_only_the_poll_is_sent_away(status: int) -> None:
    """Once it is, reading is refused for that time by ourselves: so one read before the next poll tells."""
    away = plain(status, retry_after="30")
    session = polling(A).answer(away, away)
    assert session.rested()[-1] >= 30
    for _ in range(4):
        assert not session.request.held
        session.answer(OLD)
        assert is_glance(session.request)
        session.answer(away)
    assert session.watched.transport == "polling"
    session.told()
    session.answer(NEW)
    assert session.states() == [(A, b"n: 2")]


def test_all_is_sent_away() -> None:
    """One that wants to be left alone altogether is asked one thing after each time."""
    away = plain(503, retry_after="30")
    session = polling(A, B).answer(away, away)
    for _ in range(20):
        assert not session.request.held
        session.answer(away)
        assert session.rested()[-1] >= 30
    assert session.watched.transport == "long poll"
    session.answer(OLD, NOTHING)
    assert session.told()[-1] == Answered(frozenset({A, B}))


def test_another_end_soon_after_the_last() -> None:
    """A server that comes back begins anew: that it goes again is told as soon as the first time."""
    session = polling(A).answer(*[NOBODY] * 6, NOTHING)
    session.rested()
    session.answer(ConnectionLost("lost"))
    assert session.rested() == [0.25]
    session.answer(NOBODY)
    assert session.states()[-1] == (A, SourceUnavailable)


def test_join_during_a_failure() -> None:
    """It ends the pause and is tried at once; here the failure lasts."""
    session = polling(A).answer(NOBODY)
    session.watched.join(B)
    session.answer(GIVEN_UP)
    assert session.requests == [V1_API.read(B, limit=session.watched.limit)]


def test_closing_it_anywhere() -> None:
    """Whoever is cancelled ends without another word, wherever he is."""
    answers: list[Answer] = [token(), OLD, OLD, hint(A), NEW, NOBODY]
    for count in range(len(answers) + 1):
        session = Following(A, B, username=USER).answer(*answers[:count])
        session.close()


@pytest.mark.parametrize(
    ("ended", "failing"),
    [(ConnectionLost("lost"), ConnectionLost("lost again")), (plain(504), plain(504))],
)
def test_what_waits_is_ended_by_a_proxy(ended: Answer, failing: Answer) -> None:
    """It is no failure yet, as proxies cut what waits for long, or say 504 to it; then a glance tells."""
    session = Following(A)
    session.answer(OLD)
    for _ in range(3):
        session.told()
        session.clock.advance(10)
        session.answer(ended)
        assert session.rested()[-1:] == [0.5 * FIRST_DELAY]
        assert is_glance(session.request)
        assert session.told() == []
        session.answer(NOTHING)
        assert session.told() == [Answered(frozenset({A}))]
    session.answer(ended, failing, NOBODY)
    (news,) = session.told()
    assert isinstance(news.error, SourceUnavailable)


@pytest.mark.parametrize("reply", [503, 429])
def test_a_read_that_is_put_off(reply: int) -> None:
    """Nobody asks again before the time is over that the server asked for."""
    session = Following(A)
    session.answer(plain(reply, retry_after="30"))
    assert session.rested()[0] >= 30
    session.answer(OLD, hint(A), plain(reply, retry_after="20"))
    assert max(session.rested()) >= 20
    session.answer(NEW)
    assert session.states()[-1] == (A, b"n: 2")


def test_a_glance_that_is_given_up() -> None:
    """It has told nothing, so the next one is a glance again, and that somebody answers is told."""
    session = polling(A).answer(NOBODY)
    session.told()
    glance = session.request
    session.answer(GIVEN_UP)
    assert session.request == glance
    session.answer(NOTHING)
    assert session.told() == [Answered(frozenset({A}))]
