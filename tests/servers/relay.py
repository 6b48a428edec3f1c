"""A relay to a server that counts what passes, and may break connections or answer in the server's place."""

import asyncio
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

REQUEST = re.compile(rb"([A-Z]+ \S+) HTTP/1\.[01]\r\n")
REPLY = re.compile(rb"HTTP/1\.[01] (\d{3})")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNK = 65536
AT_ONCE = struct.pack("ii", 1, 0)  # what has a socket's end be a reset


class Relay:
    """Passes on what it is sent, on one thread for all connections.

    Args:
        upstream: the server, as host:port.

    Attributes:
        requests: the method and the target of each request so far. Taken to begin where a client's
            sending does, as it does with HTTP/1.1 unless somebody sends the next one early.
        statuses: those of the replies, likewise.
        pauses: seconds between each of its own answers and the request after that.
        opened: how many connections there were so far.
        open: how many there are.
        waiting: how many of those the server owes an answer.
    """

    def __init__(self, upstream: str) -> None:
        self.requests: list[str] = []
        self.statuses: list[int] = []
        self.pauses: list[float] = []
        self.opened = 0
        self._upstream = upstream
        self._owed: dict[int, bool] = {}
        self._back: dict[int, asyncio.StreamWriter] = {}
        self._own = b""
        self._turned_away: dict[str, bytes] = {}
        self._dropped: re.Pattern[bytes] | None = None
        self._most: int | None = None
        self._answered: float | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

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

    def cut(self) -> None:
        """Close all connections."""
        asyncio.run_coroutine_threadsafe(self._switch(self._own), self._loop).result()

    def answer(self, status: int, *headers: str, body: bytes = b"") -> None:
        """Answer in the server's place from now on, also those who wait at present.

        Args:
            status: the status.
            headers: as `Name: value`.
            body: the content.
        """
        own = _reply(status, *headers, body=body)
        asyncio.run_coroutine_threadsafe(self._switch(own), self._loop).result()

    def turn_away(self, part: str, status: int, *headers: str, body: bytes = b"") -> None:
        """Answer what has that in its first line, and no body, in the server's place from now on.

        Args:
            part: of the target.
            status: the status.
            headers: as `Name: value`.
            body: the content.
        """
        self._turned_away[part] = _reply(status, *headers, body=body)

    def stall(self, part: str) -> None:
        """Begin to answer what has that in its first line, and no body, and never end, from now on."""
        self._turned_away[part] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"

    def drop(self, header: str) -> None:
        """Pass on requests without that header from now on."""
        self._dropped = re.compile(rb"(?<=\r\n)" + header.encode() + rb":[^\r]*\r\n", re.IGNORECASE)

    def reset_after(self, count: int) -> None:
        """Pass on so many bytes of each reply from now on, and then reset the connection."""
        self._most = count

    def pass_on(self) -> None:
        """Pass on everything again; who is connected connects anew."""
        self._most = None
        self._turned_away.clear()
        self._dropped = None
        asyncio.run_coroutine_threadsafe(self._switch(b""), self._loop).result()

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
        await self._end_all()
        for _ in range(4):  # the rounds that it takes to accept a connection
            await asyncio.sleep(0)
        await self._end_all()
        for writer in self._writers:  # one with something left to send would stay open until it is taken
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _end_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _switch(self, own: bytes) -> None:
        """Have the connections of before end, with the new answer where one is waited for."""
        self._own = own
        if own:
            self._answered = None
            for number, back in self._back.items():
                if self._owed[number]:
                    self._give(back, own)
        await self._end_all()

    def _give(self, back: asyncio.StreamWriter, own: bytes) -> None:
        self.statuses.append(int(own[9:12]))
        self._answered = time.monotonic()
        back.write(own)

    def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._writers.add(back)
        task = asyncio.ensure_future(self._serve(near, back))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: back.close())  # also if it was cancelled before it began

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        self._owed[number] = False
        self._back[number] = back
        try:
            with suppress(OSError):  # until one side ends, or as nobody listens there
                if self._own:
                    await self._answer_all(near, back)
                else:
                    await self._pass_all(number, near, back)
        finally:
            back.close()
            del self._owed[number], self._back[number]

    async def _answer_all(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Answer in the server's place, each request once it is complete."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await near.readuntil(b"\r\n\r\n")
                if self._answered is not None:
                    self.pauses.append(time.monotonic() - self._answered)
                self._note(head)
                if length := LENGTH.search(head):
                    await near.readexactly(int(length[1]))
                self._give(back, self._own)
                await back.drain()

    async def _pass_all(self, number: int, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Pass on what is sent either way, until one side ends."""
        host, _, port = self._upstream.partition(":")
        far, forth = await asyncio.open_connection(host, int(port))
        self._writers.add(forth)

        given = 0

        def asked(data: bytes) -> bytes:
            nonlocal given
            given = 0
            self._note(data)
            # A body may come by itself, and name the same.
            line = found[1].decode() if (found := REQUEST.match(data)) else ""
            for part, own in self._turned_away.items():
                if part in line:
                    self._give(back, own)
                    return b""
            self._owed[number] = True
            return self._dropped.sub(b"", data) if self._dropped and line else data

        def answered(data: bytes) -> bytes:
            nonlocal given
            self._owed[number] = False
            if found := REPLY.match(data):
                self.statuses.append(int(found[1]))
            given += len(data)
            if self._most is None or given <= self._most:
                return data
            back.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            back.write(data[: self._most - given])
            back.transport.abort()
            return b""

        ways = [
            asyncio.ensure_future(way)
            for way in (self._pass(near, forth, asked), self._pass(far, back, answered))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forth.close()  # before anything is awaited: the relay may end meanwhile
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _note(self, data: bytes) -> None:
        if found := REQUEST.match(data):
            self.requests.append(found[1].decode())

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, note: Callable[[bytes], bytes]
    ) -> None:
        with suppress(OSError):  # until one side ends
            while data := await source.read(CHUNK):
                target.write(note(data))
                await target.drain()


def _reply(status: int, *headers: str, body: bytes) -> bytes:
    head = [f"HTTP/1.1 {status} A", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body
