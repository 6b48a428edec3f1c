"""What can be said of a Nacos server and of a Nacos source, and what environment variables say."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import pytest

from dynconf._http import exposed
from dynconf._http.tls import TLS
from dynconf.bootstrap import source_from_address
from dynconf.errors import BootstrapError, UsageError
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.sources._nacos_access import NacosClient
from dynconf.sources.nacos import Nacos
from dynconf.sources.nacos_server import NacosServer
from tests.unit.sources.consul_props import mistake
from tests.unit.sources.recording import RecordingFeed

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's own variables are, tests begin without."""
    for name in list(os.environ):
        if name.startswith("NACOS_"):
            monkeypatch.delenv(name)


def addresses(server: NacosServer) -> list[str]:
    """Where it is."""
    return [str(endpoint) for endpoint in server.access().endpoints]


def log_in(server: NacosServer) -> tuple[str, str]:
    """Name and password."""
    access = server.access()
    return access.username, access.password


# Where it is


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), ["http://127.0.0.1:8848/nacos"]),
        (("a",), ["http://a:8848/nacos"]),
        (("a:1", "https://b:2"), ["http://a:1/nacos", "https://b:2/nacos"]),
        (("a:1, b,", "a:1"), ["http://a:1/nacos", "http://b:8848/nacos"]),
        (("http://a", "https://b"), ["http://a:8848/nacos", "https://b:8848/nacos"]),
        (("http://gateway:80/config/", "b"), ["http://gateway:80/config", "http://b:8848/nacos"]),
        (("[::1]",), ["http://[::1]:8848/nacos"]),
    ],
)
def test_addresses(given: Sequence[str], found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Several are one cluster, each only once; the variable takes what an argument does."""
    assert addresses(NacosServer(*given)) == found
    monkeypatch.setenv("NACOS_SERVER_ADDR", ",".join(given))
    assert addresses(NacosServer()) == found
    assert addresses(NacosServer("argument:1")) == ["http://argument:1/nacos"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", "http://a:8848"),
        ("/", "http://a:8848"),
        ("other", "http://a:8848/other"),
        ("/x/y/", "http://a:8848/x/y"),
    ],
)
def test_context_path(path: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for addresses that have no path of their own, wherever they come from."""
    assert addresses(NacosServer("a", "b/own", context_path=path)) == [found, "http://b:8848/own"]
    monkeypatch.setenv("NACOS_SERVER_ADDR", "a")
    assert addresses(NacosServer(context_path=path)) == [found]


def test_bad_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument is refused at once, a variable when it is read, and then named."""
    assert "log-in" in mistake(NacosServer, f"http://user:{SECRET}@a")
    for text, said in [(f"u:{SECRET}@a", "log-in"), ("a:b", "host:port"), ("a?x=1", "host:port")]:
        monkeypatch.setenv("NACOS_SERVER_ADDR", text)
        error = mistake(NacosServer().access)
        assert error.startswith("NACOS_SERVER_ADDR: ")
        assert said in error


def test_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the server is declared, which may be at import."""
    server = NacosServer()
    for address in ("a:1", "b:2"):
        monkeypatch.setenv("NACOS_SERVER_ADDR", address)
        monkeypatch.setenv("NACOS_NAMESPACE", address)
        assert addresses(server) == [f"http://{address}/nacos"]
        assert server.name("x", "g", None).namespace == address


# How to get in


def test_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of name and password is an argument, or else a variable; an empty name is no log-in."""
    assert log_in(NacosServer()) == ("", "")
    monkeypatch.setenv("NACOS_USERNAME", "of-variable")
    monkeypatch.setenv("NACOS_PASSWORD", "variable's")
    assert log_in(NacosServer()) == ("of-variable", "variable's")
    assert log_in(NacosServer(username="a", password="b")) == ("a", "b")
    assert log_in(NacosServer(username="a")) == ("a", "variable's")
    assert log_in(NacosServer(password="b")) == ("of-variable", "b")
    assert not NacosServer(username="")._login().logged_in


def test_log_in_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain calls share one, so that not each of them logs in; other variables make another."""
    server = NacosServer("a", username="u", password="p")
    first = server._login()
    assert server._login() is first
    assert (first.username, first.password, first.logged_in) == ("u", "p", True)
    by_variable = NacosServer("a", username="u")
    before = by_variable._login()
    monkeypatch.setenv("NACOS_PASSWORD", "new")
    assert by_variable._login() is not before
    assert by_variable._login().password == "new"


def test_tls() -> None:
    """All options of TLS are passed on."""
    server = NacosServer("https://a", ca="1", cert="2", key="3", verify=False, server_name="4")
    assert server.access().tls == TLS("1", None, "2", "3", False, "4")
    assert NacosServer().access().tls == TLS()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"wait": 9.9}, "wait is a number of seconds, 10 to 60"),
        ({"wait": 61}, "wait is a number of seconds, 10 to 60"),
        ({"wait": float("nan")}, "wait is a number of seconds, 10 to 60"),
        ({"interval": 0}, "interval is a number of seconds above 0"),
        ({"interval": float("nan")}, "interval is a number of seconds above 0"),
        ({"interval": float("inf")}, "interval is a number of seconds above 0"),
    ],
)
def test_bad_server_options(options: dict[str, Any], said: str) -> None:
    """The error says what the option can be."""
    assert said in mistake(NacosServer, **options)


def test_nothing_shows_credentials() -> None:
    """No representation of anything holds a password."""
    server = NacosServer("a:1", username="user", password=SECRET)
    source = Nacos("app.yaml", server=server)
    access = server.access()
    assert (repr(server), repr(source), str(access)) == (
        "<NacosServer a:1>",
        "<Nacos nacos:app.yaml>",
        "http://a:1/nacos",
    )
    things = (server, source, access, access.tls, server._login())
    assert SECRET not in " ".join(f"{thing} {thing!r}" for thing in things)
    assert repr(NacosServer()) == "<NacosServer>"


def test_connections_are_shared() -> None:
    """Sources that get in by the same way share connections, whatever their namespaces are; others do not."""

    async def run() -> None:
        feed = RecordingFeed()
        one = NacosServer("a:1", username="u", namespace="x")
        same = NacosServer("http://a:1", username="u", namespace="y")
        assert one.connect(feed) is same.connect(feed)
        for other in (NacosServer("a:1"), NacosServer("a:2", username="u"), NacosServer("a:1", username="v")):
            assert other.connect(feed) is not one.connect(feed)
        assert len(feed.made) == 4

    asyncio.run(run())


# What a configuration is called


def test_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said closest counts: with the data id, of the server, in the environment, the public one."""
    server = NacosServer(namespace="server's")
    assert server.name("a", "g", "own") == NacosKey("a", "g", "own")
    assert server.name("a", "g", None) == NacosKey("a", "g", "server's")
    assert NacosServer().name("a", "g", None) == NacosKey("a", "g", "")
    monkeypatch.setenv("NACOS_NAMESPACE", "variable's")
    assert NacosServer().name("a", "g", None) == NacosKey("a", "g", "variable's")
    assert server.name("a", "g", None) == NacosKey("a", "g", "server's")


def test_public_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name and by none it is one and the same, and can be said in spite of any default."""
    for name in ("public", ""):
        assert NacosServer(namespace="x").name("a", "g", name) == NacosKey("a", "g", "")
        assert NacosServer(namespace=name).name("a", "g", None) == NacosKey("a", "g", "")
        monkeypatch.setenv("NACOS_NAMESPACE", name)
        assert NacosServer().name("a", "g", None) == NacosKey("a", "g", "")
    monkeypatch.setenv("NACOS_NAMESPACE", "x")
    assert NacosServer(namespace="").name("a", "g", None) == NacosKey("a", "g", "")
    assert str(NacosKey("a", "g")) == "'a' in group 'g' of the public namespace"
    assert str(NacosKey("a", "g", "x")) == "'a' in group 'g' of namespace 'x'"


# Sources


def test_source() -> None:
    """What is not said has a default that suits documents that have to be there."""
    source = Nacos("app.yaml", "shared.json")
    assert (source.name, source.data_ids) == ("nacos:app.yaml,shared.json", ("app.yaml", "shared.json"))
    assert (source.remote, source.members, source.optional, source.allow_empty) == (True, False, False, False)
    assert (source.group, source.namespace, source.format) == ("DEFAULT_GROUP", None, None)
    assert (source.on_missing, source.at, source.settle) == ("keep", "", 0.0)
    assert addresses(source.server) == ["http://127.0.0.1:8848/nacos"]
    assert addresses(Nacos("a", server="b:1,c").server) == ["http://b:1/nacos", "http://c:8848/nacos"]
    assert Nacos("a", "b", "a").data_ids == ("a", "b")


def test_all_options_of_a_source() -> None:
    """They are kept as they were given."""
    server = NacosServer("a:1")
    source = Nacos(
        "x", server=server, group="g", namespace="n", format="yaml", optional=True, at="a.b",
        on_missing="drop", allow_empty=True, settle=0.5,
    )  # fmt: skip
    assert source.server is server
    assert (source.group, source.namespace, source.format, source.optional) == ("g", "n", "yaml", True)
    assert (source.at, source.on_missing, source.allow_empty, source.settle) == ("a.b", "drop", True, 0.5)


@pytest.mark.parametrize(
    ("data_ids", "options", "said"),
    [
        ((), {}, "expected a data id"),
        (("a", ""), {}, "expected a data id"),
        (("a",), {"group": ""}, "without one it is DEFAULT_GROUP"),
        (("a",), {"format": "docx"}, "docx"),
        (("a",), {"on_missing": "weep"}, "on_missing is 'keep' or 'drop', not 'weep'"),
        (("a",), {"settle": -1.0}, "settle is a number of seconds"),
        (("a",), {"at": "x..y"}, "x..y"),
        (("a",), {"server": f"u:{SECRET}@h"}, "log-in"),
    ],
)
def test_bad_source_options(data_ids: tuple[str, ...], options: dict[str, Any], said: str) -> None:
    """A mistake shows when the source is declared, not when it is loaded."""
    assert said in mistake(Nacos, *data_ids, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ""),
        ({"group": "DEFAULT_GROUP"}, ""),
        ({"group": "SHOP"}, "?group=SHOP"),
        ({"namespace": "dev"}, "?namespace=dev"),
        ({"namespace": ""}, "?namespace=public"),
        ({"group": "SHOP", "namespace": "dev"}, "?group=SHOP&namespace=dev"),
    ],
)
def test_name_tells_the_place(options: dict[str, Any], said: str) -> None:
    """What a source says of group and namespace is in its name, as it would be in its address."""
    assert Nacos("a", "b", **options).name == f"nacos:a,b{said}"


# Profiles


def resolved(source: Nacos, *profiles: str) -> list[Nacos]:
    """What stands in for it."""
    return [one for one in source.resolve(profiles) if isinstance(one, Nacos)]


def test_without_profiles() -> None:
    """A source that asks for none is as it is, whatever they are."""
    source = Nacos("a")
    assert source.resolve(("dev",)) == source.resolve(()) == (source,)


def test_profiles_in_data_ids() -> None:
    """Each profile is a document of its own, the last one highest, among the others in their order."""
    source = Nacos("app.yaml", "app-{profile}.yaml", "top.yaml", optional=True)
    (one,) = resolved(source, "eu", "prod")
    assert one.data_ids == ("app.yaml", "app-eu.yaml", "app-prod.yaml", "top.yaml")
    assert one.name == "nacos:app.yaml,app-eu.yaml,app-prod.yaml,top.yaml"
    assert one.optional
    assert source.data_ids == ("app.yaml", "app-{profile}.yaml", "top.yaml")
    assert source.resolve(()) == ()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"namespace": "ns-{profile}"}, [("ns-eu", "DEFAULT_GROUP"), ("ns-prod", "DEFAULT_GROUP")]),
        ({"namespace": "{profile}", "group": "{profile}"}, [("eu", "eu"), ("prod", "prod")]),
        ({"namespace": {"eu": "id-1", "prod": ""}}, [("id-1", "DEFAULT_GROUP"), ("", "DEFAULT_GROUP")]),
        ({"namespace": {"eu": "1", "prod": "2"}, "group": "G-{profile}"}, [("1", "G-eu"), ("2", "G-prod")]),
    ],
)
def test_profiles_that_choose(options: dict[str, Any], found: list[tuple[str, str]]) -> None:
    """Where a profile chooses the namespace or the group, each profile is a source of its own."""
    sources = resolved(Nacos("app.yaml", **options), "eu", "prod")
    assert [(one.namespace, one.group) for one in sources] == found
    assert len({one.name for one in sources}) == len(sources)


def test_profile_without_a_namespace() -> None:
    """The error lists those that there are."""
    source = Nacos("app.yaml", namespace={"prod": "1", "dev": "2"}, optional=True)
    assert mistake(source.resolve, ("eu",)) == (
        "nacos:app.yaml: namespace= has nothing for the profile 'eu'; known are dev, prod"
    )
    assert mistake(Nacos("a", namespace={}).resolve, ("eu",)).endswith("known are none")


@pytest.mark.parametrize(
    "source",
    [
        Nacos("{profile}.yaml"),
        Nacos("a", namespace="{profile}"),
        Nacos("a", group="{profile}"),
        Nacos("a", namespace={}),
    ],
)
def test_no_profile(source: Nacos) -> None:
    """A source that has to be there asks for one."""
    assert "none is chosen" in mistake(source.resolve, ())
    with pytest.raises(UsageError, match=r"none is chosen"):
        asyncio.run(source.run(RecordingFeed()))


# One-line addresses


def nacos_at(address: str) -> Nacos:
    """The source of an address."""
    source = source_from_address(address)
    assert isinstance(source, Nacos)
    return source


@pytest.mark.parametrize(
    ("address", "data_ids", "servers"),
    [
        ("nacos:app.yaml", ("app.yaml",), ["http://127.0.0.1:8848/nacos"]),
        ("nacos:app.yaml,shared.json", ("app.yaml", "shared.json"), ["http://127.0.0.1:8848/nacos"]),
        ("nacos://a/app.yaml", ("app.yaml",), ["http://a:8848/nacos"]),
        ("nacos://a:1,b:2/app.yaml,x", ("app.yaml", "x"), ["http://a:1/nacos", "http://b:2/nacos"]),
        ("nacos:x?server=https://a:1/other", ("x",), ["https://a:1/other"]),
    ],
)
def test_one_line(address: str, data_ids: tuple[str, ...], servers: list[str]) -> None:
    """The server stands after two slashes, or is an option, or comes from the variables."""
    source = nacos_at(address)
    assert (source.data_ids, addresses(source.server)) == (data_ids, servers)


def test_options_in_one_line() -> None:
    """Options are converted to what they should be."""
    source = nacos_at(
        "nacos://a/app?group=G&namespace=n&format=yaml&optional=yes&at=a.b&on_missing=drop&allow_empty=1&settle=0.5"
    )
    assert (source.group, source.namespace, source.format, source.optional) == ("G", "n", "yaml", True)
    assert (source.at, source.on_missing, source.allow_empty, source.settle) == ("a.b", "drop", True, 0.5)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nacos:", "expected a data id, as in 'nacos:app.yaml'"),
        ("nacos://a:1", "expected a data id"),
        ("nacos://a:1/", "expected a data id"),
        ("nacos:,", "expected a data id"),
        ("nacos://a:1/k?server=b", "the server is given twice"),
        ("nacos://u:hunter2@a/k", "log-in"),
        ("nacos:k?grup=hunter2", "did you mean 'group'?"),
        ("nacos:k?settle=hunter2", "settle"),
        ("nacos:k?group=", "without one it is DEFAULT_GROUP"),
    ],
)
def test_mistakes_in_one_line(address: str, said: str) -> None:
    """The error tells what is wrong, and shows neither options nor a log-in."""
    with pytest.raises(BootstrapError) as caught:
        source_from_address(address)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_password_in_clear(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Who logs in over plain HTTP on a network is warned before anything is sent."""
    monkeypatch.setattr(exposed, "_told", set())
    access = NacosServer("nacos.example,127.0.0.1", username="u", password="hunter2").access()
    NacosClient(access, _nowhere)
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == ["http"]
    assert "nacos.example:8848" in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert "hunter2" not in caplog.text
    NacosClient(NacosServer("other.example").access(), _nowhere)
    assert "other.example" not in caplog.text


def _nowhere(function: object) -> Any:
    raise AssertionError


def test_name_of_many() -> None:
    """It is in each line of a log, so it shows the first ones and how many more there are."""
    assert Nacos(*"abcdefghi").name == "nacos:a,b,c,d,e,f,g,h,i"
    many = Nacos(*(f"{number}.yaml" for number in range(1000)), group="G")
    assert many.name == f"nacos:{','.join(f'{number}.yaml' for number in range(8))},(992 more)?group=G"
