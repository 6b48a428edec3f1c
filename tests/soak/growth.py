"""A program that does something very often, and says what it has grown by since it was warm."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dynconf import Change, Config, File, Memory, Settings

ROOT = Path(__file__).parents[2]
LOOKS = 20
PAUSE = 0.01  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


class App(Settings):
    n: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Footprint:
    """What a process holds.

    Attributes:
        kilobytes: of memory that is resident.
        threads: how many.
        tasks: of the running loop.
        descriptors: that are open.
    """

    kilobytes: int
    threads: int
    tasks: int
    descriptors: int

    @property
    def counts(self) -> tuple[int, int, int]:
        """All but the memory."""
        return self.threads, self.tasks, self.descriptors


@dataclass(frozen=True)
class Grown:
    """What a program held at four times.

    Attributes:
        idle: before the start, but not before its first.
        warm: when it had done its work often enough to have everything that it ever needs.
        worked: when it had done it so many times more.
        stopped: in the end.
    """

    idle: Footprint
    warm: Footprint
    worked: Footprint
    stopped: Footprint

    @property
    def kilobytes(self) -> int:
        """The growth by the work."""
        return self.worked.kilobytes - self.warm.kilobytes


def grow(what: str, life: str, times: int, warm: int = 500) -> Grown:
    """Have a process do something very often.

    Args:
        what: `reload` or `subscribe`.
        life: `thread` or `loop`: where its Config runs.
        times: how often, once it is warm.
        warm: how often before.
    """
    words = [sys.executable, "-m", __name__, what, life, str(times), str(warm)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Grown(*(Footprint(**found) for found in json.loads(done.stdout)))


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def kilobytes() -> int:
    """The memory that is resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 1024


async def footprint() -> Footprint:
    """What this process holds; the least of several looks, as something may be open just for a moment."""
    gc.collect()
    looks = []
    for _ in range(LOOKS):
        looks.append((threading.active_count(), len(asyncio.all_tasks()), descriptors()))
        await asyncio.sleep(PAUSE)
    return Footprint(kilobytes(), *map(min, zip(*looks, strict=True)))


class Program:
    """A Config of a file and of a document in memory, with a callback of each kind."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "app.yaml"
        self.memory = Memory({"names": ["a", "b"]})
        self.write(0)
        self.config = Config(File(self.file), self.memory)
        self.settings = self.config.bind(App)
        self.settings.on_change(self.told)
        self.settings.on_change("n")(self.atold)

    def write(self, number: int) -> None:
        """Save another content."""
        spare = self.file.with_name("spare")
        spare.write_text(f"n: {number}")
        spare.rename(self.file)

    def told(self, _: object) -> None:
        """Be told on a thread."""

    async def atold(self, change: Change[int]) -> None:
        """Be told in the loop."""

    async def reload(self, number: int) -> None:
        """Read everything anew; every other time there is something new."""
        self.write(number // 2)
        await self.config.areload()
        assert self.settings.current.n == number // 2

    async def subscribe(self, number: int) -> None:
        """Subscribe in each way, be told of a change, and close that."""
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        one = self.settings.on_change("names")(lambda _: loop.call_soon_threadsafe(told.set))
        other = self.settings.on_change(lambda now: now.names)(self.told)
        failed = self.config.on_error(self.told)
        self.memory.set({"names": ["a", "b", str(number)]})
        await told.wait()
        for subscription in one, other, failed:
            subscription.close()


async def work(times: int, warm: int, work: Callable[[int], Awaitable[None]]) -> list[Footprint]:
    """What the process holds when it is warm, and after so many times more."""
    for number in range(warm):
        await work(number)
    before = await footprint()
    for number in range(warm, warm + times):
        await work(number)
    return [before, await footprint()]


async def main(what: str, life: str, times: int, warm: int) -> None:
    """Run it, on a thread of its own or in this loop, and print the footprints."""
    with TemporaryDirectory() as folder:
        program = Program(Path(folder))
        config, doing = program.config, getattr(program, what)
        async with config:  # what is imported once is no growth
            pass
        found = [await footprint()]
        if life == "thread":
            with config:
                found += await work(times, warm, doing)
        else:
            async with config:
                found += await work(times, warm, doing)
        found.append(await footprint())
    print(json.dumps([asdict(one) for one in found]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
