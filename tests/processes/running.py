"""Runs a program of several processes, follows its journal and its pages, and ends it as an operator does."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from tests.servers.process import Process, until

ROOT = Path(__file__).parents[2]
LOOK = 30.0  # seconds after which a wait is a failure
PYTHON = [sys.executable, "-X", "dev"]
# Newer Pythons warn of the fork of a process that has threads, which is what is tested.
WARNINGS = "error,ignore:This process:DeprecationWarning"


@dataclass(frozen=True)
class Document:
    """What a program is configured by.

    Attributes:
        address: where it is, as `Config` takes it.
        save: writes a number into it.
    """

    address: str
    save: Callable[[int], object]


def alive(pid: int) -> bool:
    """Whether a process is there, and not just its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Program(Process):
    """One of the programs, in which every warning is an error.

    Args:
        folder: for its log and its journal.
        source: the address of what it is configured by.
        words: what to run after Python itself; `{port}` stands for a free port.
        processes: how many of its processes have a Config, before it is taken to be ready.
        life: whether that is started by the `import` or by the `lifespan` of an ASGI application.
        environment: further variables.
    """

    name = "program"

    def __init__(
        self,
        folder: Path,
        source: str,
        words: Sequence[str],
        *,
        processes: int = 1,
        life: str = "import",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self._journal = folder / "journal"
        self._words = [word.format(port=self.port) for word in words]
        self._processes = processes
        variables = {"APP_SOURCE": source, "APP_START": life, "APP_JOURNAL": str(self._journal)}
        variables |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": WARNINGS, **(environment or {})}
        self._variables = [f"{name}={value}" for name, value in variables.items()]

    def command(self) -> list[str]:
        return ["env", *self._variables, *PYTHON, *self._words]

    def ready(self) -> bool:
        return len(self.noted("first")) >= self._processes

    def noted(self, event: str, n: int | None = None) -> set[int]:
        """The processes that noted that event, with that number if one is given."""
        lines = self._journal.read_text().splitlines() if self._journal.exists() else []
        notes = [line.split() for line in lines]
        return {int(pid) for pid, kind, seen in notes if kind == event and n in {None, int(seen)}}

    def all_note(self, event: str, n: int, pids: set[int]) -> None:
        """Wait until each of them has."""
        try:
            until(lambda: self.noted(event, n) >= pids, f"'{event} {n}'", LOOK)
        except TimeoutError as error:
            missing = pids - self.noted(event, n)
            raise AssertionError(f"{error}, of {missing}; {self.log_tail()}") from None

    def page(self) -> tuple[int, int] | None:
        """Who answered, and the number there; None if nobody did, as while a worker is replaced."""
        try:
            with urlopen(f"http://{self.address}/", timeout=LOOK) as reply:
                pid, n = json.load(reply)
        except (OSError, HTTPException):
            return None
        return pid, n

    def all_serve(self, n: int, workers: set[int]) -> None:
        """Wait until each worker has answered with that number."""
        seen: set[int] = set()

        def complete() -> bool:
            if (page := self.page()) and page[1] == n:
                seen.add(page[0])
            return seen == workers

        until(complete, f"'{n}' from {workers}", LOOK)

    def ends(self) -> float:
        """Ask it to end: all of it does, without a complaint.

        Returns:
            the seconds it took.
        """
        assert self._child
        pids = {pid for pid in self.noted("first") if alive(pid)}
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        code = self._child.wait(LOOK)
        until(lambda: not any(map(alive, pids)), f"the end of {pids}", LOOK)
        took = time.monotonic() - began
        assert code == 0, self.log_tail()
        assert self.complaints() == []
        return took

    def complaints(self) -> list[str]:
        """Tracebacks and warnings in its log, but for the socket that some servers listen on to their end."""
        theirs = re.compile(rf"unclosed <socket.*laddr=\('127.0.0.1', {self.port}\)>")
        lines = self.log.read_text().splitlines()
        return [line for line in lines if re.search("Traceback|Warning", line) and not theirs.search(line)]
