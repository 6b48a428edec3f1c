"""How many threads a configuration takes, which must not go with the number of its sources."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from dynconf import Change, Config, File, Memory, Settings, Source
from tests.bench._report import Line

MANY = 1_000
# Seconds: a moment after the start, files are being watched and were looked at once more.
_SETTLED = 2.0
# Looks, and seconds between them: threads come and go.
_LOOKS, _PAUSE = 50, 0.01


class App(Settings):
    n: int = 0


def measure() -> list[Line]:
    """With files, which are watched, and without."""
    with TemporaryDirectory() as folder:
        return [
            _line("threads with 1,000 files", lambda number: _file(Path(folder), number), "1 file"),
            _line("threads with 1,000 Memory sources", _memory, "1 Memory source"),
        ]


def _line(what: str, source: Callable[[int], Source], one: str) -> Line:
    few = _threads([source(0)])
    many = _threads([source(number) for number in range(MANY)])
    return Line(what, many, one, few, "ratio", 1.0, "threads")


def _threads(sources: list[Source]) -> int:
    """Threads of the operating system, once a callback has run: the most that are seen."""
    last = Memory({"n": 0})
    config = Config(*sources, last)
    settings = config.bind(App)
    told = Event()

    def note(change: Change[App]) -> None:
        told.set()

    settings.on_change(note)
    with config:
        time.sleep(_SETTLED)
        last.set({"n": 1})
        told.wait()
        return max(_count() for _ in range(_LOOKS))


def _count() -> int:
    time.sleep(_PAUSE)
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _file(folder: Path, number: int) -> Source:
    path = folder / f"{number}.yaml"
    path.write_text(f"section_{number}: {{n: {number}}}\n")
    return File(path)


def _memory(number: int) -> Source:
    return Memory({f"section_{number}": {"n": number}})
