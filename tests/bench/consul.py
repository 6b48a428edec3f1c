"""From writing a key of Consul until the callback runs, and what following many keys costs at rest."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import httpx
from pydantic import BaseModel

from dynconf import Config, Consul, ConsulServer
from tests.bench._peers import ConsulClient
from tests.bench._report import Line
from tests.servers.consul import ConsulAgent

WRITES = 200
KEYS = 1000
REST = 20.0
# Seconds until the next write.
_PAUSE = (0.02, 0.08)
_LOST = 5.0

Told = SimpleQueue[float]
Follow = Callable[[str, str, Told], Iterator[None]]


class App(BaseModel):
    n: int = -1


def measure() -> list[Line]:
    """Writes, one for each in turns; then a folder that nobody writes to."""
    with TemporaryDirectory() as folder, ConsulAgent(Path(folder)) as agent:
        figures = _writes(agent)
        connections, requests = _at_rest(agent)
    ours, bare, peer = (figures[name] for name in ("dynconf", "httpx", "py-consul"))
    return [
        Line(
            f"key written to callback, p50 of {WRITES}",
            median(ours),
            "a bare blocking query with httpx",
            median(bare),
            "more",
            0.003,
        ),
        Line("", median(ours), "py-consul", median(peer)),
        Line(
            f"key written to callback, worst of {WRITES}",
            max(ours),
            "a bare blocking query with httpx",
            max(bare),
        ),
        Line("", max(ours), "py-consul", max(peer)),
        Line(
            f"connections for a folder of {KEYS} keys", connections, goal="figure", most=1, unit="connections"
        ),
        Line(f"requests in {REST:g} s at rest, of that", requests, goal="figure", most=0, unit="requests"),
    ]


def _writes(agent: ConsulAgent) -> dict[str, list[float]]:
    random = Random(1)  # noqa: S311 - the same pauses every time
    subjects = {"dynconf": _dynconf, "httpx": _httpx, "py-consul": _py_consul}
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    told: dict[str, Told] = {name: SimpleQueue() for name in subjects}
    connection = HTTPConnection(agent.address)
    with ExitStack() as stack:
        for name, follow in subjects.items():
            _write(connection, name, 0)
            stack.enter_context(follow(agent.address, name, told[name]))
        for number in range(1, WRITES + 1):
            for name in subjects:
                time.sleep(random.uniform(*_PAUSE))
                before = time.perf_counter()
                _write(connection, name, number)
                figures[name].append(told[name].get(timeout=_LOST) - before)
    connection.close()
    return figures


def _write(connection: HTTPConnection, key: str, number: int) -> None:
    connection.request("PUT", f"/v1/kv/{key}", json.dumps({"n": number}))
    connection.getresponse().read()


@contextmanager
def _dynconf(address: str, key: str, told: Told) -> Iterator[None]:
    config = Config(Consul(key, server=address))
    settings = config.bind(App)
    settings.on_change("n")(lambda _: told.put(time.perf_counter()))
    with config:
        yield


@contextmanager
def _httpx(address: str, key: str, told: Told) -> Iterator[None]:
    """What a blocking query costs at the least: no check, no parsing, no comparison."""

    def follow() -> None:
        client = httpx.Client(base_url=f"http://{address}", timeout=None)  # noqa: S113
        with suppress(httpx.TransportError), client:  # until the agent ends
            index = client.get(f"/v1/kv/{key}").headers["X-Consul-Index"]
            begun.set()
            while True:
                reply = client.get(f"/v1/kv/{key}", params={"index": index, "wait": "60s"})
                index = reply.headers["X-Consul-Index"]
                told.put(time.perf_counter())

    begun = threading.Event()
    threading.Thread(target=follow, daemon=True).start()
    begun.wait(_LOST)
    yield


@contextmanager
def _py_consul(address: str, key: str, told: Told) -> Iterator[None]:
    def follow() -> None:
        host, _, port = address.partition(":")
        client = ConsulClient(host=host, port=int(port))
        index, _ = client.kv.get(key)
        begun.set()
        with suppress(OSError):  # until the agent ends
            while True:
                index, _ = client.kv.get(key, index=index, wait="60s")
                told.put(time.perf_counter())

    begun = threading.Event()
    threading.Thread(target=follow, daemon=True).start()
    begun.wait(_LOST)
    yield


def _at_rest(agent: ConsulAgent) -> tuple[int, int]:
    """The connections that a folder takes, and the requests that it makes while nothing changes."""
    for first in range(0, KEYS, 64):
        agent.txn(
            {"Verb": "set", "Key": f"many/{number}/n", "Value": b"1"}
            for number in range(first, min(first + 64, KEYS))
        )
    relay = _Relay(agent.port)
    with Config(Consul("many/", layout="keys", server=ConsulServer(f"127.0.0.1:{relay.port}"))) as config:
        assert len(config.get("")) == KEYS
        time.sleep(1.0)  # the blocking query has been sent by now
        connections, before = relay.connections, relay.requests
        time.sleep(REST)
        return connections, relay.requests - before


class _Relay:
    """Passes on to the agent what it is sent, and counts."""

    def __init__(self, upstream: int) -> None:
        self.connections = 0
        self.requests = 0
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._upstream))
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # until one side ends
            while data := source.recv(65536):
                self.requests += data.startswith(b"GET ")
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
