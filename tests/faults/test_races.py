"""Readers, writers and subscribers at the same time: nobody ever sees half of a change."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dynconf import Binding, Config, Memory, Subscription
from dynconf.errors import UsageError
from tests.faults.racing import PAUSE, Left, Pair, Reader, Right, everything_at_once, pair, threads
from tests.unit.core_props import LOOK, Told

CHANGES = 10_000

pytestmark = pytest.mark.alone


@pytest.fixture(autouse=True)
def eager_switching() -> Iterator[None]:
    """Let threads take turns a hundred times as often: more interleavings, and nobody waits long."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 100)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.no_cover  # tracing ten spinning readers would take minutes
@pytest.mark.timeout(600)
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


@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_vetoes_refusals_and_a_stop_in_between() -> None:
    """Nothing that is refused is ever seen, and nothing that is good is lost; `make soak` does more of it."""
    everything_at_once(3_000)


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
