"""A program for faults to happen to: it follows one source, and one of its threads reads all the time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from dynconf import Binding, Config, Settings
from dynconf._faces.status import SourceStatus
from dynconf._values.source import Source
from dynconf.errors import DynconfError
from tests.servers.process import until


class App(Settings):
    n: int = -1


class Reader:
    """A thread that reads nearly without a pause, and keeps what it read.

    Attributes:
        seen: the values, each as often as it followed another one.
        reads: how often it read.
        longest: seconds that one read took at most.
    """

    def __init__(self, settings: Binding[App], pause: float = 0.001) -> None:
        self.seen: list[int] = []
        self.reads = 0
        self.longest = 0.0
        self._settings = settings
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(self._pause)  # what holds at the end is read as well
            began = time.perf_counter()
            n = self._settings.current.n
            self.longest = max(self.longest, time.perf_counter() - began)
            self.reads += 1
            if self.seen[-1:] != [n]:
                self.seen.append(n)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()


class Running:
    """A program that follows a source with `n` in it, one thread of which reads that all the time.

    Attributes:
        told: the values that a subscriber was told.
        failed: the errors that `on_error` was told.
    """

    def __init__(self, config: Config, settings: Binding[App], reader: Reader) -> None:
        self.config = config
        self.settings = settings
        self.reader = reader
        self.told: list[int] = []
        self.failed: list[DynconfError] = []
        settings.on_change("n")(lambda change: self.told.append(change.new))
        config.on_error(self.failed.append)

    @property
    def state(self) -> str:
        """How it stands with the source."""
        return self.config.status().sources[0].state

    @property
    def error(self) -> str:
        """What is wrong with it; empty if nothing is."""
        return self.config.status().sources[0].error or ""

    def becomes(self, state: str, patience: float = 30.0) -> None:
        """Wait for that."""
        until(lambda: self.state == state, state, patience)

    def fails(self, said: str, patience: float = 30.0) -> float:
        """Wait until the source is stale and the status says why; gives since when, by the clock."""
        source = until(lambda: self._stale(said), said, patience)
        assert source.failing_since is not None
        return source.failing_since

    def catches_up(self, n: int, patience: float = 40.0) -> None:
        """Wait until the new value serves, and its source is live."""
        self.settings.until(lambda app: app.n == n, timeout=patience)
        self.becomes("live")

    def is_read(self, n: int) -> None:
        """Wait until the thread has read that, and the subscriber was told."""
        until(lambda: self.reader.seen[-1:] == self.told[-1:] == [n], f"{n} being read")

    def _stale(self, said: str) -> SourceStatus | None:
        source = self.config.status().sources[0]
        return source if source.state == "stale" and said in (source.error or "") else None

    def reads_on(self) -> None:
        """Wait until something more was read."""
        reads = self.reader.reads
        until(lambda: self.reader.reads > reads, "one more read")


@contextmanager
def running(source: Source, pause: float = 0.001, **options: Any) -> Iterator[Running]:
    """A program that follows a source, with options for its `Config`."""
    config = Config(source, **options)
    settings = config.bind(App)
    with config, Reader(settings, pause) as reader:
        yield Running(config, settings, reader)
