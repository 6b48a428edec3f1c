"""A program for faults to happen to: it follows one source, and one of its threads reads all the time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from dynconf import Binding, Config, Settings
from dynconf._values.source import Source
from tests.servers.process import until


class App(Settings):
    n: int = -1


class Reader:
    """A thread that reads without a pause, and keeps what it read."""

    def __init__(self, settings: Binding[App]) -> None:
        self.seen: list[int] = []
        self._settings = settings
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(0.001)  # what holds at the end is read as well
            n = self._settings.current.n
            if self.seen[-1:] != [n]:
                self.seen.append(n)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()


class Running:
    """A program that follows a source with `n` in it, one thread of which reads that all the time."""

    def __init__(self, config: Config, settings: Binding[App], reader: Reader) -> None:
        self.config = config
        self.settings = settings
        self.reader = reader

    @property
    def state(self) -> str:
        """How it stands with the source."""
        return self.config.status().sources[0].state

    def becomes(self, state: str, patience: float = 30.0) -> None:
        """Wait for that."""
        until(lambda: self.state == state, state, patience)

    def catches_up(self, n: int) -> None:
        """Wait until the new value serves, and its source is live."""
        self.settings.until(lambda app: app.n == n, timeout=40)
        self.becomes("live")


@contextmanager
def running(source: Source) -> Iterator[Running]:
    """A program that follows a source."""
    config = Config(source)
    settings = config.bind(App)
    with config, Reader(settings) as reader:
        yield Running(config, settings, reader)
