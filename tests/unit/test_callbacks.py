"""Callbacks of changes and errors: what they may do, and what becomes of them."""

import asyncio
import threading
from typing import Any

import pytest
from pydantic import BaseModel, Field

from dynconf import Change, Config, Feed, Memory, Settings, Source, Subscription, Update
from dynconf.errors import ChangeRefused, DynconfError, SourceUnavailable
from tests.unit.core_props import LOOK, Told, at_once


class Numbers(Settings):
    a: int = 0
    b: int = 0


class House:
    """A Config over one document, with `a` and `b`."""

    def __init__(self) -> None:
        self.memory = Memory({"a": 1})
        self.config = Config(self.memory)
        self.numbers = self.config.bind(Numbers)
        self.told = Told()

    def set(self, **content: Any) -> None:
        """Set the document and wait until it serves."""
        self.memory.set(content)
        self.numbers.until(lambda now: all(getattr(now, key) == item for key, item in content.items()), LOOK)


@pytest.fixture
def house() -> House:
    """Make one."""
    return House()


class Cache(BaseModel):
    host: str = "localhost"


class Frozen(BaseModel, frozen=True):
    host: str = "localhost"


TWIN = Frozen()


class Site(Settings):
    cache: Cache | None = None
    flags: dict[str, bool] = Field(default_factory=dict)


@pytest.mark.parametrize("path", ["cache.host", "flags.beta"])
def test_a_path_where_nothing_is(path: str) -> None:
    """What goes is told, and what comes: nothing counts as None."""
    full = {"cache": {"host": "a"}, "flags": {"beta": True}}
    memory = Memory({})
    config = Config(memory)
    site = config.bind(Site)
    told = Told()
    site.on_change(path)(lambda change: told((change.old, change.new)))
    value = {"cache.host": "a", "flags.beta": True}[path]
    with config:
        memory.set(full)
        assert told.wait(1)[-1] == (None, value)
        memory.set({})
        assert told.wait(2)[-1] == (value, None)
        memory.set(full)
        assert told.wait(3)[-1] == (None, value)


class Twins(Settings):
    first: Frozen = TWIN
    second: Frozen = TWIN


def test_one_of_two_parts_that_are_one_object() -> None:
    """What changes in the one that a selector picks is told with its path."""
    memory = Memory({"second": {"host": "a"}})
    config = Config(memory)
    told = Told()
    config.bind(Twins).on_change(lambda now: now.second)(told)
    with config:
        memory.set({})
        [change] = told.wait()
    assert change.paths == {"second.host"}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_a_callback_may_do(house: House, kind: str) -> None:
    """Subscribing, closing itself and others, publishing: all of it from inside a callback."""
    others: list[Subscription[Any]] = [
        house.numbers.on_change()(Told()),
        house.numbers.on_change()(house.told),
    ]
    late = Told()

    def act(change: Change[Numbers]) -> None:
        others[0].close()
        mine.close()
        house.numbers.on_change("b")(late)
        house.memory.set({"a": 2, "b": 2})

    async def act_async(change: Change[Numbers]) -> None:
        act(change)

    mine = house.numbers.on_change()(act if kind == "sync" else act_async)
    with house.config:
        house.set(a=2)
        assert (late.wait()[0].old, late.items[0].new) == (0, 2)
        assert house.told.wait(2)[-1].new.b == 2
    assert mine.closed
    assert others[0].closed


def test_stopping_from_a_sync_callback(house: House) -> None:
    """`stop()` from inside a callback ends everything but that callback, which goes on."""
    after = threading.Event()

    @house.numbers.on_change
    def stop(change: Change[Numbers]) -> None:
        house.config.stop()
        after.set()

    house.config.start()
    house.memory.set({"a": 2})
    assert after.wait(LOOK)
    assert not house.config.status().running


@pytest.mark.parametrize("hosted", ["thread", "loop"])
def test_stopping_from_an_async_callback(house: House, hosted: str) -> None:
    """`await astop()` from inside a callback, on the core's own loop, does the same."""
    after = threading.Event()

    @house.numbers.on_change
    async def stop(change: Change[Numbers]) -> None:
        await house.config.astop()
        after.set()

    async def main() -> None:
        await house.config.astart()
        house.memory.set({"a": 2})
        assert await asyncio.to_thread(after.wait, LOOK)

    if hosted == "thread":
        house.config.start()
        house.memory.set({"a": 2})
        assert after.wait(LOOK)
        house.config.stop()
    else:
        asyncio.run(main())
    assert not house.config.status().running


def test_an_exception_stops_nobody(house: House) -> None:
    """Whatever a callback raises, it and all others are told of the next change."""

    def fail(change: Change[Numbers]) -> None:
        failing(change)
        raise RuntimeError

    async def cancel(change: Change[Numbers]) -> None:
        cancelling(change)
        raise asyncio.CancelledError

    failing, cancelling = Told(), Told()
    for callback in (fail, cancel, house.told):
        house.numbers.on_change()(callback)
    with house.config:
        for number in (2, 3):
            house.set(a=number)
            for told in (failing, cancelling, house.told):
                assert told.wait(number - 1)[-1].new.a == number


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_comes_while_a_callback_fails_is_told(house: House, kind: str) -> None:
    """The latest change is not lost with the call before it, not even when that call is cancelled."""
    release = threading.Event()

    def work(change: Change[Numbers]) -> None:
        house.told(change)
        release.wait(LOOK)
        if change.new.a == 2:
            raise RuntimeError

    async def work_async(change: Change[Numbers]) -> None:
        house.told(change)
        if change.new.a == 2:
            await asyncio.get_running_loop().run_in_executor(None, release.wait, LOOK)
            raise asyncio.CancelledError

    house.numbers.on_change()(work if kind == "sync" else work_async)
    with house.config:
        house.set(a=2)
        house.told.wait()
        house.set(a=3)
        release.set()
        assert house.told.wait(2)[-1].new.a == 3


def test_serial_and_the_latest_wins(house: House) -> None:
    """One call at a time; what came meanwhile is told as one change, from what this subscriber saw last."""
    release, at_a_time = threading.Semaphore(0), []

    @house.numbers.on_change
    def slow(change: Change[Numbers]) -> None:
        at_a_time.append(+1)
        house.told((change.old.a, change.new.a, sum(at_a_time)))
        release.acquire(timeout=LOOK)
        at_a_time.append(-1)

    with house.config:
        house.set(a=2)
        house.told.wait()
        for number in (3, 4, 5):
            house.set(a=number)
        release.release()
        house.told.wait(2)
        release.release()
        house.set(a=6)
        house.told.wait(3)
        release.release()
    assert house.told.items == [(1, 2, 1), (2, 5, 1), (5, 6, 1)]


def test_a_change_that_was_taken_back_is_not_told(house: House) -> None:
    """Who was busy while a value went and came back has nothing to hear."""
    release = threading.Event()

    @house.numbers.on_change
    def slow(change: Change[Numbers]) -> None:
        house.told((change.old.a, change.new.a))
        release.wait(LOOK)

    with house.config:
        house.set(a=2)
        house.told.wait()
        house.set(a=3)
        house.set(a=2)
        release.set()
        house.numbers.on_change(lambda now: now.a)(Told())
    with house.config:
        house.set(a=4)
        house.told.wait(2)
    assert house.told.items == [(1, 2), (2, 4)]


def test_immediate(house: House) -> None:
    """With `immediate` what holds is told first; without it a late subscriber hears nothing old."""
    early, late, quiet = Told(), Told(), Told()
    house.numbers.on_change("a", immediate=True)(early)
    with house.config:
        [first] = early.wait()
        assert (first.initial, first.old, first.new) == (True, 1, 1)
        house.set(a=2)
        house.numbers.on_change(lambda now: now.a, immediate=True)(late)
        house.numbers.on_change("a")(quiet)
        assert late.wait()[0].new == 2
        house.set(a=3)
        assert [(one.old, one.new, one.initial) for one in late.wait(2)] == [(2, 2, True), (2, 3, False)]
        assert [(one.old, one.new) for one in quiet.wait()] == [(2, 3)]


def test_selectors_and_paths_see_their_part_only(house: House) -> None:
    """Who looks at one field is not told of another."""
    by_path, by_selector = Told(), Told()
    house.numbers.on_change("a")(by_path)
    house.numbers.on_change(lambda now: now.a)(by_selector)
    house.numbers.on_change()(house.told)
    with house.config:
        house.set(a=1, b=2)
        house.told.wait()
        house.set(a=2, b=2)
        assert by_path.wait()[0].version == by_selector.wait()[0].version == 3
    assert len(by_path.items) == len(by_selector.items) == 1


def test_a_selector_that_fails_keeps_its_old_value(house: House) -> None:
    """A selector's error is logged, its subscriber hears nothing, and all others do."""
    told = Told()
    house.numbers.on_change(lambda now: 6 // (now.a - 2))(told)
    house.numbers.on_change()(house.told)
    with house.config:
        house.set(a=2)
        house.told.wait()
        house.set(a=5)
        assert [(one.old, one.new) for one in told.wait()] == [(-6, 2)]


def test_a_selector_may_close_another_subscription(house: House) -> None:
    """Closing one that has not heard of anything yet does not harm the start."""
    others: list[Subscription[Any]] = []

    def select(now: Numbers) -> int:
        others[0].close()
        return now.a

    house.numbers.on_change(select=select)(house.told)
    others.append(house.numbers.on_change("a")(Told()))
    with house.config:
        house.set(a=2)
        house.told.wait()


def test_a_subscription_is_its_function(house: House) -> None:
    """It can be called like the function, and closed by a `with` block."""

    @house.numbers.on_change
    def double(number: Any) -> int:
        return 2 * int(number)

    assert double(21) == 42
    with double:
        pass
    assert double.closed


def test_errors_queue_up(house: House) -> None:
    """`on_error` hears of every refused revision once, in order, however slow it is."""
    release = threading.Event()

    @house.config.on_error
    def slow(error: object) -> None:
        house.told(error)
        release.wait(LOOK)

    with house.config:
        house.memory.set({"a": "x"})
        house.told.wait()
        for content in ({"b": "x"}, {"a": [1]}):
            house.memory.set(content)
            while house.config.status().sources[0].documents[0].refused_revision != str(
                next_revision(house.memory)
            ):
                release.wait(0.01)
        release.set()
        house.told.wait(3)
    assert all(isinstance(error, ChangeRefused) for error in house.told.items)
    assert [error.problems[0].path for error in house.told.items] == ["a", "b", "a"]


def next_revision(memory: Memory) -> str:
    """The revision that was set last."""
    return memory._latest.revision


class Ailing(Source):
    """It fails, loads once somebody was told of that, and fails again when it is asked to."""

    name = "ailing"
    remote = True  # a start waits for it though it fails

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.again = asyncio.Event()

    async def run(self, feed: Feed) -> None:
        feed.failed(SourceUnavailable("first"))
        await self.told.wait()
        feed.update(Update("numbers", "1", {"a": 1}))
        feed.loaded()
        await self.again.wait()
        feed.failed(SourceUnavailable("second"))
        await asyncio.Event().wait()


def test_what_is_told_while_it_starts_is_not_told_beside_what_comes_then() -> None:
    """The end of the start leaves a callback alone that is under way."""

    async def test() -> None:
        source = Ailing()
        config = Config(source)
        release, second = asyncio.Event(), asyncio.Event()
        log: list[str] = []

        @config.on_error
        async def tell(error: DynconfError) -> None:
            log.append(f"told {error}")
            source.told.set()
            await release.wait()
            log.append("done")
            if len(log) == 4:
                second.set()

        @config.on_error
        async def other(error: DynconfError) -> None:
            if "second" in str(error):
                release.set()

        async with config, asyncio.timeout(LOOK):
            source.again.set()
            await second.wait()
        assert [text.split()[0] for text in log] == ["told", "done"] * 2

    asyncio.run(test())


def test_what_cleans_up_over_a_stop_is_not_called_beside_itself(house: House) -> None:
    """An async callback that outlives a stop in the caller's loop is told the latest when it is done."""

    async def test() -> None:
        log: list[str] = []
        inside, clean, last = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @house.numbers.on_change("a")
        async def tell(change: Change[int]) -> None:
            log.append(f"in {change.new}")
            inside.set()
            if change.new == 3:
                last.set()
                return
            try:
                await asyncio.Event().wait()
            finally:
                await clean.wait()
                log.append("out")

        async with asyncio.timeout(LOOK):
            async with house.config:
                house.memory.set({"a": 2})
                await inside.wait()
            async with house.config:
                house.memory.set({"a": 3})
                await house.numbers.auntil(lambda now: now.a == 3)
                assert log == ["in 2"]
                clean.set()
                await last.wait()
        assert log == ["in 2", "out", "in 3"]

    asyncio.run(test())


def test_what_waits_for_a_thread_while_it_starts_is_not_lost() -> None:
    """The end of the start takes nothing from a callback that no thread has begun yet."""
    source = Ailing()
    config = Config(source, callback_threads=1)
    busy, release, told, sent = threading.Event(), threading.Event(), Told(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    @config.on_error
    def block(_error: DynconfError) -> None:
        busy.set()
        assert release.wait(LOOK)

    config.on_error(told)

    @config.on_error
    async def follow(error: DynconfError) -> None:
        loops.append(asyncio.get_running_loop())
        source.told.set()
        if "second" in str(error):
            sent.set()

    with config:
        assert busy.wait(LOOK)
        loops[0].call_soon_threadsafe(source.again.set)
        assert sent.wait(LOOK)
        release.set()
        first, second = told.wait(2)
    assert "first" in str(first)
    assert "second" in str(second)


def test_several_documents_are_one_change(house: House) -> None:
    """What arrives together is told once."""
    other = Memory({}, name="other")
    house.config.add(other)
    house.numbers.on_change()(house.told)
    with house.config:
        at_once(house.config, (house.memory, {"a": 2}), (other, {"b": 2}))
        house.numbers.until(lambda now: now.b == 2, LOOK)
        assert house.told.wait()[0].paths == {"a", "b"}
    assert len(house.told.items) == 1
