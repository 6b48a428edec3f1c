"""A host's loop leaves no connection open, whoever forgot to close it."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from dynconf._host.host import Host
from dynconf._host.loop import Loop
from tests.unit.host_props import LOOK, SHORT, listening


def listen(family: int, address: Any) -> socket.socket:
    """A server that accepts at most by its backlog, with a time limit."""
    server = socket.socket(family)
    server.bind(address)
    server.listen()
    server.settimeout(LOOK)
    return server


def left_open(connect: Callable[[], Coroutine[Any, Any, object]], server: socket.socket) -> bytes:
    """What the other side reads of a connection that nobody closed before its loop was."""
    loop = Loop()
    held = loop.run_until_complete(connect())
    peer, _ = server.accept()
    peer.settimeout(LOOK)
    loop.close()
    loop.close()
    del held
    gc.collect()  # a warning would be an error
    with peer:
        return peer.recv(1)


def test_a_connection_that_nobody_closed_ends_with_the_loop() -> None:
    """The other side sees it end, and nothing is left to be collected with a warning."""
    with listen(socket.AF_INET, ("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        assert left_open(lambda: asyncio.open_connection(host, port), server) == b""


def test_one_of_a_unix_socket_ends_with_the_loop(tmp_path: Path) -> None:
    """Likewise."""
    path = str(tmp_path / "socket")
    with listen(socket.AF_UNIX, path) as server:
        assert left_open(lambda: asyncio.open_unix_connection(path), server) == b""


def test_one_that_was_closed_just_now_ends_with_the_loop() -> None:
    """Its end is left for the loop's next round, which comes all the same."""

    async def connect() -> object:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return writer

    with listen(socket.AF_INET, ("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        assert left_open(connect, server) == b""


def test_a_stop_whose_time_is_up_before_the_loop_had_any_leaves_no_connection_open() -> None:
    """A loop that is blocked until nobody waits for it any longer still ends what it has open."""
    blocked = threading.Event()
    kept: list[object] = []

    async def connect() -> None:
        kept.append(await asyncio.open_connection(address, port))

    with listen(socket.AF_INET, ("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        host = Host.in_thread("test")
        host.call(connect, instead="x()")
        peer, _ = server.accept()
        peer.settimeout(LOOK)
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "test")
        with listening() as log:
            host.post(blocked.wait)
            host.stop(SHORT)
        blocked.set()
        thread.join(LOOK)
        with peer:
            assert peer.recv(1) == b""
    assert log.messages == ["test: its event loop did not stop in time, a callback of it blocks it"]
    kept.clear()
    gc.collect()
