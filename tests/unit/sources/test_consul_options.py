"""What can be said of a Consul server, in arguments and in Consul's own environment variables."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dynconf._http.tls import TLS
from dynconf.errors import AccessDenied
from dynconf.sources._consul_access import Access
from dynconf.sources.consul import Consul
from dynconf.sources.consul_server import ConsulServer
from dynconf.sources.nacos_server import NacosServer
from tests.unit.sources.consul_props import SECRET, addresses, clear_variables, headers, mistake
from tests.unit.sources.recording import RecordingFeed


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's own variables are, tests begin without."""
    clear_variables(monkeypatch)


# Where it is


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), ["http://127.0.0.1:8500"]),
        (("a",), ["http://a:8500"]),
        (("a:1", "https://b:2"), ["http://a:1", "https://b:2"]),
        (("a:1, b:2,", "a:1"), ["http://a:1", "http://b:2"]),
        (("https://a",), ["https://a:443"]),
        (("http://gateway:80/consul/",), ["http://gateway:80/consul"]),
    ],
)
def test_addresses(given: Sequence[str], found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Several addresses are one cluster, each only once; the variable takes what an argument does."""
    assert addresses(ConsulServer(*given)) == found
    monkeypatch.setenv("CONSUL_HTTP_ADDR", ",".join(given))
    assert addresses(ConsulServer()) == found
    assert addresses(ConsulServer("argument:1")) == ["http://argument:1"]


def test_https_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for addresses that do not say it themselves."""
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    assert addresses(ConsulServer()) == ["https://127.0.0.1:8501"]
    assert addresses(ConsulServer("a:1", "http://b")) == ["https://a:1", "http://b:80"]


def test_bad_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument is refused at once, a variable when it is read, and then named."""
    assert "log-in" in mistake(ConsulServer, f"http://user:{SECRET}@a")
    for text, said in [(f"u:{SECRET}@a", "log-in"), ("unix:///run/x", "unix socket"), ("a:b", "host:port")]:
        monkeypatch.setenv("CONSUL_HTTP_ADDR", text)
        error = mistake(ConsulServer().access)
        assert error.startswith("CONSUL_HTTP_ADDR: ")
        assert said in error


def test_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the server is declared, which may be at import."""
    server = ConsulServer()
    for address in ("a:1", "b:2"):
        monkeypatch.setenv("CONSUL_HTTP_ADDR", address)
        assert addresses(server) == [f"http://{address}"]


# How to get in

VARIABLES: list[tuple[str, str, str]] = [
    ("ca", "CONSUL_CACERT", "ca"),
    ("ca_path", "CONSUL_CAPATH", "ca_path"),
    ("cert", "CONSUL_CLIENT_CERT", "cert"),
    ("key", "CONSUL_CLIENT_KEY", "key"),
    ("server_name", "CONSUL_TLS_SERVER_NAME", "server_name"),
]


@pytest.mark.parametrize(("option", "variable", "attribute"), VARIABLES)
def test_tls(option: str, variable: str, attribute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option of TLS has a variable, which the argument beats; empty is not set."""
    options: dict[str, Any] = {option: "argument"}
    assert ConsulServer().access().tls == TLS()
    monkeypatch.setenv(variable, " ")
    assert ConsulServer().access().tls == TLS()
    monkeypatch.setenv(variable, "variable")
    assert getattr(ConsulServer().access().tls, attribute) == "variable"
    assert getattr(ConsulServer(**options).access().tls, attribute) == "argument"


@pytest.mark.parametrize(
    ("text", "verify"),
    [("0", False), ("f", False), ("FALSE", False), ("1", True), ("t", True), ("True", True), ("", True)],
)
def test_verification(text: str, verify: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on unless it is switched off."""
    monkeypatch.setenv("CONSUL_HTTP_SSL_VERIFY", text)
    assert ConsulServer().access().tls.verify is verify
    assert ConsulServer(verify=True).access().tls.verify is True
    assert ConsulServer(verify=False).access().tls.verify is False


@pytest.mark.parametrize("variable", ["CONSUL_HTTP_SSL", "CONSUL_HTTP_SSL_VERIFY"])
def test_neither_yes_nor_no(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, and not what it holds."""
    monkeypatch.setenv(variable, SECRET)
    assert mistake(ConsulServer().access) == f"the environment variable {variable} is neither true nor false"


def test_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is an argument or a variable, also of a file; any argument, also an empty one, beats variables."""
    file = tmp_path / "token"
    file.write_text(" of-file\n")
    assert headers(ConsulServer()) == {}
    assert headers(ConsulServer(token_file=str(file))) == {"x-consul-token": "of-file"}
    monkeypatch.setenv("CONSUL_HTTP_TOKEN_FILE", str(file))
    assert headers(ConsulServer()) == {"x-consul-token": "of-file"}
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "of-variable")
    assert headers(ConsulServer()) == {"x-consul-token": "of-file"}  # as Consul's own tools have it
    monkeypatch.delenv("CONSUL_HTTP_TOKEN_FILE")
    assert headers(ConsulServer()) == {"x-consul-token": "of-variable"}
    assert headers(ConsulServer(token="of-argument")) == {"x-consul-token": "of-argument"}
    assert headers(ConsulServer(token_file=str(file))) == {"x-consul-token": "of-file"}
    assert headers(ConsulServer(token="")) == {}


def test_token_file_is_read_anew(tmp_path: Path) -> None:
    """Its content may be renewed by another program."""
    file = tmp_path / "token"
    access = ConsulServer(token_file=str(file)).access()
    with pytest.raises(AccessDenied, match=rf"the token's file {file} cannot be read: No such file"):
        access.headers()
    for token in ("one", "two"):
        file.write_text(token)
        assert access.headers() == {"x-consul-token": token}
    file.write_bytes(b"\xff")
    with pytest.raises(AccessDenied, match=r"no text"):
        access.headers()
    file.write_text("\n")
    with pytest.raises(AccessDenied, match=r"is empty"):
        access.headers()


def test_token_and_its_file() -> None:
    """Only one of them can hold."""
    assert "not both" in mistake(ConsulServer, token="a", token_file="b")


def test_empty_address() -> None:
    """What an unset variable leaves is no address, and does not mean the default."""
    assert "is empty" in mistake(ConsulServer, "")
    assert "is empty" in mistake(Consul, "app", server="")


@pytest.mark.parametrize("kind", [ConsulServer, NacosServer])
@pytest.mark.parametrize("addresses", [["a:1", "b:1"], ("a", 1), 5, None])
def test_addresses_that_are_no_texts(kind: type[Any], addresses: Any) -> None:
    """The error says how several are given."""
    assert "one after the other: 'host-1:port', 'host-2:port'" in mistake(kind, addresses)


@pytest.mark.parametrize("token", ["hunter2\nx: y", "hunter2\r\n", "h\u00fcnter2", "hunter2 x", "hunter2\0"])
def test_what_is_no_token(token: str) -> None:
    """What could not stand in a header is refused before it does harm, and not shown."""
    with pytest.raises(AccessDenied) as caught:
        ConsulServer(token=token).access().headers()
    assert SECRET not in str(caught.value)


def test_log_in_for_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password are sent beside the token."""
    monkeypatch.setenv("CONSUL_HTTP_AUTH", "user:of-variable")
    assert headers(ConsulServer()) == {"authorization": "Basic dXNlcjpvZi12YXJpYWJsZQ=="}
    both = ConsulServer(basic_auth=("a", "b"), token="t")
    assert headers(both) == {"authorization": "Basic YTpi", "x-consul-token": "t"}


def test_nothing_shows_credentials() -> None:
    """No representation of anything holds a token or a password."""
    server = ConsulServer("a:1", token=SECRET, basic_auth=("user", SECRET))
    source = Consul("app.yaml", server="a:1", token=SECRET)
    access = server.access()
    assert (repr(server), repr(source), str(access)) == (
        "<ConsulServer a:1>",
        "<Consul consul:app.yaml>",
        "http://a:1",
    )
    shown = [f"{thing} {thing!r}" for thing in (server, source, source.server, access, access.tls)]
    assert SECRET not in " ".join(shown)
    assert repr(ConsulServer()) == "<ConsulServer>"


# What is asked


def test_query_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datacenter, namespace and partition go with every request; a source's own datacenter wins."""
    assert ConsulServer().options(None) == {}
    server = ConsulServer(datacenter="north", namespace="n", partition="p")
    assert server.options(None) == {"dc": "north", "ns": "n", "partition": "p"}
    assert server.options("south") == {"dc": "south", "ns": "n", "partition": "p"}
    monkeypatch.setenv("CONSUL_NAMESPACE", "vn")
    monkeypatch.setenv("CONSUL_PARTITION", "vp")
    assert ConsulServer().options(None) == {"ns": "vn", "partition": "vp"}
    assert server.options(None) == {"dc": "north", "ns": "n", "partition": "p"}


@pytest.mark.parametrize(
    ("consistency", "query"), [("default", {}), ("stale", {"stale": ""}), ("consistent", {"consistent": ""})]
)
def test_consistency(consistency: Any, query: dict[str, str]) -> None:
    """It is for reading alone: writes go to the leader anyway."""
    server = ConsulServer(consistency=consistency, datacenter="north")
    assert server.options(None) == {"dc": "north", **query}
    assert server._options() == {"dc": "north"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"consistency": "strong"}, "consistency is 'default', 'consistent' or 'stale', not 'strong'"),
        ({"wait": 0.5}, "wait is a number of seconds, 1 to 600"),
        ({"wait": 601}, "wait is a number of seconds, 1 to 600"),
        ({"wait": float("nan")}, "wait is a number of seconds, 1 to 600"),
    ],
)
def test_bad_server_options(options: dict[str, Any], said: str) -> None:
    """The error says what the option can be."""
    assert mistake(ConsulServer, **options) == said


def test_connections_are_shared() -> None:
    """Sources that get in by the same way share connections, whatever object says so; others do not."""

    async def run() -> None:
        feed = RecordingFeed()
        one, same = ConsulServer("a:1", token="t"), ConsulServer("http://a:1", token="t", datacenter="x")
        assert one.connect(feed) is same.connect(feed)
        for other in (
            ConsulServer("a:1"),
            ConsulServer("a:2", token="t"),
            ConsulServer("a:1", token="t", ca="c"),
        ):
            assert other.connect(feed) is not one.connect(feed)
        assert len(feed.made) == 4

    asyncio.run(run())
    assert isinstance(hash(ConsulServer().access()), int)
    assert ConsulServer().access() == Access(ConsulServer("127.0.0.1:8500").access().endpoints, TLS())
