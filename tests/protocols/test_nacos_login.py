"""Logging in to Nacos: when it happens, how often at most, and what becomes of a refused token."""

from typing import Any

import pytest

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable, UnexpectedReply
from dynconf.protocols.exchange import ANSWER_TIME, Pause, Reply, Request
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.replies import BeingChanged
from dynconf.testing import ManualClock
from tests.protocols.nacos_props import (
    DENIED,
    GIVEN_UP,
    NO_SUCH_PATH,
    PASSWORD,
    SECRET,
    SWITCHED_OFF,
    USER,
    Session,
    form,
    json_reply,
    login,
    plain,
    signature,
    token,
    unsigned,
)

GET = Request("GET", "/x")
OTHER = Request("GET", "/y")
HELD = Request("POST", "/poll", held=True)
OK = plain(200)
LOG_IN = "/v3/auth/user/login"


class Sender:
    """Requests of one user, on a clock of their own."""

    def __init__(self, random: float = 0.5) -> None:
        self.clock = ManualClock()
        self.login = login(USER, clock=self.clock, random=random)

    def send(self, request: Request = GET) -> Session:
        """Send a request."""
        return Session(self.login.send(request), self.clock)

    def logs_in(self) -> bool:
        """Whether the next request is preceded by a log-in."""
        session = self.send()
        found = session.request.path == LOG_IN
        session.close()
        return found


@pytest.fixture
def sender() -> Sender:
    """Somebody whose token `t1` lasts for 100 s."""
    sender = Sender()
    sender.send().answer(token("t1", 100), OK)
    return sender


def signed(request: Request) -> str | None:
    """The token of a request."""
    return request.credentials.get("accessToken")


def test_nobody_logs_in_without_a_name() -> None:
    """No user, no log-in, no token; and a refusal is just that."""
    for username, reply in (("", OK), ("", DENIED)):
        session = Session(login(username).send(GET)).answer(reply)
        assert session.asked == [GET]
        assert session.value is reply


def test_log_in_comes_first() -> None:
    """Name and password go into the body, the token into a header of its own, neither into a URL."""
    sender = Sender()
    session = sender.send()
    first = session.request
    assert (first.method, first.path, first.query) == ("POST", LOG_IN, {})
    assert form(first) == {"username": USER, "password": PASSWORD}
    session.answer(token("t1"), OK)
    assert session.asked[1].credentials == signature("t1")
    assert unsigned(session.asked[1]) == GET
    assert session.value is OK


def test_nothing_shows_password_or_token(sender: Sender) -> None:
    """Neither the log-in nor a request does."""
    session = sender.send()
    assert "t1" not in repr(session.request)
    assert "t1" not in repr(sender.login)
    assert PASSWORD not in repr(sender.login) + repr(Sender().send().request)


@pytest.mark.parametrize("unknown", [NO_SUCH_PATH, SWITCHED_OFF, plain(405), plain(501)])
def test_older_servers(unknown: Reply) -> None:
    """Where the newer path is unknown, the older one is asked."""
    session = Sender().send().answer(unknown, token("t1"), OK)
    assert [request.path for request in session.asked] == [LOG_IN, "/v1/auth/login", "/x"]
    assert session.value is OK


def test_path_is_remembered() -> None:
    """The next log-in begins where the last one was taken, and goes back should that be gone."""
    sender = Sender()
    sender.send().answer(NO_SUCH_PATH, token("t1", 0), OK)
    session = sender.send()
    assert session.request.path == "/v1/auth/login"
    session.answer(SWITCHED_OFF)
    assert session.request.path == LOG_IN


def test_token_within_data() -> None:
    """It is taken also from where the rest of v3 has its answers."""
    nested = json_reply({"code": 0, "data": {"accessToken": "t7", "tokenTtl": 5}})
    assert signed(Sender().send().answer(nested).request) == "t7"


@pytest.mark.parametrize("life", [1795304196, 10**400, float("inf")])
def test_log_in_of_a_server_without_any(life: float) -> None:
    """A server that needs none gives a token all the same, which is sent; it is asked again some day."""
    sender = Sender()
    assert signed(sender.send().answer(token("AUTH_DISABLED", life)).request) == "AUTH_DISABLED"
    sender.clock.advance(20 * 86400)
    assert not sender.logs_in()
    sender.clock.advance(10 * 86400)
    assert sender.logs_in()


@pytest.mark.parametrize(("random", "part"), [(0.0, 0.85), (0.5, 0.9), (1.0, 0.95)])
def test_renewed_before_its_end(random: float, part: float) -> None:
    """A token is renewed at 85 to 95 % of its life."""
    sender = Sender(random)
    sender.send().answer(token("t1", 100), OK)
    sender.clock.advance(100 * part - 0.1)
    assert not sender.logs_in()
    sender.clock.advance(0.2)
    session = sender.send()
    assert session.request.path == LOG_IN
    session.answer(token("t2"))
    assert signed(session.request) == "t2"


def test_refused_token(sender: Sender) -> None:
    """403 has us log in anew and ask once more; the second answer counts."""
    session = sender.send().answer(DENIED)
    assert session.request.path == LOG_IN
    session.answer(token("t2"))
    assert signed(session.request) == "t2"
    assert session.answer(OK).value is OK


def test_refused_twice(sender: Sender) -> None:
    """What is refused with a fresh token is refused; that happens once only."""
    session = sender.send().answer(DENIED, token("t2"), DENIED)
    assert session.value is DENIED
    assert len(session.asked) == 3


def test_log_ins_after_refusals_are_rare(sender: Sender) -> None:
    """A right that is missing does not have us log in with every request, but once in 60 s."""
    sender.send().answer(DENIED, token("t2", 1000), DENIED)
    for _ in range(5):
        assert sender.send().answer(DENIED).value is DENIED
        sender.clock.advance(11.9)
    sender.clock.advance(1)
    assert sender.send().answer(DENIED).request.path == LOG_IN


def test_renewal_is_not_delayed_by_refusals(sender: Sender) -> None:
    """A token that ends is renewed also within those 60 s."""
    sender.send().answer(DENIED, token("t2", 10), OK)
    sender.clock.advance(9.5)
    assert sender.logs_in()


def test_only_403_is_about_tokens(sender: Sender) -> None:
    """No other status leads to a log-in."""
    for status in (400, 401, 404, 409, 410, 500, 503):
        assert sender.send().answer(plain(status)).value.status == status


def test_refused_poll(sender: Sender) -> None:
    """A poll that was held is sent again with the new token; one that was given up is not."""
    session = Session(sender.login.hold(HELD), sender.clock)
    session.answer(DENIED, token("t2"))
    assert signed(session.request) == "t2"
    assert session.request.held
    assert session.answer(OK).value is OK
    given_up = Session(sender.login.hold(HELD), sender.clock).answer(GIVEN_UP)
    assert given_up.asks is None
    assert given_up.value is None


def test_one_log_in_for_several(sender: Sender) -> None:
    """Those that were sent side by side are told apart by their tokens: one log-in is for all of them."""
    assert [signed(sender.login.signed(request)) for request in (GET, OTHER)] == ["t1", "t1"]
    assert [sender.login.outdated(reply, "t1") for reply in (DENIED, OK, SourceUnavailable("nobody"))] == [
        True,
        False,
        False,
    ]
    assert sender.login.outdated(DENIED, "t1")
    session = sender.send()
    assert session.request.path == LOG_IN
    session.answer(token("t2"))
    assert signed(session.request) == "t2"
    assert sender.login.outdated(DENIED, "t1")  # it came late
    assert not sender.login.outdated(DENIED, "t2")
    assert not sender.logs_in()


def test_log_in_that_nobody_answers_is_tried_again(sender: Sender) -> None:
    """It counts as none: the token that was refused serves on, and its next refusal leads to the next try."""
    with pytest.raises(SourceUnavailable):
        sender.send().answer(DENIED, SourceUnavailable("nobody"))
    session = sender.send()
    assert signed(session.request) == "t1"
    session.answer(DENIED, token("t2"))
    assert signed(session.request) == "t2"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_password(status: int) -> None:
    """2.x says 403; the error names the user, and nothing that was sent or answered."""
    with pytest.raises(AccessDenied, match=rf"refuses the log-in of the user '{USER}'") as caught:
        Sender().send().answer(plain(status))
    assert PASSWORD not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "fault of its own" not in str(caught.value)


FAULT = {"status": 500, "error": "Internal Server Error", "message": SECRET, "path": f"/nacos{LOG_IN}"}
"""What 3.x says of a wrong password, and of a fault."""


@pytest.mark.parametrize("found", [FAULT, {"code": 500, "message": SECRET}])
def test_wrong_password_or_a_fault(found: Any) -> None:
    """As 3.x says the same of both, the error names both."""
    with pytest.raises(
        AccessDenied, match=r"check the name and the password.*or the server has a fault"
    ) as caught:
        Sender().send().answer(json_reply(found, 500))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "answers",
    [
        [plain(500)],
        [plain(500, f"<html>{SECRET}")],
        [json_reply({"status": 500}, 500)],
        [json_reply(FAULT | {"path": "/elsewhere"}, 500)],
        [json_reply([FAULT], 500)],
        [plain(500, "[" * 5000)],
        [NO_SUCH_PATH, json_reply(FAULT, 500)],
    ],
)
def test_fault_of_a_log_in(answers: list[Reply]) -> None:
    """500 in other words than 3.x's, or of 2.x, which says 403 to a wrong password, is waited for to end."""
    with pytest.raises(UnexpectedReply, match=r"fails \(HTTP 500\)") as caught:
        Sender().send().answer(*answers)
    assert SECRET not in str(caught.value)


ODD_TOKENS: list[Any] = [
    [],
    None,
    {},
    {"accessToken": SECRET},
    {"accessToken": 5, "tokenTtl": 5},
    {"accessToken": "", "tokenTtl": 5},
    {"accessToken": f"{SECRET}\r\nx: y", "tokenTtl": 5},
    {"accessToken": f"{SECRET}ü", "tokenTtl": 5},
    {"accessToken": SECRET, "tokenTtl": "5"},
    {"accessToken": SECRET, "tokenTtl": -1},
    {"accessToken": SECRET, "tokenTtl": float("nan")},
    {"data": {"accessToken": SECRET}},
]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (plain(503), UnexpectedReply),
        (plain(302), UnexpectedReply),
        (plain(409), BeingChanged),
        (plain(200, f"<html>{SECRET}"), UnexpectedReply),
        (plain(200, '{"accessToken": "hunter2'), UnexpectedReply),
        (SourceUnavailable("nobody"), SourceUnavailable),
        *((json_reply(found), UnexpectedReply) for found in ODD_TOKENS),
    ],
)
def test_odd_answers_to_a_log_in(reply: Any, kind: type[SourceError]) -> None:
    """What is no token is never sent, nor shown; the next request tries again."""
    sender = Sender()
    with pytest.raises(SourceError) as caught:
        sender.send().answer(reply)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert sender.logs_in()


@pytest.mark.parametrize(("first", "second"), [(404, 404), (501, 501), (405, 410), (410, 405)])
def test_log_in_that_is_nowhere(first: int, second: int) -> None:
    """Who has it by neither path is no Nacos, or has another context path, and is told as that."""
    with pytest.raises(UnexpectedReply, match=rf"is no Nacos \(HTTP {second}\)") as caught:
        Sender().send().answer(plain(first), plain(second))
    assert SECRET not in str(caught.value)


def test_refused_log_in_in_the_middle(sender: Sender) -> None:
    """A password that was changed meanwhile is what the request's failure tells."""
    with pytest.raises(AccessDenied, match="refuses the log-in"):
        sender.send().answer(DENIED, plain(403))


# Several requests at the same time


def steps_of(login: Login) -> Any:
    """A request's steps, to be taken one by one."""
    return login.send(GET)


def test_one_log_in_for_all_at_a_time() -> None:
    """While one request logs in, others wait for its token instead of asking for their own."""
    sender = Sender()
    first = sender.send()
    second = steps_of(sender.login)
    assert isinstance(next(second), Pause)
    assert isinstance(next(second), Pause)
    first.answer(token("t1"))
    assert signed(next(second)) == signed(first.request) == "t1"


def test_one_log_in_for_all_that_are_refused(sender: Sender) -> None:
    """Who was refused with a token that is another's by now is asked again, without a log-in."""
    first, second, third = sender.send(), sender.send(), sender.send()
    first.answer(DENIED)
    assert first.request.path == LOG_IN
    first.answer(token("t2"))
    for session in (second, third):
        session.answer(DENIED)
        assert signed(session.request) == "t2"
        assert session.answer(OK).value is OK


def test_log_in_that_fails_is_not_waited_for_again() -> None:
    """When it fails, the next one tries by himself."""
    sender = Sender()
    first = sender.send()
    second = steps_of(sender.login)
    assert isinstance(next(second), Pause)
    with pytest.raises(SourceUnavailable):
        first.answer(SourceUnavailable("nobody"))
    assert next(second).path == LOG_IN


def test_log_in_that_never_ends() -> None:
    """One that was cancelled, or was left behind by a fork, holds nobody up for long."""
    sender = Sender()
    first = sender.send()
    first.close()
    assert sender.logs_in()
    _left_behind = sender.send()
    waiting = sender.send()
    assert sum(waiting.rests) == pytest.approx(ANSWER_TIME, abs=0.1)
    assert waiting.request.path == LOG_IN
