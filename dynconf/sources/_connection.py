"""What a server object's calls run on: for each call a connection of its own, or one kept by `with`."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from dynconf._host.host import Host
from dynconf._host.process import park
from dynconf._http.client import Client
from dynconf._http.drive import Driver
from dynconf.errors import UsageError
from dynconf.protocols.exchange import Steps

T = TypeVar("T")


class Connectable(ABC):
    """A server that can be read and written by plain calls.

    Each call opens a connection and closes it; within `with` (or `async with`) one is kept. Every
    call has an async form with an `a` in front, which works on any event loop.
    """

    def __init__(self) -> None:
        self._kept: _Connection | None = None

    @abstractmethod
    def _client(self, host: Host) -> Client:
        """Make a client; called on the host's loop."""

    def __enter__(self) -> Self:
        self._keep(Host.in_thread(repr(self), on_fork=self._left_behind))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._kept = self._kept, None
        if connection is not None and connection.alive:
            connection.stop()

    async def __aenter__(self) -> Self:
        self._keep(Host.in_loop(repr(self), on_fork=self._left_behind))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._kept = self._kept, None
        if connection is not None and connection.alive:
            await connection.close()

    def _call(self, steps: Callable[[], Steps[T]], *, instead: str) -> T:
        """Run a protocol and wait for it, from any thread.

        Args:
            steps: makes the protocol.
            instead: the call to await instead, as an error names it.
        """
        if self._kept is not None and self._kept.alive:
            return self._kept.call(steps, instead)
        connection = _Connection(Host.in_thread(repr(self)), self._client)
        try:
            return connection.call(steps, instead)
        finally:
            connection.stop()

    async def _acall(self, steps: Callable[[], Steps[T]]) -> T:
        """Run a protocol, from any event loop."""
        if self._kept is not None and self._kept.alive:
            return await self._kept.acall(steps)
        connection = _Connection(Host.in_loop(repr(self)), self._client)
        try:
            return await connection.acall(steps)
        finally:
            await connection.close()

    def _keep(self, host: Host) -> None:
        if self._kept is not None and self._kept.alive:
            host.abort()
            raise UsageError(f"{self!r} is already open")
        self._kept = _Connection(host, self._client)

    def _left_behind(self) -> None:
        """In a forked child: what the parent keeps open is not ours; every call opens its own."""
        park(self._kept)
        self._kept = None


class _Connection:
    """A client and the host that it lives on."""

    def __init__(self, host: Host, make: Callable[[Host], Client]) -> None:
        self._host = host
        self._make = make
        self._client: Client | None = None

    @property
    def alive(self) -> bool:
        """Whether its loop still runs."""
        return self._host.alive

    def call(self, steps: Callable[[], Steps[T]], instead: str) -> T:
        return self._host.call(lambda: self._perform(steps), instead=instead)

    async def acall(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._host.acall(lambda: self._perform(steps))

    def stop(self) -> None:
        """Close everything; blocks."""
        self._host.call(self._hang_up, instead="async with")
        self._host.stop(instead="async with")

    async def close(self) -> None:
        """Do what `stop` does."""
        await self._host.acall(self._hang_up)
        await self._host.close()

    async def _perform(self, steps: Callable[[], Steps[T]]) -> T:
        if self._client is None:
            self._client = self._make(self._host)
        return await Driver(self._client.send).run(steps())

    def _hang_up(self) -> Coroutine[Any, Any, None]:
        client, self._client = self._client, None
        return client.close() if client is not None else asyncio.sleep(0)
