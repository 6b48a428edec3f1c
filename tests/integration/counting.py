"""Threads and tasks that count in a Redis as fast as they can, while its address changes."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis
import redis.asyncio
from pydantic import BaseModel, SecretStr
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from dynconf import Config, Settings, Source
from tests.servers.fixtures import RedisServers
from tests.servers.process import until
from tests.servers.redis import RedisServer
from tests.unit.core_props import LOOK

NAME = "counting"
Publish = Callable[[dict[str, Any]], object]


class Where(BaseModel, frozen=True):
    port: int
    password: SecretStr = SecretStr("")


class App(Settings):
    redis: Where


class Client(redis.Redis):
    """One that says whether it was closed; the library's own would connect again unasked."""

    ended = False

    def close(self) -> None:
        self.ended = True
        super().close()


class AsyncClient(redis.asyncio.Redis):
    """Likewise."""

    ended = False

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        self.ended = True
        await super().aclose(close_connection_pool)


def options(where: Where) -> dict[str, Any]:
    """What clients of both kinds are made with; neither tries anything twice, so that it is counted once."""
    password = where.password.get_secret_value() or None
    place = {"host": "127.0.0.1", "port": where.port, "password": password}
    return {**place, "client_name": NAME, "max_connections": 1000}


def connect(where: Where) -> Client:
    """A client for threads."""
    return Client(**options(where), retry=Retry(NoBackoff(), 0))


def connect_async(where: Where) -> AsyncClient:
    """One for tasks."""
    return AsyncClient(**options(where), retry=AsyncRetry(NoBackoff(), 0))


def place(server: RedisServer) -> dict[str, Any]:
    """What a document says of a server."""
    return {"redis": {"port": server.port, "password": server.password}}


def counted(server: RedisServer) -> int:
    """What a server has counted."""
    return int(server.call("INCRBY", "n", "0").removeprefix(":"))


def connections(server: RedisServer) -> int:
    """How many of the counting clients' connections a server has."""
    with redis.Redis(port=server.port, password=server.password or None) as client:
        return sum(one["name"] == NAME for one in cast("list[dict[str, str]]", client.client_list()))


@dataclass
class Spell:
    """What was done in a while.

    Attributes:
        operations: how many were.
        seconds: how long it took.
    """

    operations: int
    seconds: float

    @property
    def rate(self) -> float:
        """Operations in a second."""
        return self.operations / self.seconds


class Counting:
    """Workers that count, each for itself, what the servers are to have counted in the end.

    Args:
        source: where the address comes from.
        threads: how many use a sync client.
        tasks: how many use an async one.
    """

    def __init__(self, source: Source, threads: int = 8, tasks: int = 200) -> None:
        self.config = Config(source)
        self.app = self.config.bind(App)
        self.client = self.app.resource("redis", create=connect, check=Client.ping, close=Client.close)
        self.async_client = self.app.resource(
            "redis", create=connect_async, check=lambda one: one.ping(), close=AsyncClient.aclose
        )
        self.errors: list[BaseException] = []
        self._done = [0] * (threads + tasks)
        self._threads = threads
        self._ending = threading.Event()

    @property
    def done(self) -> int:
        """How many operations have succeeded."""
        return sum(self._done)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Have all work; afterwards no operation is under way any more."""
        async with self.config:
            threads = [
                threading.Thread(target=self._count, args=(number,)) for number in range(self._threads)
            ]
            for thread in threads:
                thread.start()
            async with asyncio.TaskGroup() as group:
                for number in range(self._threads, len(self._done)):
                    group.create_task(self._count_async(number))
                try:
                    yield
                finally:
                    self._ending.set()
                    for thread in threads:
                        await asyncio.to_thread(thread.join)
            await self.drained()

    async def drained(self) -> None:
        """Wait until every former client is closed."""
        clients = (self.client, self.async_client)
        await asyncio.to_thread(
            until, lambda: not any(one.draining for one in clients), "the former ones' end"
        )

    async def at(self, server: RedisServer) -> None:
        """Wait until the settings name a server."""
        await self.app.auntil(lambda now: now.redis.port == server.port, LOOK)

    async def more(self, count: int) -> None:
        """Wait until so many more operations have been done."""
        goal = self.done + count
        await asyncio.to_thread(until, lambda: self.done >= goal, "more operations")

    @asynccontextmanager
    async def timed(self) -> AsyncIterator[Spell]:
        """What is done in a while."""
        spell = Spell(self.done, time.perf_counter())
        yield spell
        spell.operations, spell.seconds = self.done - spell.operations, time.perf_counter() - spell.seconds

    def _count(self, number: int) -> None:
        while not self._ending.is_set():
            try:
                with self.client.lease() as client:
                    client.incr("n")
                    assert not client.ended
                self._done[number] += 1
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is one too many
                self.errors.append(error)

    async def _count_async(self, number: int) -> None:
        while not self._ending.is_set():
            try:
                async with self.async_client.lease() as client:
                    await client.incr("n")
                    assert not client.ended
                self._done[number] += 1
            except Exception as error:  # noqa: BLE001
                self.errors.append(error)


async def flip(
    counting: Counting, publish: Publish, servers: Sequence[RedisServer], times: int, pace: float
) -> Spell:
    """Move from one server to the other and back, each time once there is news of the last.

    Args:
        counting: the workers.
        publish: changes the document.
        servers: where to; the first one is where they are.
        times: how often.
        pace: seconds from one to the next, at least.
    """
    async with counting.timed() as spell:
        for number in range(1, times + 1):
            begun = time.perf_counter()
            server = servers[number % len(servers)]
            await asyncio.to_thread(publish, place(server))
            await counting.at(server)
            await counting.more(1)
            await asyncio.sleep(max(0.0, begun + pace - time.perf_counter()))
    return spell


async def meet_a_dead_one(counting: Counting, publish: Publish, dead: RedisServer) -> None:
    """The address of a server that is not started is refused, and taken once it is."""
    before = counting.app.current
    await asyncio.to_thread(publish, place(dead))
    status = counting.config.status
    await asyncio.to_thread(until, lambda: status().sources[0].state == "refused", "the refusal")
    await counting.more(10)
    assert counting.app.current is before
    await asyncio.to_thread(dead.start)
    await counting.at(dead)
    await counting.more(10)


@dataclass(frozen=True)
class Servers:
    """Two servers to move between, and one that is not started yet."""

    both: tuple[RedisServer, RedisServer]
    dead: RedisServer


@contextmanager
def servers(redis: RedisServers, folder: Path) -> Iterator[Servers]:
    """The shared servers, where nothing is counted yet, and a third one.

    Args:
        redis: the shared ones.
        folder: the third one's.
    """
    both = (redis.plain, redis.locked)
    for server in both:
        server.call("FLUSHALL")
    dead = RedisServer(folder)
    yield Servers(both, dead)
    dead.stop()


async def count_while_it_moves(
    counting: Counting, publish: Publish, servers: Servers, times: int, seconds: float
) -> tuple[Spell, Spell]:
    """Have the workers work through a spell of rest, one of moves, and a move to where nobody listens yet.

    Nothing is to fail or to be lost, and nobody is to stay connected to where the workers are no more.

    Args:
        counting: the workers.
        publish: changes the document.
        servers: where to.
        times: how often to move.
        seconds: how long each spell lasts, at least.

    Returns:
        What was done in the two spells.
    """
    await asyncio.to_thread(publish, place(servers.both[0]))
    async with counting.working():
        async with counting.timed() as rest:
            await asyncio.sleep(seconds)
        moves = await flip(counting, publish, servers.both, times, seconds / times)
        await meet_a_dead_one(counting, publish, servers.dead)
        await counting.drained()
        for server in servers.both:
            await asyncio.to_thread(until, lambda server=server: not connections(server), "nobody there")
        assert connections(servers.dead) > 0
    assert counting.errors == []
    assert sum(map(counted, [*servers.both, servers.dead])) == counting.done
    assert counting.client.swaps == counting.async_client.swaps == times + 1
    until(lambda: not connections(servers.dead), "nobody there either")
    return rest, moves
