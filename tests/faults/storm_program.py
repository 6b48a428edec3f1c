"""A program in a storm: it follows all documents, and keeps whatever it is told and reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dynconf import Change, Config, DynconfError, Settings
from tests.faults.storm_backends import Backend


class Part(Settings):
    """Two numbers that are published together, and always equal."""

    n: int
    m: int


class Ear:
    """A subscriber: keeps the versions and the numbers that it is told of, and what they were before."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.parts: list[tuple[int, int]] = []
        self.before: list[int] = []

    def whole(self, change: Change[Part]) -> None:
        """Be told of a document."""
        self._keep(change.version, change.old.n, change.new.n, change.new.m)

    async def number(self, change: Change[int]) -> None:
        """Be told of one number of it, in the loop."""
        self._keep(change.version, change.old, change.new, change.new)

    def _keep(self, version: int, before: int, n: int, m: int) -> None:
        self.versions.append(version)
        self.before.append(before)
        self.parts.append((n, m))


class Program:
    """What follows all documents, with two subscribers to each and a thread that reads all the time."""

    def __init__(self, backend: Backend) -> None:
        self.config = Config(*map(backend.source, backend.names), start_timeout=30)
        self.parts = {name: self.config.bind(Part, at=place(name)) for name in backend.names}
        self.ears = {name: (Ear(), Ear()) for name in backend.names}
        self.read: dict[str, list[tuple[int, int]]] = {name: [] for name in backend.names}
        self.errors: list[DynconfError] = []
        self.config.on_error(self.errors.append)
        for name, (whole, number) in self.ears.items():
            self.parts[name].on_change(whole.whole)
            self.parts[name].on_change("n")(number.number)

    def states(self) -> dict[str, str]:
        """How it stands with each document."""
        sources = self.config.status().sources
        return {name: source.state for name, source in zip(self.parts, sources, strict=True)}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it, and raise what its reader found wrong."""
        over = threading.Event()
        faults: list[BaseException] = []

        def read() -> None:
            try:
                self._read(over)
            except BaseException as error:  # noqa: BLE001 - raised below
                faults.append(error)

        reader = threading.Thread(target=read)
        with self.config:
            reader.start()
            try:
                yield
            finally:
                over.set()
                reader.join()
        if faults:
            raise faults[0]

    def _read(self, over: threading.Event) -> None:
        version, ending = 0, False
        while not ending:
            ending = over.wait(0.002)  # what holds at the end is read as well
            view = self.config.view()
            assert view.version >= version, "versions only grow"
            if view.version == version:
                continue
            version = view.version
            for name, part in self.parts.items():
                found = view[part]
                if self.read[name][-1:] != [(found.n, found.m)]:
                    self.read[name].append((found.n, found.m))


def place(name: str) -> str:
    """Where a document is mounted."""
    return name.partition(".")[0]
