"""What replies mean: each of them its own kind of error, helpful, and without any of the body."""

import pytest

from dynconf.errors import AccessDenied, RequestRefused, SourceError, SourceUnavailable, UnexpectedReply
from dynconf.protocols.consul.kv import list_keys, put
from dynconf.protocols.consul.watch import Watch, follow
from dynconf.protocols.exchange import Busy, Reply
from dynconf.protocols.failures import retry_after
from dynconf.testing import ManualClock
from tests.protocols.canned import SECRET, SERVER, missing, plain, play, raw, reply


def refused(answer: Reply) -> SourceError:
    """The error that a reply to a read makes; it is the same in a list and in a watch."""
    watch = follow(
        Watch("a/", {}, recurse=True), watching=False, now=ManualClock().monotonic, random=lambda: 0.0
    )
    errors = []
    for steps in (list_keys("a/", {}), watch):
        with pytest.raises(SourceError) as caught:
            play(steps, answer)
        errors.append(caught.value)
    assert (type(errors[0]), str(errors[0])) == (type(errors[1]), str(errors[1]))
    assert SECRET not in str(errors[0])
    assert SERVER in str(errors[0])
    return errors[0]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_names_the_right(status: int) -> None:
    """Without more to go by, the error names the rule that the token's policy needs."""
    error = refused(plain(status))
    assert type(error) is AccessDenied
    assert 'key_prefix "a/" { policy = "read" }' in str(error)
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (403, "ACL not found", AccessDenied, "the token is unknown"),
        (401, "ACL support disabled", AccessDenied, "takes no token"),
        (500, "No path to datacenter", UnexpectedReply, "CONSUL_DATACENTER"),
        (500, "No cluster leader", UnexpectedReply, "too few of its servers"),
        (400, "Client sent an HTTP request to an HTTPS server.", UnexpectedReply, "https://"),
    ],
)
def test_known_words(status: int, body: str, kind: type[SourceError], said: str) -> None:
    """What Consul says of itself is put into words for whoever has to mend it, and never passed on."""
    error = refused(plain(status, f"{body} {SECRET}"))
    assert type(error) is kind
    assert said in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_failing_server(status: int) -> None:
    """A server with a fault of its own is unavailable: what was known keeps serving."""
    error = refused(plain(status))
    assert type(error) is UnexpectedReply
    assert isinstance(error, SourceUnavailable)
    assert f"fails (HTTP {status})" in str(error)


@pytest.mark.parametrize(("status", "asked", "seconds"), [(429, "7", 7.0), (429, "", 0.0), (503, "12", 12.0)])
def test_busy_server_is_left_alone(status: int, asked: str, seconds: float) -> None:
    """A server that limits the rate, or asks for time, is heard."""
    error = refused(plain(status, retry_after=asked))
    assert isinstance(error, Busy)
    assert error.seconds == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        (" 3 ", 3.0),
        ("", 0.0),
        ("-3", 0.0),
        ("3.5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("٣", 0.0),
        ("²", 0.0),
        ("9" * 400, 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 40.0),
        ("Wednesday, 21-Oct-26 07:28:00 GMT", 40.0),
        ("Wed, 21 Oct 2026 07:28:00", 0.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_what_retry_after_says(text: str, seconds: float) -> None:
    """Whole seconds and dates count, anything else says nothing, and nothing makes it fail."""
    assert retry_after(plain(503, retry_after=text, date="Wed, 21 Oct 2026 07:27:20 GMT")) == seconds


@pytest.mark.parametrize("date", ["", "today"])
def test_a_date_without_the_servers_own_says_nothing(date: str) -> None:
    """Whose clock is right nobody knows."""
    assert retry_after(plain(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT", date=date)) == 0.0


def test_too_large() -> None:
    """413 tells of both limits that there are."""
    with pytest.raises(RequestRefused, match=r"512 KB.*kv_max_value_size.*txn_max_req_len"):
        play(put("a", SECRET, None, {}), plain(413))


@pytest.mark.parametrize("status", [400, 405, 418])
def test_other_refusals(status: int) -> None:
    """What the server does not understand is no fault of its availability."""
    error = refused(plain(status))
    assert type(error) is RequestRefused
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_redirect(status: int) -> None:
    """A redirect is told and not followed; where it leads to is not believed enough to be shown."""
    error = refused(plain(status, location=f"http://evil/{SECRET}"))
    assert type(error) is UnexpectedReply
    assert "redirects elsewhere" in str(error)
    assert "evil" not in str(error)


ENTRY = raw("a/b", SECRET.encode())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(plain(200, f"<html>{SECRET}", content_type="text/html; x=y"), id="html"),
        pytest.param(plain(404, f"<html>{SECRET}", content_type="text/html"), id="a 404 of another program"),
        pytest.param(plain(200, b"", x_consul_index="1"), id="empty"),
        pytest.param(plain(204, b"", x_consul_index="1"), id="no content"),
        pytest.param(plain(200, b'[{"Key": "hunter2', x_consul_index="1"), id="truncated"),
        pytest.param(plain(200, b"\xff\xfehunter2", x_consul_index="1"), id="no text"),
        pytest.param(plain(200, b"[" * 200_000, x_consul_index="1"), id="deep"),
        pytest.param(plain(200, b"9" * 5000, x_consul_index="1"), id="endless number"),
        pytest.param(reply(SECRET), id="text"),
        pytest.param(reply({"Errors": SECRET}), id="mapping"),
        pytest.param(reply([SECRET]), id="list of texts"),
        pytest.param(reply([None]), id="list of nothing"),
        pytest.param(reply([{}]), id="no fields"),
        pytest.param(reply([{name: ENTRY[name] for name in ENTRY if name != "Key"}]), id="no key"),
        pytest.param(reply([{name: ENTRY[name] for name in ENTRY if name != "Value"}]), id="no value"),
        pytest.param(reply([{name: ENTRY[name] for name in ENTRY if name != "ModifyIndex"}]), id="no index"),
        pytest.param(reply([{**ENTRY, "Value": "hunter2!"}]), id="bad base64"),
        pytest.param(reply([{**ENTRY, "Value": "aGk"}]), id="base64 cut off"),
        pytest.param(reply([{**ENTRY, "Value": "aG!k="}]), id="base64 with something in it"),
        pytest.param(reply([{**ENTRY, "Value": "hünter2="}]), id="base64 that is no ASCII"),
        pytest.param(reply([{**ENTRY, "Value": 5}]), id="value is a number"),
        pytest.param(reply([{**ENTRY, "Value": [SECRET]}]), id="value is a list"),
        pytest.param(reply([{**ENTRY, "Key": 5}]), id="key is a number"),
        pytest.param(reply([{**ENTRY, "Key": "\ud800"}]), id="key is half a character"),
        pytest.param(reply([{**ENTRY, "ModifyIndex": SECRET}]), id="index is a text"),
        pytest.param(reply([{**ENTRY, "ModifyIndex": None}]), id="index is nothing"),
        pytest.param(reply([{**ENTRY, "Flags": SECRET}]), id="flags are a text"),
        pytest.param(reply([{**ENTRY, "Session": [SECRET]}]), id="session is a list"),
    ],
)
def test_what_is_no_consul(answer: Reply) -> None:
    """Whatever else answers is told by address, status and kind alone, and is no deletion."""
    error = refused(answer)
    assert type(error) is UnexpectedReply
    assert "is no Consul" in str(error)
    assert f"HTTP {answer.status}" in str(error)


def test_kind_of_content_helps() -> None:
    """That it is HTML says most of what one has to know."""
    assert "HTTP 200, text/html)" in str(refused(plain(200, content_type="text/html; charset=utf-8")))


@pytest.mark.parametrize("kind", ["a\nb", "t\u00e9xt", "x" * 500, ""])
def test_odd_kind_of_content(kind: str) -> None:
    """What the header says is shown only as far as it can do no harm in a log."""
    text = str(refused(plain(200, content_type=kind)))
    assert "\n" not in text
    assert text.isascii()
    assert "x" * 41 not in text


def test_missing_key_is_an_answer() -> None:
    """404 with an index is Consul's own word for "there is none"."""
    assert play(list_keys("a/", {}), missing(7)).value == []
