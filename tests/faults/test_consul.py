"""Consul killed, restarted, emptied, frozen and cut off: the program reads on, and catches up."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from dynconf import Config, Consul, ConsulServer
from dynconf.errors import ChangeRefused
from tests.faults.reading import App, running
from tests.servers.consul import ConsulAgent
from tests.servers.fixtures import ConsulSpace
from tests.servers.process import until
from tests.servers.toxiproxy import Proxy


def test_killed_and_restarted_with_data(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """The content stays while Consul is down; after a restart with its data the next change arrives, once."""
    agent = own_consul(data_dir=tmp_path / "data")
    agent.put("app", b'{"n": 1}')
    with running(Consul("app", server=ConsulServer(agent.address))) as it:
        agent.kill()
        it.becomes("stale")
        until(lambda: "nobody listens there" in str(it.config.status()), "the cause")
        agent.start()
        it.becomes("live")
        agent.put("app", b'{"n": 2}')
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


def test_restarted_empty(own_consul: Callable[..., ConsulAgent]) -> None:
    """A server that lost its data takes nothing from us; its indices begin anew, and a new key arrives."""
    agent = own_consul()
    for n in range(30):  # so that the index is far above a new server's
        agent.put("app", b'{"n": %d}' % n)
    with running(Consul("app", server=ConsulServer(agent.address))) as it:
        agent.kill()
        agent.start()
        it.becomes("missing")
        assert it.settings.current.n == 29
        agent.put("app", b'{"n": 30}')
        it.catches_up(30)
    assert it.reader.seen == [29, 30]


def test_frozen(own_consul: Callable[..., ConsulAgent]) -> None:
    """A server that hangs is called stale once a query takes too long; awake again, it is followed."""
    agent = own_consul()
    agent.put("app", b'{"n": 1}')
    with running(Consul("app", server=ConsulServer(agent.address, wait=1))) as it:
        agent.freeze()
        frozen = monotonic()
        it.becomes("stale")
        assert "no answer within" in str(it.config.status())
        until(lambda: monotonic() > frozen + 20, "20 seconds of that")
        assert it.state == "stale"
        agent.thaw()
        agent.put("app", b'{"n": 2}')
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_black_hole(consul: ConsulSpace, proxy_to: Callable[[str], Proxy], stream: str) -> None:
    """What vanishes on its way, either way, is missed; when the way is free, the newest value arrives."""
    consul.put("app", b'{"n": 1}')
    proxy = proxy_to(consul.agent.address)
    with running(Consul(f"{consul.prefix}app", server=ConsulServer(proxy.address, wait=1))) as it:
        hole = proxy.add("timeout", "upstream" if stream == "upstream" else "downstream", timeout=0)
        consul.put("app", b'{"n": 2}')
        it.becomes("stale")
        assert it.settings.current.n == 1
        consul.put("app", b'{"n": 3}')
        hole.remove()
        it.catches_up(3)
    assert it.reader.seen in ([1, 3], [1, 2, 3])


def test_reset(consul: ConsulSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """Connections that are reset are opened again, and nothing that changed meanwhile is lost."""
    consul.put("app", b'{"n": 1}')
    proxy = proxy_to(consul.agent.address)
    with running(Consul(f"{consul.prefix}app", server=ConsulServer(proxy.address, wait=1))) as it:
        resets = proxy.add("reset_peer", timeout=0)
        it.becomes("stale")
        assert "the connection was lost" in str(it.config.status())
        consul.put("app", b'{"n": 2}')
        resets.remove()
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


def test_cut_in_the_middle_of_a_reply(consul: ConsulSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """A reply of which only a part arrives is no content."""
    consul.put("app", b'{"n": 1}')
    proxy = proxy_to(consul.agent.address)
    with running(Consul(f"{consul.prefix}app", server=ConsulServer(proxy.address, wait=1))) as it:
        cut = proxy.add("limit_data", bytes=300)
        consul.put("app", b'{"n": 2, "rest": "%s"}' % (b"x" * 5000))
        it.becomes("stale")
        assert it.settings.current.n == 1
        cut.remove()
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


def test_folder_through_an_outage(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """A folder stays as it was during an outage, and what is different afterwards is one change."""
    agent = own_consul(data_dir=tmp_path / "data")
    agent.put("app/n", b"1")
    agent.put("app/other", b"1")
    config = Config(Consul("app/", layout="keys", server=agent.address))
    settings = config.bind(App)
    with config:
        agent.kill()
        until(lambda: config.status().sources[0].state == "stale", "stale")
        assert config.get("") == {"n": "1", "other": "1"}
        agent.start()
        agent.txn([{"Verb": "set", "Key": "app/n", "Value": b"2"}, {"Verb": "delete", "Key": "app/other"}])
        settings.until(lambda app: app.n == 2, timeout=40)
        assert config.get("") == {"n": "2"}
        assert config.status().version == 2


def test_reload_during_an_outage(own_consul: Callable[..., ConsulAgent]) -> None:
    """A reload that nobody answers says so, and what is read stays."""
    agent = own_consul()
    agent.put("app", b'{"n": 1}')
    config = Config(Consul("app", server=ConsulServer(agent.address, wait=1)), start_timeout=0.5)
    settings = config.bind(App)
    with config:
        agent.freeze()
        with pytest.raises(ChangeRefused, match=r"consul:app: no answer within 0.5 s"):
            config.reload()
        assert settings.current.n == 1
        agent.thaw()
        until(lambda: config.reload().version == 1, "an answer")


def test_another_server_behind_the_address(
    own_consul: Callable[..., ConsulAgent], proxy_to: Callable[[str], Proxy]
) -> None:
    """When another Consul answers where one was, what it has is taken at once, whatever its index."""
    agent = own_consul()
    for n in range(30):
        agent.put("app", b'{"n": %d}' % n)
    proxy = proxy_to(agent.address)
    with running(Consul("app", server=proxy.address)) as it:
        other = own_consul()
        other.put("app", b'{"n": 100}')
        proxy.lead_to(other.address)
        it.catches_up(100)
