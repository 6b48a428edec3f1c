"""Nacos killed, emptied, frozen, cut off, locked and upgraded: the program reads on, and catches up."""

from collections.abc import Callable
from typing import Any

import pytest

from dynconf import Config, Nacos, NacosServer
from tests.faults.reading import App, running
from tests.servers.fixtures import NacosSpace
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos import NacosServer as RealNacos
from tests.servers.nacos3 import Nacos3
from tests.servers.process import until
from tests.servers.toxiproxy import Proxy

WAYS = pytest.mark.parametrize("which", ["nacos2", "nacos3_without_v1"])
"""The two ways in which changes are noticed."""


def source(*addresses: str, **options: Any) -> Nacos:
    """What is followed; silence is noticed as soon as it can be."""
    return Nacos("app.yaml", server=NacosServer(*addresses, **{"wait": 10, "interval": 0.5, **options}))


@pytest.fixture
def space(request: pytest.FixtureRequest, which: str) -> NacosSpace:
    """A namespace on a shared server, where `n` is 1."""
    space: NacosSpace = request.getfixturevalue(which)
    space.publish("app.yaml", "n: 1")
    return space


def test_killed_and_restarted_with_data(own_nacos: Callable[..., RealNacos]) -> None:
    """The content stays while Nacos is down; after a restart with its data the next change arrives, once."""
    nacos = own_nacos(2)
    nacos.publish("app.yaml", "n: 1")
    with running(source(nacos.address)) as it:
        nacos.kill()
        it.becomes("stale")
        until(lambda: "nobody listens there" in str(it.config.status()), "the cause")
        nacos.start()
        it.becomes("live")
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


@pytest.mark.parametrize("options", [{"version": 2}, {"version": 3, "compat": False}], ids=["poll", "look"])
def test_restarted_empty(own_nacos: Callable[..., RealNacos], options: dict[str, Any]) -> None:
    """A server that lost its data takes nothing from us, and what is published anew arrives."""
    nacos = own_nacos(**options)
    nacos.publish("app.yaml", "n: 1")
    with running(source(nacos.address)) as it:
        nacos.wipe()
        it.becomes("missing")
        assert it.settings.current.n == 1
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


def test_frozen(own_nacos: Callable[..., RealNacos]) -> None:
    """A server that hangs is called stale once a poll takes too long; awake again, it is followed."""
    nacos = own_nacos(2)
    nacos.publish("app.yaml", "n: 1")
    with running(source(nacos.address)) as it:
        nacos.freeze()
        it.becomes("stale")
        assert "no answer within" in str(it.config.status())
        nacos.thaw()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


@pytest.mark.parametrize(("which", "stream"), [("nacos2", "upstream"), ("nacos3_without_v1", "downstream")])
def test_black_hole(space: NacosSpace, proxy_to: Callable[[str], Proxy], stream: Any) -> None:
    """What vanishes on its way, either way, is missed; when the way is free, the newest value arrives."""
    proxy = proxy_to(space.server.address)
    with running(source(proxy.address, namespace=space.namespace)) as it:
        hole = proxy.add("timeout", stream, timeout=0)
        space.publish("app.yaml", "n: 2")
        it.becomes("stale")
        assert it.settings.current.n == 1
        space.publish("app.yaml", "n: 3")
        hole.remove()
        it.catches_up(3)
    assert it.reader.seen in ([1, 3], [1, 2, 3])


@WAYS
def test_reset(space: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """Connections that are reset are opened again, and nothing that changed meanwhile is lost."""
    proxy = proxy_to(space.server.address)
    with running(source(proxy.address, namespace=space.namespace)) as it:
        resets = proxy.add("reset_peer", timeout=0)
        space.publish("app.yaml", "n: 2")
        it.becomes("stale")
        assert "the connection was lost" in str(it.config.status())
        resets.remove()
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


@WAYS
def test_cut_in_the_middle_of_a_reply(space: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """A reply of which only a part arrives is no content."""
    proxy = proxy_to(space.server.address)
    with running(source(proxy.address, namespace=space.namespace)) as it:
        cut = proxy.add("limit_data", bytes=700)
        space.publish("app.yaml", f"n: 2\nrest: {'x' * 5000}")
        it.becomes("stale")
        assert it.settings.current.n == 1
        cut.remove()
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


@WAYS
def test_another_server_takes_over(space: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """When the server that is asked goes, the next one is asked at once, and nothing was stale."""
    first, second = proxy_to(space.server.address), proxy_to(space.server.address)
    with running(source(first.address, second.address, namespace=space.namespace)) as it:
        failed: list[Exception] = []
        it.config.on_error(failed.append)
        first.down()
        space.publish("app.yaml", "n: 2")
        it.catches_up(2)
        assert failed == []
        first.up()
        second.down()
        space.publish("app.yaml", "n: 3")
        it.catches_up(3)
    assert it.reader.seen == [1, 2, 3]


def test_log_in_is_demanded_all_at_once(own_nacos: Callable[..., RealNacos]) -> None:
    """When authentication is switched on, who has a user goes on, and who has none is told what is wanted."""
    nacos = own_nacos(2, auth=False)
    nacos.publish("app.yaml", "n: 1")
    stranger = Config(source(nacos.address))
    settings = stranger.bind(App)
    with running(source(nacos.address, username=USERNAME, password=PASSWORD)) as it, stranger:
        nacos.auth = True
        nacos.restart()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
        until(lambda: "it wants a log-in" in str(stranger.status()), "the refusal")
        assert stranger.status().sources[0].state == "stale"
        assert settings.current.n == 1
    assert it.reader.seen == [1, 2]


def test_upgraded(own_nacos: Callable[..., RealNacos]) -> None:
    """A server that comes back without the API that was used is asked by the other one from then on."""
    nacos = own_nacos(3)
    assert isinstance(nacos, Nacos3)
    nacos.publish("app.yaml", "n: 1")
    with running(source(nacos.address)) as it:
        assert it.config.status().sources[0].transport == "long poll"
        nacos.compat = False
        nacos.restart()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
        assert it.config.status().sources[0].transport == "polling"
    assert it.reader.seen == [1, 2]
