"""Fixtures of real servers: some are shared by the whole run, and a test that ends one has its own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.builds import Build, Unavailable
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.consul import CONSUL, ConsulAgent, ConsulCluster
from tests.servers.process import Process
from tests.servers.redis import REDIS, RedisServer
from tests.servers.toxiproxy import TOXIPROXY, Proxy, Toxiproxy
from tests.skips import missing_server


def need(build: Build) -> None:
    """Skip the test if the server's program is not there; tests do not build, as that takes minutes."""
    try:
        build.find()
    except Unavailable as error:
        missing_server(build.name, str(error))


@dataclass(frozen=True)
class ConsulSpace:
    """A part of the shared agent's key-value store that is one test's alone.

    Attributes:
        agent: the shared agent: not to be killed, frozen or wiped.
        prefix: what all of the test's keys begin with; ends with a slash.
    """

    agent: ConsulAgent
    prefix: str

    def put(self, key: str, value: bytes) -> None:
        """Write a key below the prefix."""
        self.agent.put(self.prefix + key, value)

    def get(self, key: str) -> bytes | None:
        """Read a key below the prefix."""
        return self.agent.get(self.prefix + key)

    def delete(self, key: str, *, recurse: bool = False) -> None:
        """Delete a key below the prefix, or all that begin like that."""
        self.agent.delete(self.prefix + key, recurse=recurse)


@dataclass(frozen=True)
class RedisServers:
    """Two servers, for whatever chooses between them."""

    plain: RedisServer
    locked: RedisServer  # requires its password


@pytest.fixture(scope="session")
def consul_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """An agent in memory that all tests share; see `consul` for keys of one's own."""
    need(CONSUL)
    with ConsulAgent(tmp_path_factory.mktemp("consul")) as agent:
        yield agent


@pytest.fixture
def consul(consul_agent: ConsulAgent) -> Iterator[ConsulSpace]:
    """A prefix of one's own on the shared agent, emptied afterwards."""
    space = ConsulSpace(consul_agent, f"test-{uuid.uuid4().hex[:12]}/")
    yield space
    space.delete("", recurse=True)


@pytest.fixture(scope="session")
def redis_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServers]:
    """Two shared servers, one of which requires a password."""
    need(REDIS)
    with ExitStack() as stack:
        plain = stack.enter_context(RedisServer(tmp_path_factory.mktemp("redis")))
        locked = stack.enter_context(RedisServer(tmp_path_factory.mktemp("redis"), password="open sesame"))
        yield RedisServers(plain, locked)


@pytest.fixture(scope="session")
def toxiproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toxiproxy]:
    """The shared process for proxies; see `proxy_to` for one that goes with the test."""
    need(TOXIPROXY)
    with Toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as toxiproxy:
        yield toxiproxy


@pytest.fixture
def proxy_to(toxiproxy: Toxiproxy) -> Iterator[Callable[[str], Proxy]]:
    """A function that makes a proxy to a host:port; its proxies are removed after the test."""
    with ExitStack() as stack:

        def make(upstream: str) -> Proxy:
            proxy = toxiproxy.proxy(upstream)
            stack.callback(proxy.remove)
            return proxy

        yield make


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority with a server's and a client's certificate."""
    try:
        return make_certificates(tmp_path_factory.mktemp("certificates"))
    except Unavailable as error:
        missing_server("openssl", str(error))


@pytest.fixture
def own(tmp_path: Path) -> Iterator["Own"]:
    """Starts servers that are the test's own, to be killed, frozen or wiped; they are stopped after it."""
    with ExitStack() as stack:
        yield Own(tmp_path / "servers", stack)


class Own:
    """What starts a test's own servers, each in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._count = 0

    def folder(self, name: str) -> Path:
        """A new folder."""
        self._count += 1
        return self._folder / f"{name}-{self._count}"

    def start(self, server: Process | ConsulCluster) -> None:
        """Start a server, and stop it after the test."""
        self._stack.callback(server.stop)
        server.start()


@pytest.fixture
def own_consul(own: Own) -> Callable[..., ConsulAgent]:
    """A function that starts a `ConsulAgent`, with the options of that."""

    def start(**options: Any) -> ConsulAgent:
        need(CONSUL)
        agent = ConsulAgent(own.folder("consul"), **options)
        own.start(agent)
        return agent

    return start


@pytest.fixture
def own_consul_cluster(own: Own) -> Callable[..., ConsulCluster]:
    """A function that starts a `ConsulCluster`, with the options of that."""

    def start(size: int = 3, **options: Any) -> ConsulCluster:
        need(CONSUL)
        cluster = ConsulCluster(own.folder("cluster"), size, **options)
        own.start(cluster)
        return cluster

    return start


@pytest.fixture
def own_redis(own: Own) -> Callable[..., RedisServer]:
    """A function that starts a `RedisServer`, with the options of that."""

    def start(**options: Any) -> RedisServer:
        need(REDIS)
        server = RedisServer(own.folder("redis"), **options)
        own.start(server)
        return server

    return start
