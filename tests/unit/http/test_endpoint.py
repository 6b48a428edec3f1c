"""Servers' addresses: every way that people write them, and what is refused without being shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf._http.endpoint import Endpoint
from dynconf.errors import UsageError

PORT = 8500


def parse(text: str, *, secure: bool = False) -> Endpoint:
    """Read an address."""
    return Endpoint.parse(text, port=PORT, secure=secure)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("a", "http://a:8500"),
        ("a:8500", "http://a:8500"),
        (" a:1 ", "http://a:1"),
        ("A.Example:8500", "http://a.example:8500"),
        ("a_b-c.d.:1", "http://a_b-c.d.:1"),
        ("10.0.0.1", "http://10.0.0.1:8500"),
        ("[::1]:8500", "http://[::1]:8500"),
        ("[fe80::1%eth0]", "http://[fe80::1%eth0]:8500"),
        ("http://a", "http://a:80"),
        ("HTTPS://a", "https://a:443"),
        ("https://a:8501/", "https://a:8501"),
        ("http://a/consul/", "http://a:80/consul"),
        ("a:1/x//", "http://a:1/x"),
        ("http://a/my path/\u00fc%20", "http://a:80/my%20path/%C3%BC%20"),
    ],
)
def test_forms(text: str, url: str) -> None:
    """Host, host and port, or a URL that may have a path."""
    endpoint = parse(text)
    assert str(endpoint) == url
    assert parse(str(endpoint)) == endpoint


def test_https_if_not_said_otherwise() -> None:
    """An address without a scheme is of https if so asked; one with a scheme is what it says."""
    assert str(parse("a", secure=True)) == "https://a:8500"
    assert str(parse("http://a", secure=True)) == "http://a:80"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no host:port and no URL"),
        ("a b", "no host:port and no URL"),
        ("a:x", "no host:port and no URL"),
        ("a:0", "no host:port and no URL"),
        ("a:65536", "no host:port and no URL"),
        ("a:-1", "no host:port and no URL"),
        ("::1", "no host:port and no URL"),
        ("[::1", "no host:port and no URL"),
        ("http://", "no host:port and no URL"),
        ("http://:8500", "no host:port and no URL"),
        ("a?x=1", "no host:port and no URL"),
        ("a#x", "no host:port and no URL"),
        ("-a", "no host:port and no URL"),
        ("b\u00fccher", "no host:port and no URL"),
        ("unix:///run/consul.sock", "unix socket"),
        ("ftp://a", "neither http:// nor https://"),
        ("//a", "no host:port and no URL"),
    ],
)
def test_what_is_no_address(text: str, said: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(UsageError, match=said):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "user:hunter2@a:8500",
        "http://hunter2@a",
        "http://user:hunt/er2@a",
        "http://u:hunter2#x@a",
        "u:hunter2?@a",
    ],
)
def test_log_in_is_refused_and_not_shown(text: str) -> None:
    """An address with a log-in would be shown in every message, so it has to be given elsewhere."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "hunt" not in str(caught.value)


@given(st.text())
def test_anything_at_all(text: str) -> None:
    """Whatever it is, it is an address or a mistake."""
    try:
        endpoint = parse(text)
    except UsageError:
        return
    assert str(endpoint).isascii()
    assert parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "loopback", "ip"),
    [
        ("localhost", True, False),
        ("api.localhost", True, False),
        ("127.9.9.9", True, True),
        ("[::1]", True, True),
        ("[fe80::1%lo]", False, True),
        ("10.0.0.1", False, True),
        ("localhost.example", False, False),
        ("notlocalhost", False, False),
    ],
)
def test_loopback(text: str, loopback: bool, ip: bool) -> None:
    """Only what cannot leave the machine counts."""
    endpoint = parse(text)
    assert (endpoint.is_loopback, endpoint.is_ip) == (loopback, ip)
