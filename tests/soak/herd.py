"""Two hundred clients of one real server that goes and comes back, in one loop; when each came back."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from httpx import AsyncHTTPTransport

from dynconf._http.client import Client
from dynconf._http.drive import Driver
from dynconf._http.endpoint import Endpoint
from dynconf._http.tls import TLS
from dynconf.protocols.consul import watch as consul
from dynconf.protocols.exchange import Reply, Request, Steps
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.watch import follow
from dynconf.protocols.nacos.watched import News, Watched
from tests.servers.toxiproxy import Proxy

CLIENTS = 200
WINDOW = 0.1
PATIENCE = 120.0
PAUSE = 0.02


class Connections(Client):
    """A client that keeps when it asked and when each reply came.

    Attributes:
        asked: when each request began, be it the same one again.
        answered: when each reply came.
        repeated: how many requests that were held it sent again as soon as their connection was lost.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__([endpoint], TLS(), _nobody, _at_once)
        self.asked: list[float] = []
        self.answered: list[float] = []
        self.repeated = 0

    async def _persist(
        self, pool: AsyncHTTPTransport, endpoint: Endpoint, address: str, request: Request
    ) -> Reply:
        before = len(self.asked)
        try:
            return await super()._persist(pool, endpoint, address, request)
        finally:
            self.repeated += request.held and len(self.asked) > before + 1

    async def _exchange(self, *what: Any) -> Reply:
        self.asked.append(time.monotonic())
        reply = await super()._exchange(*what)
        self.answered.append(time.monotonic())
        return reply

    @property
    def waits(self) -> bool:
        """Whether a request is under way, after one that was answered."""
        return len(self.asked) > len(self.answered) > 0

    def back(self, since: float) -> float:
        """When it asked for the first time since then."""
        return min(at for at in self.asked if at > since)


class Sheep(ABC):
    """One client: it follows something, and keeps what it read last.

    Args:
        address: the server's host:port.

    Attributes:
        client: what it asks with.
        content: what it read last.
    """

    path = ""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.client = Connections(Endpoint("http", host, int(port), self.path))
        self.content = b""

    @abstractmethod
    def steps(self) -> Steps[None]:
        """The protocol at work."""

    @abstractmethod
    def hear(self, news: Any) -> None:
        """Take the content out of some news."""

    async def live(self) -> None:
        """Follow for ever."""
        try:
            await Driver(self.client.send, report=self.hear).run(self.steps())
        finally:
            await self.client.close()


class OfConsul(Sheep):
    """Follows a key."""

    def __init__(self, address: str, key: str) -> None:
        super().__init__(address)
        self.key = key

    def steps(self) -> Steps[None]:
        watch = consul.Watch(self.key, {})
        return consul.follow(watch, watching=True, now=time.monotonic, random=random.random)

    def hear(self, news: Any) -> None:
        if isinstance(news, consul.Found):
            self.content = b"".join(entry.value for entry in news.entries)


class OfNacos(Sheep):
    """Follows a configuration."""

    path = "/nacos"

    def __init__(self, address: str, key: NacosKey) -> None:
        super().__init__(address)
        self.key = key

    def steps(self) -> Steps[None]:
        watched = Watched(Login("", "", time.monotonic, random.random))
        watched.join(self.key)
        return follow(watched, now=time.monotonic, random=random.random)

    def hear(self, news: Any) -> None:
        if isinstance(news, News) and news.config is not None:
            self.content = news.config.content


@dataclass(frozen=True)
class Arrivals:
    """How clients came back.

    Attributes:
        times: when each asked for the first time since the server is back, in seconds after that.
        repeated: how many polls were sent again as soon as their connection was lost.
    """

    times: Sequence[float]
    repeated: int

    def __str__(self) -> str:
        by_window = Counter(int(at / WINDOW) for at in self.times)
        shape = " ".join(f"{by_window[number]}" for number in range(max(by_window) + 1))
        return (
            f"at most {self.fullest()} within 100 ms, the last after {max(self.times):.1f} s,"
            f" {self.repeated} polls sent again at once; per 100 ms: {shape}"
        )

    def fullest(self) -> int:
        """The most that came within any tenth of a second."""
        window: deque[float] = deque()
        fullest = 0
        for at in self.times:
            window.append(at)
            while window[0] < at - WINDOW:
                window.popleft()
            fullest = max(fullest, len(window))
        return fullest


async def scatter(
    make: Callable[[str], Sheep], proxy: Proxy, server: str, publish: Callable[[bytes], None], away: float
) -> Arrivals:
    """Have the server be away for some seconds, and see all clients come back and be told of what is new.

    Args:
        make: makes a client that connects to some address.
        proxy: what goes down and up.
        server: where it leads.
        publish: writes what they follow; the server itself is there all the time.
        away: seconds; with 0 all connections are cut and nothing else.
    """
    await asyncio.to_thread(publish, b"one")
    herd = [make(proxy.address) for _ in range(CLIENTS)]
    clients = [sheep.client for sheep in herd]
    async with asyncio.TaskGroup() as group:
        tasks = []
        for sheep in herd:
            tasks.append(group.create_task(sheep.live()))
            await asyncio.sleep(PAUSE)  # as they would be started
        await _until(lambda: all(sheep.content == b"one" for sheep in herd), "all having read")
        await _until(lambda: all(client.waits for client in clients), "all at rest")
        if away:
            await asyncio.to_thread(proxy.down)
            await asyncio.sleep(away)
        back = time.monotonic()
        # By another name, as else nothing would be cut.
        await asyncio.to_thread(proxy.lead_to, server.replace("127.0.0.1", "localhost"))
        await _until(lambda: all(client.answered[-1] > back for client in clients), "all being back")
        times = sorted(client.back(back) - back for client in clients)
        arrivals = Arrivals(times, sum(client.repeated for client in clients))
        await asyncio.to_thread(publish, b"two")
        await _until(lambda: all(sheep.content == b"two" for sheep in herd), "all being told")
        for task in tasks:
            task.cancel()
    return arrivals


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        await asyncio.sleep(PAUSE)


def _nobody() -> Mapping[str, str]:
    return {}


def _at_once(function: Callable[[], object]) -> Awaitable[object]:
    return asyncio.to_thread(function)
