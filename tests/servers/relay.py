"""A relay to a server that counts what passes: connections, and the requests' first lines."""

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

REQUEST = re.compile(rb"([A-Z]+ \S+) HTTP/1\.[01]\r\n")
REPLY = re.compile(rb"HTTP/1\.[01] (\d{3})")
CHUNK = 65536


class Relay:
    """Passes on what it is sent, on one thread for all connections.

    Args:
        upstream: the server, as host:port.

    Attributes:
        requests: the method and the target of each request so far. Taken to begin where a client's
            sending does, as it does with HTTP/1.1 unless somebody sends the next one early.
        statuses: those of the replies, likewise.
        opened: how many connections there were so far.
        open: how many there are.
        waiting: how many of those the server owes an answer.
    """

    def __init__(self, upstream: str) -> None:
        self.requests: list[str] = []
        self.statuses: list[int] = []
        self.opened = 0
        self._upstream = upstream
        self._owed: dict[int, bool] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def open(self) -> int:
        return len(self._owed)

    @property
    def waiting(self) -> int:
        return sum(self._owed.values())

    def targets(self, part: str, since: int = 0) -> list[str]:
        """The requests that have something in their first line, from one of them on."""
        return [request for request in self.requests[since:] if part in request]

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(near, back))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        self._owed[number] = False
        host, _, port = self._upstream.partition(":")
        try:
            far, forth = await asyncio.open_connection(host, int(port))

            def asked(data: bytes) -> None:
                self._owed[number] = True
                if found := REQUEST.match(data):
                    self.requests.append(found[1].decode())

            def answered(data: bytes) -> None:
                self._owed[number] = False
                if found := REPLY.match(data):
                    self.statuses.append(int(found[1]))

            try:
                ways = [self._pass(near, forth, asked), self._pass(far, back, answered)]
                _, left = await asyncio.wait(
                    [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
                )
                for way in left:
                    way.cancel()
                await asyncio.gather(*left, return_exceptions=True)
            finally:
                forth.close()
        finally:
            back.close()
            del self._owed[number]

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, note: Callable[[bytes], None]
    ) -> None:
        with suppress(OSError):  # until one side ends
            while data := await source.read(CHUNK):
                note(data)
                target.write(data)
                await target.drain()
