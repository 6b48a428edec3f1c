"""Readers in threads and loops that look all the time, and check that what they see fits together."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dynconf import Binding, Change, Config, Memory, Settings, Veto, View
from tests.unit.core_props import LOOK, Told

PAUSE = 0.002  # seconds between bursts of looks


class Pair(Settings):
    """Two numbers that are always equal."""

    x: int = 0
    y: int = 0


class Left(Settings):
    x: int = 0


class Right(Settings):
    y: int = 0


def pair(number: int) -> dict[str, int]:
    """A document of two numbers that change together."""
    return {"x": number, "y": number}


@contextmanager
def threads(*works: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Run functions on a thread each until the block ends, which the event tells them; raise what they do."""
    failures: list[BaseException] = []
    over = threading.Event()

    def run(work: Callable[[threading.Event], None]) -> None:
        try:
            work(over)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    running = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in running:
        thread.start()
    try:
        yield over
    finally:
        over.set()
        for thread in running:
            thread.join(LOOK)
    assert not any(thread.is_alive() for thread in running)
    if failures:
        raise failures[0]


class Reader:
    """Reads whatever can be read, in a thread or in a loop, and counts the versions that it saw."""

    def __init__(
        self, config: Config, both: Binding[Pair], left: Binding[Left], right: Binding[Right]
    ) -> None:
        self.config, self.both, self.left, self.right = config, both, left, right
        self.versions: set[int] = set()

    def look(self) -> None:
        """Look once: within one model, and between the models of a view."""
        seen = self.both.current
        assert seen.x == seen.y
        view = self.config.view()
        assert view[self.both].x == view[self.both].y == view[self.left].x == view[self.right].y
        assert view.version <= self.config.view().version
        self.versions.add(view.version)

    def in_thread(self, over: threading.Event) -> None:
        """Look until it is over, in bursts, so that the writer gets its turn too."""
        while not over.wait(PAUSE):
            for _ in range(10):
                self.look()

    def in_loop(self, over: threading.Event) -> None:
        """Look until it is over, from two tasks of a loop, one of which follows the changes."""

        async def look() -> None:
            while not over.is_set():
                for _ in range(10):
                    self.look()
                await asyncio.sleep(PAUSE)

        async def follow() -> None:
            last = 0
            async for change in self.both.changes():
                assert change.old.x == change.old.y
                assert change.new.x == change.new.y == change.view[self.left].x == change.view[self.right].y
                assert change.version > last
                last = change.version

        async def main() -> None:
            following = asyncio.create_task(follow())
            await look()
            if following.done():
                following.result()
            following.cancel()

        asyncio.run(main())


def everything_at_once(changes: int) -> None:
    """Changes, some of which are refused, under eight threads and four loops that read, and a stop.

    Args:
        changes: how many.
    """
    memory = Memory(pair(1))
    config = Config(memory)
    models = config.bind(Pair), config.bind(Left), config.bind(Right)
    readers = [Reader(config, *models) for _ in range(12)]
    told = Told()
    models[0].on_change()(told)

    @config.before_change
    def no_sevens(change: Change[View]) -> None:
        if change.new[models[0]].x % 7 == 0:
            raise Veto("no sevens", path="x")

    def come_and_go(over: threading.Event) -> None:
        while not over.wait(PAUSE):
            seen = Told()
            with models[0].on_change(lambda now: now.y)(seen):
                over.wait(PAUSE)
            for change in seen.items:
                assert change.new % 7
                assert change.new % 11
                assert change.view[models[1]].x == change.new

    def write(numbers: range) -> None:
        for number in numbers:
            memory.set(pair(number) if number % 11 else {"x": number, "y": "no number"})
            if number % 7 and number % 11:
                models[0].until(lambda now, number=number: now.x == number, LOOK)  # type: ignore[misc]

    works = [*(one.in_thread for one in readers[:8]), *(one.in_loop for one in readers[8:]), come_and_go]
    config.start()
    with threads(*works[:8], come_and_go):  # those in loops follow the changes, which a stop ends
        with threads(*works[8:]):
            write(range(2, changes // 2))
        memory.set(pair(changes // 2))
        config.stop()
        config.start()
        with threads(*works[8:]):
            write(range(changes // 2, changes + 1))
    config.stop()
    assert models[0].current == Pair(**pair(changes))
    assert all(len(reader.versions) > 1 for reader in readers)
    numbers = [change.new.x for change in told.items]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == changes
    assert not [number for number in numbers if number % 7 == 0 or number % 11 == 0]
