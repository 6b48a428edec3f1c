"""Fixtures of real servers: some are shared by the whole run, and a test that ends one has its own."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

from dynconf import Config
from tests.servers.builds import Build, Unavailable
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.consul import CONSUL, ConsulAgent, ConsulCluster
from tests.servers.nacos import GROUP, NacosServer
from tests.servers.nacos2 import NACOS2, Nacos2
from tests.servers.nacos3 import NACOS3, Nacos3
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
class NacosSpace:
    """A namespace on a shared server that is one test's alone.

    Attributes:
        server: the shared one: not to be killed, frozen or wiped.
        namespace: its id.
    """

    server: NacosServer
    namespace: str

    def publish(self, data_id: str, content: str, group: str = GROUP, type: str | None = None) -> None:
        """Write a configuration in the namespace."""
        self.server.publish(data_id, content, group, self.namespace, type)

    def get(self, data_id: str, group: str = GROUP) -> str | None:
        """Read a configuration in the namespace."""
        return self.server.get(data_id, group, self.namespace)

    def remove(self, data_id: str, group: str = GROUP) -> None:
        """Delete a configuration in the namespace."""
        self.server.remove(data_id, group, self.namespace)


@dataclass(frozen=True)
class RedisServers:
    """Two servers, for whatever chooses between them."""

    plain: RedisServer
    locked: RedisServer  # requires its password


@pytest.fixture
def patient_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start waits longer than by default: a server may be silent for some seconds where all are busy."""
    assert Config.__init__.__kwdefaults__
    monkeypatch.setitem(Config.__init__.__kwdefaults__, "start_timeout", 20.0)


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
def nacos2_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nacos2]:
    """A Nacos 2 without log-in that all tests share; see `nacos2` for a namespace of one's own."""
    need(NACOS2)
    with Nacos2(tmp_path_factory.mktemp("nacos2")) as server:
        yield server


@pytest.fixture(scope="session")
def nacos3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nacos3]:
    """A Nacos 3 as it is shipped that all tests share; see `nacos3`."""
    need(NACOS3)
    with Nacos3(tmp_path_factory.mktemp("nacos3")) as server:
        yield server


@pytest.fixture(scope="session")
def nacos3_without_v1_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nacos3]:
    """A Nacos 3 without version 1 of the HTTP API that all tests share; see `nacos3_without_v1`."""
    need(NACOS3)
    with Nacos3(tmp_path_factory.mktemp("nacos3-without-v1"), compat=False) as server:
        yield server


@pytest.fixture
def nacos2(nacos2_server: Nacos2) -> NacosSpace:
    """A namespace of one's own on the shared Nacos 2."""
    return new_space(nacos2_server)


@pytest.fixture
def nacos3(nacos3_server: Nacos3) -> NacosSpace:
    """A namespace of one's own on the shared Nacos 3."""
    return new_space(nacos3_server)


@pytest.fixture
def nacos3_without_v1(nacos3_without_v1_server: Nacos3) -> NacosSpace:
    """A namespace of one's own on the shared Nacos 3 that speaks as 3.2 and later do."""
    return new_space(nacos3_without_v1_server)


@pytest.fixture(params=["nacos2", "nacos3", "nacos3_without_v1"])
def nacos(request: pytest.FixtureRequest) -> NacosSpace:
    """Each of the three in turn, for what has to hold on all."""
    space: NacosSpace = request.getfixturevalue(request.param)
    return space


def new_space(server: NacosServer) -> NacosSpace:
    """A namespace whose name is not its id, as people's are; it stays, as nobody meets it again."""
    namespace = f"test-{uuid.uuid4().hex[:12]}"
    server.create_namespace(namespace, f"name of {namespace}")
    return NacosSpace(server, namespace)


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
def own_nacos(own: Own) -> Callable[..., NacosServer]:
    """A function that starts a `Nacos3`, or with `version=2` a `Nacos2`, with the options of that."""

    def start(version: Literal[2, 3] = 3, **options: Any) -> NacosServer:
        server_type: type[NacosServer] = Nacos2 if version == 2 else Nacos3
        need(server_type.build)
        server = server_type(own.folder("nacos"), **options)
        own.start(server)
        return server

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


@pytest.fixture
def web_page() -> Iterator[str]:
    """The host:port of a web server that answers everything with a page, which holds a secret."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>It works! hunter2</html>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
