"""From publishing to Nacos until the callback runs, what a new data id takes, and what many cost at rest."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from dynconf import Config, Nacos, NacosServer
from tests.bench._report import Line
from tests.servers.nacos import GROUP
from tests.servers.nacos import NacosServer as Server
from tests.servers.nacos2 import Nacos2
from tests.servers.nacos3 import Nacos3
from tests.servers.nacos_client import NacosClient
from tests.servers.nacos_sdk import SDK_1, SDK_3, SdkClient
from tests.servers.relay import Relay

PUBLISHED = 200
ADDED = 3
SOURCES, EACH = 20, 50
REST = 20.0
# Seconds until the next publication. Nacos looks every 100 ms at what was published: as pauses are spread
# evenly over two of those, each subject meets each moment between two looks equally often.
_PAUSE = (0.02, 0.22)
# Seconds after which an answer is not waited for any more; SDK 1 is blind for a new data id for almost 30.
_LOST = 40.0
_ROOT = Path(__file__).parents[2]

BARE = "a bare long poll"
Clients = Mapping[str, NacosClient]


def measure() -> list[Line]:
    """On each server: publications, in turns; data ids that are added; many that nobody writes to."""
    lines: list[Line] = []
    for name, server_type in {"2.3": Nacos2, "3.1": Nacos3}.items():
        with TemporaryDirectory() as folder:
            server = server_type(Path(folder) / "server")
            with server, _clients(server.address, Path(folder)) as clients:
                lines += _published(name, _publications(server, clients))
                lines += _added(name, *_additions(server, clients))
            with server:
                lines += _at_rest(name, server)
    return lines


@contextmanager
def _clients(address: str, folder: Path) -> Iterator[Clients]:
    """One process for each."""
    with ExitStack() as stack:
        clients: dict[str, NacosClient] = {}
        for name, which in {"dynconf": "dynconf", BARE: "bare"}.items():
            command = [sys.executable, "-m", "tests.bench._nacos_clients", which, address]
            env = {"PYTHONPATH": str(_ROOT)}
            clients[name] = stack.enter_context(NacosClient(name, command, folder / which, env))
        for build in (SDK_1, SDK_3):
            name = f"nacos-sdk-python {build.version}"
            client = SdkClient(build, address, "", folder / build.name)
            clients[name] = stack.enter_context(client)
        yield clients


def _published(version: str, figures: Mapping[str, list[float]]) -> list[Line]:
    """The report of publications."""
    ours = figures["dynconf"]
    others = sorted((name for name in figures if name != "dynconf"), key=lambda name: median(figures[name]))
    what = f"Nacos {version}, publish to callback"
    best, *rest = others
    return [
        Line(f"{what}, p50 of {len(ours)}", median(ours), best, median(figures[best]), "more", 0.005),
        *(Line("", median(ours), name, median(figures[name])) for name in rest),
        Line(f"{what}, worst of {len(ours)}", max(ours), best, max(figures[best])),
        *(Line("", max(ours), name, max(figures[name])) for name in rest),
    ]


def _added(version: str, seen: Mapping[str, list[float]], changed: Mapping[str, list[float]]) -> list[Line]:
    """The report of data ids that were added."""
    lines = []
    for what, figures in {"its content": seen, "its first change": changed}.items():
        ours = median(figures["dynconf"])
        goal = f"Nacos {version}, a new data id to {what}"
        (first, *rest) = [name for name in figures if name != "dynconf"]
        lines.append(Line(goal, ours, first, median(figures[first]), "figure", 0.2))
        lines += [Line("", ours, name, median(figures[name])) for name in rest]
    return lines


def _publications(server: Server, clients: Clients) -> dict[str, list[float]]:
    """Seconds from each publication to the callback of whom it was for."""
    figures: dict[str, list[float]] = {name: [] for name in clients}
    operator = _Operator(server)
    for number, client in enumerate(clients.values()):
        operator.publish(f"app-{number}", 0)
        client.listen(f"app-{number}")
        # An SDK follows it by the second time at the latest.
        for turn in (1, 2):
            content, _ = operator.publish(f"app-{number}", turn)
            client.hear(f"app-{number}", content, _LOST)
    turns = list(zip(*(_pauses(number) for number in range(len(clients))), strict=True))
    for turn, pauses in enumerate(turns, 3):
        for number, ((name, client), pause) in enumerate(zip(clients.items(), pauses, strict=True)):
            time.sleep(pause)
            content, before = operator.publish(f"app-{number}", turn)
            figures[name].append(client.hear(f"app-{number}", content, _LOST).at - before)
    return figures


def _pauses(seed: int) -> list[float]:
    """As many as there are publications, the same in every run."""
    first, last = _PAUSE
    pauses = [first + (last - first) * number / PUBLISHED for number in range(PUBLISHED)]
    Random(seed).shuffle(pauses)  # noqa: S311 - nothing is to be secret
    return pauses


def _additions(server: Server, clients: Clients) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds from adding a data id until its content, and until what is published then, is told.

    SDK 1 does not tell the content that it finds, and nothing is added to a bare poll.
    """
    random = Random(1)  # noqa: S311 - the same pauses every time
    added = {name: client for name, client in clients.items() if name != BARE}
    seen: dict[str, list[float]] = {name: [] for name in added if SDK_1.version not in name}
    changed: dict[str, list[float]] = {name: [] for name in added}
    operator = _Operator(server)
    for turn in range(ADDED):
        for name, client in added.items():
            data_id = f"new-{turn}-{len(name)}"
            content, _ = operator.publish(data_id, 0)
            time.sleep(random.uniform(1, 2))
            before = time.monotonic()
            client.listen(data_id)
            if name in seen:
                seen[name].append(client.hear(data_id, content, _LOST).at - before)
            content, _ = operator.publish(data_id, 1)
            changed[name].append(client.hear(data_id, content, _LOST).at - before)
    return seen, changed


class _Operator:
    """Who publishes, on a connection that is kept."""

    def __init__(self, server: Server) -> None:
        self._connection = HTTPConnection(server.address)

    def publish(self, data_id: str, number: int) -> tuple[str, float]:
        """Publish another content; gives that, and when."""
        content = json.dumps({"n": number})
        form = urlencode({"dataId": data_id, "group": GROUP, "content": content, "type": "json"})
        before = time.monotonic()
        self._connection.request(
            "POST", "/nacos/v1/cs/configs", form, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        reply = self._connection.getresponse()
        assert reply.read() == b"true", reply.status
        return content, before


def _at_rest(version: str, server: Server) -> list[Line]:
    """What following many data ids takes while nothing changes, and one besides."""
    operator = _Operator(server)
    for number in range(SOURCES * EACH):
        operator.publish(f"part-{number}", number)
    one = _resting(server, 1, 1)
    many = _resting(server, SOURCES, EACH)
    what = f"Nacos {version}, {SOURCES * EACH} data ids at rest"
    return [
        Line(f"{what}: connections", many.connections, "1 data id", one.connections, unit="connections"),
        Line(f"{what}: threads", many.threads, "1 data id", one.threads, unit="threads"),
        Line(f"{what}: in {REST:g} s", many.requests, "1 data id", one.requests, unit="requests"),
        Line(f"{what}: of a core", many.processor, "1 data id", one.processor, unit="%"),
    ]


@dataclass(frozen=True)
class _Rest:
    """What a Config takes while nothing changes; the processor's share in percent."""

    connections: int
    threads: int
    requests: int
    processor: float


def _resting(server: Server, sources: int, each: int) -> _Rest:
    """Follow so many."""
    with Relay(server.address) as relay:
        nacos = NacosServer(relay.address)
        config = Config(
            *(
                Nacos(*(f"part-{each * source + number}" for number in range(each)), server=nacos)
                for source in range(sources)
            ),
            start_timeout=60,
        )
        before = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - the kernel's own list
        with config:
            time.sleep(2.0)  # the long poll has been sent by now
            threads = len(os.listdir("/proc/self/task")) - before  # noqa: PTH208
            connections, requests = relay.open, len(relay.requests)
            cpu = time.process_time()
            time.sleep(REST)
            used = time.process_time() - cpu
            return _Rest(connections, threads, len(relay.requests) - requests, 100 * used / REST)
