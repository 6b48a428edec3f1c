"""Nacos's long poll: how it names what it waits for, and what its answers name."""

from urllib.parse import quote

import pytest

from dynconf.errors import AccessDenied, RequestRefused, SourceError, UnexpectedReply
from dynconf.protocols.exchange import Reply
from dynconf.protocols.nacos.api import V1_API
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.listen import changed, listener
from dynconf.protocols.nacos.replies import WrongApi
from tests.protocols.nacos_props import (
    DENIED,
    NO_SUCH_PATH,
    NOTHING,
    OURS,
    SECRET,
    SWITCHED_OFF,
    A,
    B,
    form,
    hint,
    listens,
    plain,
)

KNOWN = [A, B, OURS]


def test_what_is_sent() -> None:
    """Each line has its parts in order; the public namespace is left out, the md5 of nothing is empty."""
    request = listener({A: "m1", OURS: "m2", B: ""}, 30)
    assert (request.method, request.path) == ("POST", "/v1/cs/configs/listener")
    text = form(request)["Listening-Configs"]
    assert text == ("a.yaml\x02g\x02m1\x01app.yaml\x02g\x02m2\x02team-id\x01b.yaml\x02g\x02\x01")
    assert listens(request) == {A: "m1", OURS: "m2", B: ""}
    assert request.held
    assert not request.repeatable  # everybody else's connection may be lost at the same moment
    assert listener({A: ""}, 30.0, glance=True).repeatable


@pytest.mark.parametrize(
    ("wait", "sent", "timeout"), [(30, "30000", 45), (10, "10000", 15), (29.5, "29500", 44.25)]
)
def test_how_long_it_is_held(wait: float, sent: str, timeout: float) -> None:
    """In milliseconds; it is waited for half as long again."""
    request = listener({A: ""}, wait)
    assert request.headers["Long-Pulling-Timeout"] == sent
    assert request.timeout == timeout
    assert request.patience is None
    assert "Long-Pulling-Timeout-No-Hangup" not in request.headers


def test_glance() -> None:
    """One that is answered at once is asked for in so many words."""
    assert listener({A: ""}, 30, glance=True).headers["Long-Pulling-Timeout-No-Hangup"] == "true"


def test_unusual_names() -> None:
    """What is sent and named is percent-encoded both ways."""
    key = NacosKey("ü&=+% .yaml", "g:1", "n+1")
    assert listens(listener({key: "m"}, 30)) == {key: "m"}
    assert changed(hint(key), [key], logged_in=False) == {key}


@pytest.mark.parametrize("keys", [[], [A], [A, OURS], [A, B, OURS]])
@pytest.mark.parametrize("public", ["", "public"])
def test_what_changed(keys: list[NacosKey], public: str) -> None:
    """The public namespace is matched under its name as well as without one."""
    assert changed(hint(*keys, public=public), KNOWN, logged_in=False) == set(keys)


def test_nothing_changed() -> None:
    """When its time is up, a poll is answered with nothing."""
    assert changed(NOTHING, KNOWN, logged_in=False) == set()
    assert changed(plain(200, "\r\n"), KNOWN, logged_in=False) == set()


def test_others_are_of_no_interest() -> None:
    """A key that has left meanwhile, or was never asked for, is passed over."""
    assert changed(hint(NacosKey("gone"), A), KNOWN, logged_in=False) == {A}


@pytest.mark.parametrize(
    "reply",
    [
        plain(200, f"<html>{SECRET}</html>"),
        plain(200, quote(f"{SECRET}\x01")),
        plain(200, quote(f"a\x02b\x02c\x02{SECRET}\x01")),
        plain(200, b"\xff\xfe"),
        plain(200, quote("a.yaml\x02g\x01<p>")),
        plain(200, '{"code": 0}'),
    ],
)
def test_no_nacos(reply: Reply) -> None:
    """What names nothing in the way of Nacos is none, and not that nothing changed."""
    with pytest.raises(UnexpectedReply, match="is no Nacos") as caught:
        changed(reply, KNOWN, logged_in=False)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("reply", [NO_SUCH_PATH, SWITCHED_OFF, plain(405), plain(501)])
def test_no_long_poll_there(reply: Reply) -> None:
    """A server without one, as from 3.2 on, is asked otherwise."""
    with pytest.raises(WrongApi):
        changed(reply, KNOWN, logged_in=False)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (DENIED, AccessDenied, "refuses to wait for changes .*NACOS_USERNAME"),
        (plain(503), UnexpectedReply, "HTTP 503"),
        (plain(400), RequestRefused, "refuses the request to wait for changes"),
    ],
)
def test_refusals(reply: Reply, kind: type[SourceError], said: str) -> None:
    """They say what was asked."""
    with pytest.raises(kind, match=said):
        changed(reply, KNOWN, logged_in=False)


@pytest.mark.parametrize("first", [A, OURS])
def test_rights(first: NacosKey) -> None:
    """Nacos looks for the right to what the form names: the first one, wherever the others are."""
    named = form(listener({first: "m1", B: "m2", NacosKey("c", "other", "else"): ""}, 30))
    assert named.pop("Listening-Configs")
    assert named == V1_API.named(first)
