"""Waiting for changes: `until`, `auntil` and `changes()`; and calls that would wait for themselves."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from dynconf import Change, Config, Memory, Settings
from dynconf.errors import BlockingCall, UsageError
from tests.unit.core_props import LOOK, Told


class Numbers(Settings):
    a: int = 0


@pytest.fixture
def memory() -> Memory:
    """Make a document."""
    return Memory({"a": 1})


def test_until_is_at_once_when_it_holds_already(memory: Memory) -> None:
    """The model that meets the condition comes back, before any change."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    with config:
        assert numbers.until(lambda now: now.a == 1) is numbers.current


def test_until_a_change(memory: Memory) -> None:
    """It ends with the first version that meets the condition."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    asked = Told()

    def condition(now: Numbers) -> bool:
        asked(now.a)
        return now.a > 2

    def edit() -> None:
        for number in (2, 3):
            asked.wait(number - 1)
            memory.set({"a": number})

    with config:
        editing = threading.Thread(target=edit)
        editing.start()
        assert numbers.until(condition, LOOK).a == 3
        editing.join()
    assert asked.items == [1, 2, 3]


def test_until_before_the_start(memory: Memory) -> None:
    """It can wait for a start, too."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    met = Told()
    waiting = threading.Thread(target=lambda: met(numbers.until(bool, LOOK)))
    waiting.start()
    with config:
        assert met.wait()[0].a == 1
    waiting.join()


def test_until_the_time_is_up(memory: Memory) -> None:
    """A condition that is not met in time is a TimeoutError."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    with config:
        with pytest.raises(TimeoutError):
            numbers.until(lambda now: now.a > 1, 0.01)
        with pytest.raises(TimeoutError):
            asyncio.run(numbers.auntil(lambda now: now.a > 1, 0.01))


def test_a_condition_that_fails_is_the_waiters_own(memory: Memory) -> None:
    """Its error comes out of the wait, at once or later, and harms nobody else."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    with config:
        with pytest.raises(ZeroDivisionError):
            numbers.until(lambda now: 1 // (now.a - 1))
        asked = Told()

        def later(now: Numbers) -> bool:
            asked(now)
            return 1 // (now.a - 2) > 1

        def edit() -> None:
            asked.wait()
            memory.set({"a": 2})

        editing = threading.Thread(target=edit)
        editing.start()
        with pytest.raises(ZeroDivisionError):
            asyncio.run(numbers.auntil(later, LOOK))
        editing.join()
        memory.set({"a": 3})
        assert numbers.until(lambda now: now.a == 3, LOOK).a == 3


@pytest.mark.parametrize("kind", ["until", "auntil", "changes"])
def test_a_stop_ends_every_wait(memory: Memory, kind: str) -> None:
    """Who waits when it stops hears so: an error from a condition, the end from an iterator."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    begun, outcome = threading.Event(), Told()

    def never(_: Numbers) -> bool:
        begun.set()
        return False

    async def follow() -> None:
        changes = numbers.changes()
        begun.set()
        outcome([change async for change in changes])

    def wait() -> None:
        try:
            if kind == "until":
                numbers.until(never, LOOK)
            else:
                asyncio.run(numbers.auntil(never, LOOK) if kind == "auntil" else follow())
        except UsageError as error:
            outcome(error)

    with config:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert begun.wait(LOOK)
    waiting.join(LOOK)
    [end] = outcome.wait()
    assert end == [] if kind == "changes" else "stopped" in str(end)


def test_a_wait_that_is_given_up_while_it_is_asked(memory: Memory) -> None:
    """Cancelling a wait in the very moment of a change costs nothing but the wait."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    asked, given_up = threading.Event(), threading.Event()

    def slow(now: Numbers) -> bool:
        if now.a == 1:
            return False
        [until] = config._lifecycle.publisher.dispatcher._everyone
        until.future.add_done_callback(lambda _: given_up.set())  # type: ignore[attr-defined]
        asked.set()
        return given_up.wait(LOOK)

    async def main() -> None:
        waiting = asyncio.create_task(numbers.auntil(slow))
        await asyncio.sleep(0)
        memory.set({"a": 2})
        assert await asyncio.to_thread(asked.wait, LOOK)
        waiting.cancel()
        await asyncio.wait([waiting])

    with config:
        asyncio.run(main())
        memory.set({"a": 3})
        assert numbers.until(lambda now: now.a == 3, LOOK).a == 3


def test_changes_in_another_loop(memory: Memory) -> None:
    """The iterator works in whichever loop, skips what came too fast, and ends at the stop."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    seen: list[tuple[int, int]] = []

    async def follow() -> None:
        async for change in numbers.changes():
            seen.append((change.old.a, change.new.a))
            if change.new.a == 2:
                for number in (3, 4):
                    memory.set({"a": number})
                    await numbers.auntil(lambda now, number=number: now.a == number, LOOK)  # type: ignore[misc]
            else:
                await config.astop()

    async def main() -> None:
        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        memory.set({"a": 2})
        await asyncio.wait_for(following, LOOK)

    config.start()
    asyncio.run(main())
    assert seen == [(1, 2), (2, 4)]


BLOCKING: list[tuple[str, Callable[..., object]]] = [
    ("astop()", lambda config, **_: config.stop()),
    ("areload()", lambda config, **_: config.reload()),
    ("auntil(...)", lambda numbers, **_: numbers.until(lambda now: now.a == 9)),
    ("aadd(...)", lambda config, **_: config.add(Memory({}))),
    ("aremove(...)", lambda config, memory, **_: config.remove(memory)),
    ("async with", lambda numbers, **_: numbers.override(a=2).__enter__()),
]


@pytest.mark.parametrize("hosted", ["thread", "loop"])
@pytest.mark.parametrize(("instead", "call"), BLOCKING)
def test_a_blocking_call_on_the_cores_own_loop(
    memory: Memory, hosted: str, instead: str, call: Callable[..., object]
) -> None:
    """It is an error that names what to await instead, and everything goes on."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    outcome = Told()

    @numbers.on_change
    async def attempt(change: Change[Numbers]) -> None:
        try:
            call(config=config, numbers=numbers, memory=memory)
        except BlockingCall as error:
            outcome(error)

    async def main() -> None:
        async with config:
            memory.set({"a": 2})
            await asyncio.to_thread(outcome.wait)
            assert numbers.current.a == 2

    if hosted == "loop":
        asyncio.run(main())
    else:
        with config:
            memory.set({"a": 2})
            outcome.wait()
            assert numbers.current.a == 2
    [text] = outcome.texts()
    assert instead in text
    assert "await async" not in text


def test_the_awaitable_forms_on_the_cores_own_loop(memory: Memory) -> None:
    """All of them work where their blocking twins cannot."""
    config = Config(memory)
    numbers = config.bind(Numbers)
    more = Memory({"a": 5}, name="more")
    outcome = Told()

    @numbers.on_change
    async def attempt(change: Change[Numbers]) -> None:
        attempt.close()
        async with numbers.override(a=3):
            assert numbers.current.a == 3
        await config.aadd(more)
        assert (await numbers.auntil(lambda now: now.a == 5, LOOK)).a == 5
        await config.aremove(more)
        await config.areload()
        outcome((await config.abind(Numbers)).current.a)

    with config:
        memory.set({"a": 2})
        assert outcome.wait() == [2]


def test_starting_on_the_cores_own_loop(memory: Memory) -> None:
    """There it runs already, and says so."""
    config = Config(memory)

    async def main() -> None:
        async with config:
            with pytest.raises(UsageError, match="runs already"):
                config.start()

    asyncio.run(main())
