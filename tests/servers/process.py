"""One server as a child process: started, watched, stopped, killed, frozen, and gone when the tests are."""

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from tests.servers.ports import free_port

# It waits until its input ends, as it does when the tests close it or die of whatever, and then kills its
# whole process group, in which the server is. PR_SET_PDEATHSIG would not do: it acts when the *thread* that
# started the child ends, and leaves what the server started itself. The hang-up to ignore is what the kernel
# sends to a group that loses its parent while one of its members is frozen.
GUARD = ["/bin/sh", "-c", "trap '' HUP INT TERM; read _; kill -KILL 0"]
TAIL = 15

T = TypeVar("T")


class ServerFailed(Exception):
    """A server did not get ready; the message has the end of its log."""


def until(look: Callable[[], T | None], what: str, patience: float = 30.0) -> T:
    """Look again and again until there is something, and return it.

    Args:
        look: what is waited for is what it returns, once that is true.
        what: its name, for the error.
        patience: seconds.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + patience
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} seconds for {what}")
        time.sleep(0.02)
    return seen


def listens(address: str) -> bool:
    """Whether a server listens at a host:port, be it frozen or not."""
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionError:  # refused, or reset as it ends
        return False
    return True


class Process(ABC):
    """A server in a process group of its own, which ends with the tests however they end.

    Args:
        folder: where its log and whatever it writes belong; made if need be.
        port: where it serves, kept when it restarts; one that is free unless given.
    """

    name: str
    launched: ClassVar["set[Process]"] = set()  # emptied by whoever looks at it
    patience = 30.0  # seconds to get ready
    grace = 10.0  # seconds to stop

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder / f"{self.name}.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run; called at every start, so it may write the server's files."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves; an `OSError` or an `HTTPException` is a no."""

    @property
    def address(self) -> str:
        """Where it serves, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The server's own process id."""
        assert self._child, f"{self.name} is not started"
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process is there; a frozen one is."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            ServerFailed: it ended, or was not ready in time; it is stopped then.
        """
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start it without waiting, for servers that get ready together only."""
        assert not self.running, f"{self.name} is running"
        self._reap()
        if listens(self.address):  # it would pass for ours
            raise ServerFailed(f"{self.name} cannot have {self.address}: another server listens there")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        self._guard = subprocess.Popen(
            GUARD,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            with self.log.open("ab") as log:
                self._child = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=self._guard.pid,
                )
        except BaseException:
            self._reap()
            raise
        self.launched.add(self)

    def wait_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            ServerFailed: as for `start`.
        """
        try:
            until(lambda: not self.running or self._is_ready(), "readiness", self.patience)
        except TimeoutError:
            self._fail(f"was not ready within {self.patience:.0f} seconds")
        if not self.running:
            self._fail("ended before it was ready")

    def stop(self) -> None:
        """End it as an operator does, and by force if that takes too long. Stopping twice is fine."""
        if self._child is not None:
            self._child.terminate()
            self.thaw()  # a frozen process would not notice
            try:
                self._child.wait(self.grace)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._reap()

    def kill(self) -> None:
        """End it on the spot, as `kill -9` and the kernel's out-of-memory killer do."""
        if self._child is not None:
            self._child.kill()
        self._reap()

    def restart(self) -> None:
        """Stop it, and start it again with the same ports and whatever data it keeps."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Suspend it: its connections stay, new ones are accepted by the kernel, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert self.running, f"{self.name} ended"

    def thaw(self) -> None:
        """Let a frozen one go on."""
        assert self._child, f"{self.name} is not started"
        self._child.send_signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        try:
            return self.ready()
        except (OSError, HTTPException):
            return False

    def _fail(self, what: str) -> None:
        status = self._child.poll() if self._child else None
        self.kill()
        raise ServerFailed(f"{self.name} {what} (exit status {status}); its log ends with\n{self.log_tail()}")

    def _reap(self) -> None:
        """Kill the guard and whatever is left of the group, and wait for both."""
        if self._guard is not None:
            assert self._guard.stdin
            os.killpg(
                self._guard.pid, signal.SIGKILL
            )  # a forked child of ours may hold the guard's input open
            self._guard.stdin.close()
            self._guard.wait()
        if self._child is not None:
            self._child.wait()
        self._guard = self._child = None
