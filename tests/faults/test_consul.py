"""Consul killed, restarted, emptied, frozen and cut off: the program reads on, and catches up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Self

import pytest

from dynconf import Binding, Config, Consul, ConsulServer, Settings
from tests.servers.consul import ConsulAgent
from tests.servers.fixtures import ConsulSpace
from tests.servers.process import until
from tests.servers.toxiproxy import Proxy


class App(Settings):
    n: int = -1


class Reader:
    """A thread that reads without a pause, and keeps what it read."""

    def __init__(self, settings: Binding[App]) -> None:
        self.seen: list[int] = []
        self._settings = settings
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(0.001)  # what holds at the end is read as well
            n = self._settings.current.n
            if self.seen[-1:] != [n]:
                self.seen.append(n)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()


class Running:
    """A program that follows the key `app`, one thread of which reads it all the time."""

    def __init__(self, config: Config, settings: Binding[App], reader: Reader) -> None:
        self.config = config
        self.settings = settings
        self.reader = reader

    @property
    def state(self) -> str:
        """How it stands with the source."""
        return self.config.status().sources[0].state

    def becomes(self, state: str, patience: float = 30.0) -> None:
        """Wait for that."""
        until(lambda: self.state == state, state, patience)

    def catches_up(self, n: int) -> None:
        """Wait until the new value serves, and its source is live."""
        self.settings.until(lambda app: app.n == n, timeout=40)
        self.becomes("live")


@contextmanager
def running(key: str, server: ConsulServer) -> Iterator[Running]:
    """A program that follows a key of a server."""
    config = Config(Consul(key, server=server))
    settings = config.bind(App)
    with config, Reader(settings) as reader:
        yield Running(config, settings, reader)


def test_killed_and_restarted_with_data(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """The content stays while Consul is down; after a restart with its data the next change arrives, once."""
    agent = own_consul(data_dir=tmp_path / "data")
    agent.put("app", b'{"n": 1}')
    with running("app", ConsulServer(agent.address)) as it:
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
    with running("app", ConsulServer(agent.address)) as it:
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
    with running("app", ConsulServer(agent.address, wait=1)) as it:
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
    with running(f"{consul.prefix}app", ConsulServer(proxy.address, wait=1)) as it:
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
    with running(f"{consul.prefix}app", ConsulServer(proxy.address, wait=1)) as it:
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
    with running(f"{consul.prefix}app", ConsulServer(proxy.address, wait=1)) as it:
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
