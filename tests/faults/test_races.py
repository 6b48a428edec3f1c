"""Readers, writers and subscribers at the same time: nobody ever sees half of a change."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dynconf import Binding, Config, Memory, Settings, Subscription
from dynconf.errors import UsageError
from tests.unit.core_props import LOOK, Told

CHANGES = 10_000
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


@pytest.fixture(autouse=True)
def eager_switching() -> Iterator[None]:
    """Let threads take turns a hundred times as often: more interleavings, and nobody waits long."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 100)
    yield
    sys.setswitchinterval(interval)


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


@pytest.mark.no_cover  # tracing ten spinning readers would take minutes
@pytest.mark.timeout(300)
def test_nobody_ever_sees_a_mix() -> None:
    """Eight threads and two loops read two fields during ten thousand changes; they always agree."""
    memory = Memory(pair(0))
    config = Config(memory)
    models = config.bind(Pair), config.bind(Left), config.bind(Right)
    readers = [Reader(config, *models) for _ in range(10)]
    told = Told()
    models[0].on_change()(told)
    with config:
        works = [*(one.in_thread for one in readers[:8]), *(one.in_loop for one in readers[8:])]
        with threads(*works):
            for number in range(1, CHANGES + 1):
                memory.set(pair(number))
                models[0].until(lambda now, number=number: now.x == number, LOOK)  # type: ignore[misc]
    assert config.view().version == CHANGES + 1
    assert all(len(reader.versions) > 1 for reader in readers)
    for change in told.items:
        assert change.new.x == change.new.y == change.view[models[1]].x == change.view[models[2]].y
    assert [change.version for change in told.items] == sorted({change.version for change in told.items})


def test_overrides_from_several_threads() -> None:
    """Overrides that overlap in time leave nothing behind, and are never seen in part."""
    memory = Memory(pair(0))
    config = Config(memory)
    models = config.bind(Pair), config.bind(Left), config.bind(Right)
    reader = Reader(config, *models)

    def override(number: int) -> Callable[[threading.Event], None]:
        def run(over: threading.Event) -> None:
            for _ in range(50):
                with models[0].override(x=number, y=number):
                    reader.look()

        return run

    with config:
        with threads(*(override(number) for number in range(1, 5)), reader.in_thread):
            for number in range(100, 150):
                memory.set(pair(number))
        assert models[0].until(lambda now: now.x == 149, LOOK) == Pair(x=149, y=149)


def test_subscribing_and_closing_from_several_threads() -> None:
    """Subscriptions that come and go while changes rush by are told of whole changes, in order."""
    memory = Memory(pair(0))
    config = Config(memory)
    both = config.bind(Pair)
    kept: list[tuple[Subscription[Any], Told]] = []

    def subscribe(over: threading.Event) -> None:
        for number in range(100):
            if over.is_set():
                return
            told = Told()
            subscription = both.on_change((lambda now: now.x, "y")[number % 2])(told)
            kept.append((subscription, told))
            while not (told.items or over.wait(PAUSE)):
                pass
            if number % 3:
                subscription.close()

    with config:
        with threads(subscribe, subscribe, subscribe):
            for number in range(1, 301):
                memory.set(pair(number))
                both.until(lambda now, number=number: now.x == number, LOOK)  # type: ignore[misc]
        last = Told()
        both.on_change()(last)
        memory.set(pair(1000))
        last.wait()
        for subscription, told in kept:
            if not subscription.closed:
                told.until(lambda changes: changes[-1].version == 302)
            versions = [change.version for change in told.items]
            assert versions == sorted(set(versions))


def test_stop_in_the_middle() -> None:
    """Whoever waits, changes or subscribes when it stops gets an answer; what was loaded stays readable."""
    for _ in range(10):
        memory = Memory(pair(0))
        config = Config(memory)
        models = config.bind(Pair), config.bind(Left), config.bind(Right)
        reader = Reader(config, *models)
        begun, waiting = threading.Barrier(4), threading.Event()

        def write(over: threading.Event, memory: Memory = memory, begun: threading.Barrier = begun) -> None:
            begun.wait(LOOK)
            number = 0
            while not over.is_set():
                number += 1
                memory.set(pair(number))

        def wait(
            _: threading.Event, both: Binding[Pair] = models[0], waiting: threading.Event = waiting
        ) -> None:
            def never(_: Pair) -> bool:
                waiting.set()
                return False

            try:
                both.until(never, LOOK)
            except UsageError:
                return
            raise AssertionError

        def read(over: threading.Event, reader: Reader = reader, begun: threading.Barrier = begun) -> None:
            begun.wait(LOOK)
            reader.in_thread(over)

        before = set(threading.enumerate())
        config.start()
        with threads(write, wait, read, read):
            begun.wait(LOOK)
            assert waiting.wait(LOOK)
            config.stop()
            reader.look()
        assert set(threading.enumerate()) <= before
