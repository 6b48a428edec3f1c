"""From saving a file until the callback runs, and what watching costs while nothing is saved."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from dynconf import Config, File
from tests.bench._peers import DynamicConfig
from tests.bench._report import Line

SAVES = 100
REST = 20.0
# Seconds until the next save: any time of a watcher's own rhythm is as good as another.
_PAUSE = (0.05, 0.15)
_LOST = 5.0


class App(BaseModel):
    n: int = 0


def measure() -> list[Line]:
    """Saves by renaming, one for each in turns; then both at rest."""
    ours, theirs = _saves()
    rest, their_rest = _at_rest()
    peer = "dynamic-config-py (debounce 250 ms)"
    return [
        Line(
            f"save to callback, p50 of {SAVES}", median(ours), peer, median(theirs), goal="figure", most=0.045
        ),
        Line(f"save to callback, worst of {SAVES}", max(ours), peer, max(theirs)),
        Line(f"processor at rest, {REST:g} s, of a core", rest, peer, their_rest, "figure", 0.3, "%"),
    ]


def _saves() -> tuple[list[float], list[float]]:
    random = Random(1)  # noqa: S311 - the same pauses every time
    ours: list[float] = []
    theirs: list[float] = []
    with TemporaryDirectory() as folder, _dynconf(Path(folder)) as save, _peer(Path(folder)) as save_theirs:
        for number in range(1, SAVES + 1):
            for figures, one in ((ours, save), (theirs, save_theirs)):
                time.sleep(random.uniform(*_PAUSE))
                figures.append(one(number))
    return ours, theirs


@contextmanager
def _dynconf(folder: Path) -> Iterator[Callable[[int], float]]:
    path = folder / "ours" / "app.yaml"
    _save(path, 0)
    told: SimpleQueue[float] = SimpleQueue()
    config = Config(File(path))
    settings = config.bind(App, at="app")
    settings.on_change("n")(lambda _: told.put(time.perf_counter()))
    with config:
        yield lambda number: _until_told(path, number, told)


@contextmanager
def _peer(folder: Path) -> Iterator[Callable[[int], float]]:
    path = folder / "theirs" / "app.yaml"
    _save(path, 0)
    told: SimpleQueue[float] = SimpleQueue()
    config = DynamicConfig(App, key="app").file(str(path))
    config.init()
    config.on_change("n")(lambda *_: told.put(time.perf_counter()))
    watch = config.watch()
    yield lambda number: _until_told(path, number, told)
    watch.stop()


def _save(path: Path, number: int) -> float:
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(f"app:\n  n: {number}\n")
    before = time.perf_counter()
    fresh.rename(path)
    return before


def _until_told(path: Path, number: int, told: "SimpleQueue[float]") -> float:
    before = _save(path, number)
    return told.get(timeout=_LOST) - before


_RESTING = """
import sys, time
from pathlib import Path
from tests.bench.saving import _{name}
with _{name}(Path(sys.argv[1])) as save:
    save(1)
    time.sleep(2.0)
    before, wall = time.process_time(), time.perf_counter()
    time.sleep({seconds})
    print((time.process_time() - before) / (time.perf_counter() - wall))
"""


def _at_rest() -> tuple[float, float]:
    """Per cent of a core, of all threads of a process that has nothing else to do; both at once."""
    with TemporaryDirectory() as folder:
        resting = [
            subprocess.Popen(
                [sys.executable, "-c", _RESTING.format(name=name, seconds=REST), folder],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("dynconf", "peer")
        ]
        ours, theirs = (float(process.communicate()[0]) * 100 for process in resting)
    return ours, theirs
