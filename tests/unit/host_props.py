"""What the tests of the host share."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dynconf._host.host import Host

LOOK = 30.0  # seconds after which a wait is a failure
SHORT = 0.1  # seconds of budget where something hangs on purpose
LONG = 3600.0  # seconds of budget where nothing may hang


class Signal(logging.Handler):
    """Sets an event when something is logged, and keeps the messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.logged = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.logged.set()


@contextmanager
def listening() -> Iterator[Signal]:
    """What the host logs meanwhile."""
    handler = Signal()
    logger = logging.getLogger("dynconf.host")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def forever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


async def stubborn() -> None:
    """Wait, and ignore being cancelled."""
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def answer() -> int:
    """Answer."""
    return 42


def spawn(host: Host, *tasks: Callable[[], object]) -> None:
    """Start tasks on a host and let each begin."""

    async def run() -> None:
        for task in tasks:
            host.spawn(task(), task.__name__)  # type: ignore[arg-type]
        await asyncio.sleep(0)

    host.call(run, instead="x()")


def footprint() -> tuple[set[str], int]:
    """The threads that run and how many file descriptors are open."""
    return {thread.name for thread in threading.enumerate()}, len(list(Path("/proc/self/fd").iterdir()))


PRELUDE = """
import asyncio, contextlib, gc, logging, multiprocessing, os, socket, subprocess, sys, threading, time
from dynconf._host.host import Host
from dynconf.errors import UsageError

logging.getLogger("asyncio").setLevel(logging.ERROR)  # nothing of slow callbacks on a busy machine
LOOK = 30.0

async def answer():
    return os.getpid()

async def forever(write=os.write, pid=os.getpid, parent=os.getpid()):
    try:
        await asyncio.Event().wait()
    finally:  # holds all that it needs: the interpreter may be half gone
        write(1, b"cleaned up in the parent\\n" if pid() == parent else b"CLEANED UP IN A CHILD\\n")

class Owner:
    "Lives on a host, and on a new one after every fork."
    def __init__(self):
        self.host = Host.in_thread("first", on_fork=self.forked)
    def forked(self):
        self.host = Host.in_thread("next", delay=0.1, on_fork=self.forked)
    def ask(self):
        return self.host.call(answer, instead="x()")

def child_of(work):
    "Fork, do the work in the child, and give the exit status."
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

class Line:
    "A connection that a task on the loop reads from: is the loop still told when something comes?"
    def __init__(self, host):
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.heard = threading.Event()
        host.post(lambda: host.spawn(self.listen(), "listener"))
    async def listen(self):
        reader, self.writer = await asyncio.open_connection(sock=self.near)
        try:
            while await reader.readline():
                self.heard.set()
        finally:
            self.writer.close()
            await self.writer.wait_closed()
    def works(self):
        self.heard.clear()
        self.far.sendall(b"ping\\n")
        return self.heard.wait(LOOK)

PARENT = os.getpid()
"""


def run(script: str, *, stderr: str = "") -> str:
    """Run a program in which every warning is an error; give what it prints."""
    # That a process with threads is forked is what is tested; newer Pythons warn of it.
    options = ["-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *options, "-c", PRELUDE + script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == stderr
    assert done.returncode == 0
    return done.stdout
