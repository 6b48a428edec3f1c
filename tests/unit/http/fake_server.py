"""A server that speaks canned bytes, for what no well-behaved server would do, and a client to ask it."""

import asyncio
import functools
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec, Self

import pytest

from dynconf._http.client import Client
from dynconf._http.endpoint import Endpoint
from dynconf._http.tls import TLS
from dynconf.errors import SourceError
from dynconf.protocols.exchange import Request

P = ParamSpec("P")
Step = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

GET = Request("GET", "/v1/kv/a")
PUT = Request("PUT", "/v1/kv/a", body=b"x", repeatable=False)
SECRET = "hunter2"
TOKEN = {"x-consul-token": SECRET}


def ok(body: bytes = b"", status: str = "200 OK", headers: str = "") -> bytes:
    """A complete answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close the connection."""
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection."""
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    """Say nothing, and keep the connection."""
    await asyncio.Event().wait()


def then_hang_up(text: bytes) -> Step:
    """Say something, then close the connection."""

    async def step(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return step


def drip(start: bytes) -> Step:
    """Say something, and then a byte at a time for ever."""

    async def step(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return step


class FakeServer:
    """Hears requests on 127.0.0.1 and takes one step for each; the last step again and again.

    Attributes:
        requests: what was heard, head and body.
        connections: how many there were.
        open: how many there are.
        idle: set while there are none, once there was one.
    """

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self._steps = list(steps)
        self._tls = tls
        self._tasks: set[asyncio.Task[Any]] = set()
        self.requests: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.idle = asyncio.Event()
        self._heard = asyncio.Event()

    async def __aenter__(self) -> Self:
        # What overflows the queue of those who want in is tried again only after a second, or three.
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def endpoint(self, host: str = "127.0.0.1", scheme: str = "") -> Endpoint:
        """Where it is, by any name that leads there."""
        secure = scheme == "https" or (not scheme and self._tls is not None)
        return Endpoint("https" if secure else "http", host, self.port)

    async def until_heard(self, count: int = 1) -> None:
        """Wait for so many requests in all."""
        while len(self.requests) < count:
            self._heard.clear()
            await self._heard.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.idle.clear()
        try:
            while request := await _hear(reader):
                self.requests.append(request)
                self._heard.set()
                step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await _until_gone(reader, step(writer))
                if writer.is_closing():
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        finally:
            self.open -= 1
            if not self.open:
                self.idle.set()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._tasks.discard(task)


async def _until_gone(reader: asyncio.StreamReader, step: Awaitable[None]) -> None:
    """Take a step, unless the client hangs up meanwhile."""
    tasks = [asyncio.ensure_future(step), asyncio.ensure_future(reader.read(1))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _hear(reader: asyncio.StreamReader) -> bytes:
    """One request, or whatever else comes; nothing once the client has hung up."""
    first = await reader.read(1)
    if first in {b"", b"\x16"}:  # a greeting of TLS
        return first
    head = first + await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(lengths[0].split(b":")[1]) if lengths else 0
    return head + (await reader.readexactly(size) if size else b"")


@asynccontextmanager
async def client_of(
    *servers: FakeServer | Endpoint,
    tls: TLS | None = None,
    credentials: Callable[[], Mapping[str, str]] = lambda: TOKEN,
) -> AsyncIterator[Client]:
    """A client of these servers, with a secret token, closed in the end."""
    endpoints = [server if isinstance(server, Endpoint) else server.endpoint() for server in servers]
    loop = asyncio.get_running_loop()
    client = Client(
        endpoints, tls or TLS(), credentials, lambda function: loop.run_in_executor(None, function)
    )
    try:
        yield client
    finally:
        await client.close()


async def fails(client: Client, request: Request = GET, kind: type[SourceError] = SourceError) -> str:
    """The text of the error that a request gives, which shows no credentials anywhere."""
    with pytest.raises(kind) as caught:
        await client.send(request)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
