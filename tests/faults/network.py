"""What can happen on the way to a server and in front of it, and what a program makes of that."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from dynconf._http.client import NAME_TIME
from tests.faults.followed import Followed
from tests.faults.reading import Running, running
from tests.servers.names import FakeNames
from tests.servers.process import until
from tests.servers.relay import Relay
from tests.servers.toxiproxy import Proxy, Toxic

SIZE = 3000
"""Bytes of a document that some faults let pass slowly, or only a part of."""
PART = 700
"""Bytes of a reply of that size that pass."""
ASKED = 2
"""Seconds that a server asks to be left alone."""
PAGE = b"<html>It works! hunter2</html>"
LOST = "the connection was lost"
PATIENCE = 30.0


@dataclass(frozen=True)
class Way:
    """What is between the program and the server: a name, a proxy that is a bad network, and a relay."""

    name: str
    names: FakeNames
    proxy: Proxy
    relay: Relay

    @property
    def address(self) -> str:
        """Where the program connects."""
        return self._named(self.proxy.address)

    @property
    def shortcut(self) -> str:
        """Where it connects past the proxy, which would make an ordinary end of a reset."""
        return self._named(self.relay.address)

    def _named(self, address: str) -> str:
        return f"{self.name}:{address.partition(':')[2]}"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Args:
        happen: makes it happen, until the context ends.
        said: what the status says of it, for a source that is stale; empty if the source stays live, and what
            is published arrives all the same.
        answers: how many requests are to be answered wrongly before it ends.
        silent: whether it shows only when something is sent.
        leaks: whether what the server was asked before may still arrive.
        direct: whether the proxy is not to be on the way.
    """

    happen: Callable[[Way], AbstractContextManager[None]]
    said: str = ""
    answers: int = 0
    silent: bool = False
    leaks: bool = False
    direct: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was seen of one fault.

    Attributes:
        told: seconds until the status told of it, or until what was published meanwhile arrived.
        caught_up: seconds from its end until the newest value served, and the source was live.
        seen: what was read, in that order.
        subscribed: what a subscriber was told.
        failed: what `on_error` was told.
        longest_read: seconds.
        pauses: seconds between wrong answers and the requests after them.
    """

    told: float
    caught_up: float
    seen: tuple[int, ...]
    subscribed: tuple[int, ...]
    failed: tuple[str, ...]
    longest_read: float
    pauses: tuple[float, ...] = ()


def _toxic(
    kind: Toxic, *streams: Literal["upstream", "downstream"], **attributes: int
) -> Callable[[Way], AbstractContextManager[None]]:
    """What a network does to what is sent either way, or one way only."""

    @contextmanager
    def happen(way: Way) -> Iterator[None]:
        toxics = [
            way.proxy.add(kind, stream, **attributes) for stream in streams or ("upstream", "downstream")
        ]
        yield
        for toxic in toxics:
            toxic.remove()

    return happen


def _answer(status: int, *headers: str, body: bytes = b"") -> Callable[[Way], AbstractContextManager[None]]:
    """What stands in front of the server, or in its place, answers."""

    @contextmanager
    def happen(way: Way) -> Iterator[None]:
        way.relay.answer(status, *headers, body=body)
        yield
        way.relay.pass_on()

    return happen


@contextmanager
def _reset_within(way: Way) -> Iterator[None]:
    """A part of each reply passes."""
    way.relay.reset_after(PART)
    yield
    way.relay.pass_on()


@contextmanager
def _slow_close(way: Way) -> Iterator[None]:
    """The server's side closes all connections, and the program's learns it late."""
    with _toxic("slow_close", delay=3000)(way):
        way.relay.cut()
        yield


@contextmanager
def _no_name(way: Way) -> Iterator[None]:
    """The name is gone, is asked for in vain, and the connections that were opened by it are gone as well."""
    way.names.lose(way.name)
    _forget_address(way)
    until(lambda: way.name in way.names.refused, "its being asked for")
    yield
    way.names.find(way.name)


@contextmanager
def _no_answer_for_the_name(way: Way) -> Iterator[None]:
    """Likewise, but whoever asks for the name is kept waiting."""
    way.names.hang(way.name)
    _forget_address(way)
    until(lambda: way.name in way.names.kept_waiting, "its being asked for")
    yield
    way.names.find(way.name)


def _forget_address(way: Way) -> None:
    """Wait until the name has to be asked for again, and see to it that it is."""
    began = time.monotonic()
    until(lambda: time.monotonic() > began + NAME_TIME, "what was known of it is too old")
    way.relay.cut()


@contextmanager
def _no_name_nor_server(way: Way) -> Iterator[None]:
    """The server goes as well, and is back before its name is."""
    way.names.lose(way.name)
    way.proxy.down()
    yield
    way.proxy.up()


FAULTS: Mapping[str, Fault] = {
    "latency of 2 s": Fault(_toxic("latency", "downstream", latency=2000)),
    "1 KB/s": Fault(_toxic("bandwidth", rate=1)),
    "reset": Fault(_toxic("reset_peer", "downstream", timeout=0), LOST, silent=True),
    "reset in the middle of a reply": Fault(_reset_within, LOST, silent=True, direct=True),
    "cut in the middle of a reply": Fault(_toxic("limit_data", "downstream", bytes=PART), LOST, silent=True),
    "black hole towards the server": Fault(
        _toxic("timeout", "upstream", timeout=0), "no answer within", leaks=True
    ),
    "black hole towards the program": Fault(_toxic("timeout", "downstream", timeout=0), "no answer within"),
    "slow close": Fault(_slow_close),
    "name that stops resolving": Fault(_no_name),
    "name service that hangs": Fault(_no_answer_for_the_name),
    "name and server gone": Fault(_no_name_nor_server, "nobody listens there"),
    "web page with 200": Fault(
        _answer(200, "Content-Type: text/html", body=PAGE), "(HTTP 200, text/html)", answers=2
    ),
    "403": Fault(_answer(403), "(HTTP 403)", answers=2),
    **{f"{status}": Fault(_answer(status), f"(HTTP {status})", answers=2) for status in (429, 500, 502, 503)},
    **{
        f"{status}, Retry-After": Fault(
            _answer(status, f"Retry-After: {ASKED}"), f"(HTTP {status})", answers=2
        )
        for status in (429, 500, 502, 503)
    },
}


def suffer(followed: Followed, way: Way, document: str, fault: Fault) -> Outcome:
    """Have a program follow a document, and a fault happen."""
    patience = followed.silence + PATIENCE
    followed.publish(document, 1)
    address = way.shortcut if fault.direct else way.address
    with running(followed.source(address, document), pause=0.01) as it:
        it.catches_up(1)
        until(lambda: it.config.status().sources[0].transport, "how it is followed")
        began = time.time()
        with fault.happen(way):
            sent = followed.publish(document, 2, SIZE)
            published = time.monotonic()
            if fault.said:
                told = it.fails(fault.said, patience) - (sent if fault.silent else began)
            else:
                it.catches_up(2, patience)
                told = time.monotonic() - published
                it.is_read(2)
            until(lambda: len(way.relay.pauses) >= fault.answers - 1, "more requests", patience)
            it.reads_on()
            followed.publish(document, 3)
        ended = time.monotonic()
        it.catches_up(3, patience)
        caught_up = time.monotonic() - ended
        it.is_read(3)
        followed.publish(document, 4)
        it.catches_up(4, patience)
        it.is_read(4)
        pauses = tuple(way.relay.pauses)
    return outcome(it, told, caught_up, pauses)


def outcome(it: Running, told: float, caught_up: float, pauses: tuple[float, ...] = ()) -> Outcome:
    """What was seen of a program that has ended."""
    reader = it.reader
    failed = tuple(map(str, it.failed))
    return Outcome(told, caught_up, tuple(reader.seen), tuple(it.told), failed, reader.longest, pauses)


def suffer_all(
    followed: Followed, proxy_to: Callable[[str], Proxy], names: FakeNames
) -> dict[str, "Future[Outcome]"]:
    """Have each fault happen to a program of its own, all at once: most of them are silent for long."""
    with ExitStack() as stack, ThreadPoolExecutor(len(FAULTS)) as pool:
        suffering: dict[str, Future[Outcome]] = {}
        for number, (name, fault) in enumerate(FAULTS.items()):
            relay = stack.enter_context(Relay(followed.server.address))
            proxy = proxy_to(relay.address)
            stack.callback(proxy.remove)
            way = Way(f"{followed.which.replace('_', '-')}-{number}.test", names, proxy, relay)
            suffering[name] = pool.submit(suffer, followed, way, f"doc-{number}.yaml", fault)
        pool.shutdown()
    return suffering
