"""What can be said of a Consul source, in arguments and in one-line addresses."""

import asyncio
from typing import Any

import pytest

from dynconf.bootstrap import source_from_address
from dynconf.errors import BootstrapError, UsageError
from dynconf.sources.consul import Consul
from dynconf.sources.consul_server import ConsulServer
from tests.unit.sources.consul_props import SECRET, addresses, clear_variables, headers, mistake
from tests.unit.sources.recording import RecordingFeed


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's own variables are, tests begin without."""
    clear_variables(monkeypatch)


def test_source() -> None:
    """What is not said has a default that suits a document that has to be there."""
    source = Consul("app.yaml")
    assert (source.name, source.remote, source.members, source.optional) == (
        "consul:app.yaml",
        True,
        False,
        False,
    )
    assert (source.on_missing, source.allow_empty, source.at, source.settle) == ("keep", False, "", 0.0)
    assert (source.layout, source.partial, source.datacenter) == ("document", False, None)


def test_all_options_of_a_source() -> None:
    """They are kept as they were given."""
    server = ConsulServer("a:1")
    source = Consul(
        "apps/x", server=server, layout="keys", datacenter="north", partial=True, optional=True, at="a.b",
        on_missing="drop", allow_empty=True, settle=0.5,
    )  # fmt: skip
    assert source.server is server
    assert (source.layout, source.datacenter, source.partial, source.optional) == (
        "keys",
        "north",
        True,
        True,
    )
    assert (source.at, source.on_missing, source.allow_empty, source.settle) == ("a.b", "drop", True, 0.5)


def test_server_of_a_source() -> None:
    """It is a server, an address, or what the variables say; a token goes with the last two."""
    source = Consul("k", server="b:2,c:3", token="t")
    assert [addresses(source.server), headers(source.server)] == [
        ["http://b:2", "http://c:3"],
        {"x-consul-token": "t"},
    ]
    assert headers(Consul("k", token="t").server) == {"x-consul-token": "t"}
    assert mistake(Consul, "k", server=ConsulServer(), token=SECRET) == "give the token to the ConsulServer"


@pytest.mark.parametrize(
    ("key", "options", "followed"),
    [
        ("a/b.yaml", {}, ("a/b.yaml",)),
        ("a/b", {"layout": "keys"}, ("a/b/",)),
        ("a/b/", {"layout": "keys"}, ("a/b/",)),
        ("shop", {"layout": "spring"}, ("config/application/", "config/shop/")),
        (
            "shop",
            {"layout": "spring", "format": "YAML", "prefix": "p", "default_context": "all"},
            ("p/all/", "p/shop/"),
        ),
        ("shop", {"layout": "spring", "format": "files", "prefix": ""}, ("application.", "shop.")),
    ],
)
def test_what_is_followed(key: str, options: dict[str, Any], followed: tuple[str, ...]) -> None:
    """A folder ends with a slash, lest its neighbours be taken for its content."""
    source = Consul(key, **options)
    assert tuple(source._layout().followed()) == followed
    assert source.members is (options.get("layout") == "spring")


@pytest.mark.parametrize(
    ("key", "options", "said"),
    [
        ("", {}, "expected a key"),
        ("/a", {}, "neither begins with a slash"),
        ("a//b", {}, "nor has two in a row"),
        ("a/../b", {}, "no step of it is"),
        ("/", {"layout": "keys"}, "neither begins with a slash"),
        ("a", {"layout": "tree"}, "layout is 'document', 'keys' or 'spring', not 'tree'"),
        ("a", {"format": "docx"}, "docx"),
        ("a", {"layout": "spring", "format": "json"}, "key_value, yaml, properties, files, not 'json'"),
        ("a", {"on_missing": "weep"}, "on_missing is 'keep' or 'drop', not 'weep'"),
        ("a", {"settle": -1.0}, "settle is a number of seconds"),
        ("a", {"at": "x..y"}, "x..y"),
        ("a", {"server": f"u:{SECRET}@h"}, "log-in"),
    ],
)
def test_bad_source_options(key: str, options: dict[str, Any], said: str) -> None:
    """A mistake shows when the source is declared, not when it is loaded."""
    assert said in mistake(Consul, key, **options)


# Profiles


def test_profiles() -> None:
    """Each profile has a source of its own, with all of the options."""
    source = Consul("app-{profile}.yaml", server="a:1", at="x", optional=True)
    found = source.resolve(("dev", "eu"))
    assert [one.name for one in found] == ["consul:app-dev.yaml", "consul:app-eu.yaml"]
    assert all(isinstance(one, Consul) and one.server is source.server and one.at == "x" for one in found)
    assert [one._layout().followed() for one in found if isinstance(one, Consul)] == [
        ("app-dev.yaml",),
        ("app-eu.yaml",),
    ]
    assert source.resolve(()) == ()
    assert source.name == "consul:app-{profile}.yaml"


def test_no_profile() -> None:
    """A source that has to be there asks for one."""
    source = Consul("{profile}/app.yaml")
    assert "none is chosen" in mistake(source.resolve, ())
    with pytest.raises(UsageError, match=r"none is chosen"):
        asyncio.run(source.run(RecordingFeed()))


def test_profiles_of_spring() -> None:
    """Spring's layout takes all profiles in one source."""
    (source,) = Consul("shop", layout="spring", profile_separator="::").resolve(("dev", "eu"))
    assert isinstance(source, Consul)
    assert source._layout().followed()[-2:] == ("config/shop::dev/", "config/shop::eu/")


# One-line addresses


def consul_at(address: str) -> Consul:
    """The source of an address."""
    source = source_from_address(address)
    assert isinstance(source, Consul)
    return source


@pytest.mark.parametrize(
    ("address", "key", "servers"),
    [
        ("consul:app.yaml", "app.yaml", ["http://127.0.0.1:8500"]),
        ("consul:apps/x/app.yaml", "apps/x/app.yaml", ["http://127.0.0.1:8500"]),
        ("consul://a/app.yaml", "app.yaml", ["http://a:8500"]),
        ("consul://a:1,b:2/apps/app.yaml", "apps/app.yaml", ["http://a:1", "http://b:2"]),
        ("consul://[::1]:1/k", "k", ["http://[::1]:1"]),
        ("consul:k?server=https://a:1", "k", ["https://a:1"]),
        ("consul:with%20blank%3F", "with blank?", ["http://127.0.0.1:8500"]),
    ],
)
def test_one_line(address: str, key: str, servers: list[str]) -> None:
    """The server stands after two slashes, or is an option, or comes from the variables."""
    source = consul_at(address)
    assert (source.key, addresses(source.server)) == (key, servers)


def test_options_in_one_line() -> None:
    """Options are converted to what they should be."""
    source = consul_at(
        "consul:apps/x?layout=keys&datacenter=north&partial=true&optional=yes&at=a.b&on_missing=drop"
        "&allow_empty=1&settle=0.5&token=t"
    )
    assert (source.layout, source.datacenter, source.partial, source.optional) == (
        "keys",
        "north",
        True,
        True,
    )
    assert (source.at, source.on_missing, source.allow_empty, source.settle) == ("a.b", "drop", True, 0.5)
    assert headers(source.server) == {"x-consul-token": "t"}
    spring = consul_at(
        "consul:shop?layout=spring&prefix=p&default_context=all&profile_separator=-&data_key=d&format=yaml"
    )
    (resolved,) = spring.resolve(("dev",))
    assert isinstance(resolved, Consul)
    assert list(resolved._layout().followed()) == ["p/all/", "p/all-dev/", "p/shop/", "p/shop-dev/"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("consul:", "expected a key, as in 'consul:app.yaml'"),
        ("consul://a:1", "expected a key"),
        ("consul://a:1/", "expected a key"),
        ("consul:///k", "neither begins with a slash"),
        ("consul://a//k", "neither begins with a slash"),
        ("consul://a:1/k?server=b", "the server is given twice"),
        ("consul://u:hunter2@a/k", "log-in"),
        ("consul:k?server=http://u:hunter2@a", "log-in"),
        ("consul:k?tokn=hunter2", "did you mean 'token'?"),
        ("consul:k?layout=hunter2", "'document', 'keys' or 'spring'"),
        ("consul:k?settle=hunter2", "settle"),
        ("consul:k?optional=hunter2&token=hunter2", "optional"),
    ],
)
def test_mistakes_in_one_line(address: str, said: str) -> None:
    """The error tells what is wrong, and shows neither options nor a log-in."""
    with pytest.raises(BootstrapError) as caught:
        source_from_address(address)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
