"""Functions that are asked before a change: what they see, how they refuse, and what that costs whom."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import SecretStr

from dynconf import Change, Config, Memory, Settings, Veto, View
from dynconf.errors import ChangeRefused, StartFailed, UsageError
from dynconf.testing import ManualClock
from tests.unit.core_props import LOOK, Told, at_once


class Numbers(Settings):
    a: int = 0
    b: int = 0
    password: SecretStr = SecretStr("unset")


class House:
    """A Config over two documents with a number each."""

    def __init__(self, **options: Any) -> None:
        self.left, self.right = Memory({"a": 1}, name="left"), Memory({"b": 1}, name="right")
        self.config = Config(self.left, self.right, clock=ManualClock(), **options)
        self.numbers = self.config.bind(Numbers)
        self.errors = Told()
        self.config.on_error(self.errors)


def test_what_it_sees() -> None:
    """It is given views of what is and what would be, and the paths, before anything is published."""
    house = House()
    seen: list[tuple[Any, ...]] = []

    @house.config.before_change
    def look(change: Change[View]) -> None:
        old, new = change.old[house.numbers], change.new[house.numbers]
        held = house.numbers.current.a if not change.initial else None
        seen.append((old.a, new.a, set(change.paths), change.version, change.initial, held))

    with house.config:
        house.left.set({"a": 2})
        house.numbers.until(lambda now: now.a == 2, LOOK)
    assert seen == [(1, 1, set(), 1, True, None), (1, 2, {"a"}, 2, False, 1)]


@pytest.mark.parametrize("path", ["a", ""])
def test_a_refusal_holds_nobody_else_up(path: str) -> None:
    """What it refuses stays away, and its reason is told; other changes get through, and a better one too."""
    house = House()

    @house.config.before_change
    async def small(change: Change[View]) -> None:
        if change.new[house.numbers].a > 5:
            raise Veto("it is too much", path=path)

    with house.config:
        at_once(house.config, (house.left, {"a": 6}), (house.right, {"b": 2}))
        house.numbers.until(lambda now: now.b == 2, LOOK)
        assert house.numbers.current.a == 1
        [text] = house.errors.texts()
        assert "it is too much" in text
        assert "left" in text
        left = next(one for one in house.config.status().sources if one.source == "left")
        assert left.state == "refused"
        with pytest.raises(ChangeRefused, match="it is too much"):
            house.config.reload()
        house.left.set({"a": 5})
        house.numbers.until(lambda now: now.a == 5, LOOK)
        assert house.config.status().healthy
        small.close()
        house.left.set({"a": 7})
        house.numbers.until(lambda now: now.a == 7, LOOK)


def test_the_first_load_may_be_refused() -> None:
    """A start that is refused fails with the reason; calls that change something raise it."""
    house = House()

    @house.config.before_change
    def small(change: Change[View]) -> None:
        if change.new.get("a", 0) > 5:
            raise Veto("it is too much", "a")

    house.left.set({"a": 6})
    with pytest.raises(StartFailed, match="a: it is too much"):
        house.config.start()
    house.left.set({"a": 1})
    with house.config:
        with pytest.raises(ChangeRefused, match="it is too much"), house.numbers.override(a=7):
            pass
        with pytest.raises(ChangeRefused, match="it is too much"):
            house.config.add(Memory({"a": 7}))
        assert house.numbers.current.a == 1


def test_what_changes_nothing_is_not_asked_about() -> None:
    """A class that is bound later changes nothing that anybody sees."""
    house = House()
    told = Told()
    house.config.before_change(told)
    with house.config:
        house.config.bind(Numbers, at="further")
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, LOOK)
    assert [change.version for change in told.items] == [1, 2]


def test_one_that_hangs_is_called_once(caplog: pytest.LogCaptureFixture) -> None:
    """Over its time it has refused; while it still runs it takes no further thread."""
    house = House(callback_threads=3)
    hang, calls = threading.Event(), Told()

    def stuck(change: Change[View]) -> None:
        if not hang.is_set():
            calls(change)
            hang.wait(LOOK)

    with house.config:
        house.config.before_change(timeout=0.1)(stuck)
        for number in range(2, 8):
            house.left.set({"a": number})
            house.errors.wait(number - 1)
        assert len(calls.items) == 1
        assert all("stuck was not ready within 0.1 s" in text for text in house.errors.texts())
        hang.set()
        house.left.set({"a": 9})
        house.numbers.until(lambda now: now.a == 9, LOOK)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _agree(_: Change[View]) -> None:
    """Refuses nothing."""


def _fail(_: Change[View]) -> None:
    raise RuntimeError(f"hunter{1 + 1}")  # not in the source line, which a trace may show


@pytest.mark.parametrize(
    ("function", "reason"),
    [(_fail, "_fail failed with RuntimeError"), (lambda change: change.initial, "returned a bool")],
)
def test_mistakes_refuse(
    function: Callable[[Change[View]], Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that fails, or that answers instead of raising `Veto`, refuses; where it failed is logged."""
    house = House()
    with house.config:
        house.config.before_change(function)
        house.left.set({"a": 2})
        assert reason in house.errors.texts()[0]
        assert house.numbers.current.a == 1
    assert "hunter2" not in caplog.text
    assert ("in _fail" in caplog.text) == (function is _fail)


def test_a_reason_that_quotes_a_secret_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the old nor the new secret gets into an error or a log by way of a reason."""
    house = House()

    @house.config.before_change
    def quote(change: Change[View]) -> None:
        old, new = (view[house.numbers].password.get_secret_value() for view in (change.old, change.new))
        if old != new:
            raise Veto(f"{old} to {new} is too bold", path="password")

    house.left.set({"password": "topaz-the-old"})
    with house.config:
        house.left.set({"password": "topaz-the-new"})
        [text] = house.errors.texts()
    assert "quotes a secret" in text
    assert "topaz" not in text + caplog.text + str(house.config.status())


def test_what_cannot_be_asked_is_refused() -> None:
    """What is no function, or no time, is a mistake at once."""
    config = Config()
    with pytest.raises(UsageError, match="takes a function"):
        config.before_change(3)  # type: ignore[call-overload]
    for timeout in (0, -1, float("inf"), float("nan")):
        with pytest.raises(UsageError, match="timeout"):
            config.before_change(timeout=timeout)(bool)


def test_it_can_be_called_and_closed() -> None:
    """What `before_change` gives stands for the function; closing twice is fine."""
    house = House()

    @house.config.before_change
    def never(change: Change[View]) -> None:
        raise Veto("never")

    assert "never" in repr(never)
    never.close()
    never.close()
    house.config.load()
    view = house.config.view()
    with pytest.raises(Veto, match="never"):
        never(Change(view, view, frozenset(), view.version, view))


def test_in_the_callers_loop() -> None:
    """Sync and async functions are asked under `async with` as well."""

    async def test() -> None:
        house = House()
        asked: list[str] = []

        @house.config.before_change
        async def first(change: Change[View]) -> None:
            await asyncio.sleep(0)
            asked.append("async")

        @house.config.before_change
        def second(change: Change[View]) -> None:
            asked.append("sync")

        async with house.config:
            house.left.set({"a": 2})
            await house.numbers.auntil(lambda now: now.a == 2, LOOK)
        assert sorted(asked) == ["async", "async", "sync", "sync"]

    asyncio.run(test())


def test_one_that_was_given_up_before_it_began() -> None:
    """A call that is cancelled before a thread takes it is not made, and the next one is."""

    async def test() -> None:
        house = House()
        asked: list[int] = []

        @house.config.before_change(timeout=LOOK)
        def look(change: Change[View]) -> None:
            asked.append(change.new[house.numbers].b)

        async with house.config:
            go_on, host = threading.Event(), house.config._lifecycle.host
            assert host is not None
            busy = [host.run_work("busy", go_on.wait, "prepare") for _ in range(16)]
            adding = asyncio.create_task(house.config.aadd(Memory({"b": 3})))
            for _ in range(20):  # until it is asked, on a thread that has no time for it
                await asyncio.sleep(0)
            adding.cancel()
            await asyncio.wait([adding])
            go_on.set()
            await asyncio.gather(*busy)
            house.left.set({"a": 2})
            await house.numbers.auntil(lambda now: now.a == 2, LOOK)
            assert asked == [1, 1]

    asyncio.run(test())


class Stubborn:
    """A function that is asked, and does not end when it is cancelled, once `a` is 2."""

    def __init__(self, house: House) -> None:
        self.calls = Told()
        self.go_on = asyncio.Event()
        self._numbers = house.numbers

    async def in_finally(self, change: Change[View]) -> None:
        """Hang in the clean-up."""
        self.calls(change.new[self._numbers].a)
        if self.calls.items[-1] == 2:
            try:
                await self.go_on.wait()
            finally:
                await self.go_on.wait()

    async def in_a_loop(self, change: Change[View]) -> None:
        """Try again whatever happens."""
        self.calls(change.new[self._numbers].a)
        while self.calls.items[-1] == 2 and not self.go_on.is_set():
            with suppress(BaseException):
                await self.go_on.wait()


@pytest.mark.parametrize("how", ["in_finally", "in_a_loop"])
def test_one_that_ignores_its_cancellation(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is left to itself: its change is refused in time, and it is not asked beside itself."""
    house = House()
    stubborn = Stubborn(house)
    with house.config:
        asked = house.config.before_change(timeout=0.5)(getattr(stubborn, how))
        house.left.set({"a": 2})
        assert f"{how} was not ready within 0.5 s" in house.errors.texts()[0]
        house.right.set({"b": 2})
        assert "it still hangs since it was asked about an earlier change" in house.errors.texts(2)[1]
        assert stubborn.calls.items == [2]
        assert f"{how} was not ready within 0.5 s and goes on; it is left to itself" in caplog.text
        host = house.config._lifecycle.host
        assert host is not None
        host.post(stubborn.go_on.set)
        house.left.set({"a": 3})
        house.numbers.until(lambda now: now.a == 3, LOOK)
        house.config.reload()
        assert house.numbers.current.b == 2
        asked.close()


def test_a_start_with_one_that_ignores_its_cancellation() -> None:
    """It fails when the function's time is up, and can be tried again."""
    house = House()
    stubborn = Stubborn(house)
    house.left.set({"a": 2})
    asked = house.config.before_change(timeout=0.1)(stubborn.in_finally)
    with pytest.raises(StartFailed, match=r"in_finally was not ready within 0\.1 s"):
        house.config.start()
    asked.close()
    with house.config:
        assert house.numbers.current.a == 2


def test_a_stop_with_one_that_ignores_its_cancellation(caplog: pytest.LogCaptureFixture) -> None:
    """It is left behind, and named."""
    house = House()
    stubborn = Stubborn(house)
    with house.config:
        house.config.before_change(timeout=LOOK)(stubborn.in_a_loop)
        house.left.set({"a": 2})
        stubborn.calls.wait()
    assert "stopped without waiting for asking Stubborn.in_a_loop" in caplog.text


def test_busy_callbacks_hold_up_no_veto() -> None:
    """Functions that are asked have threads of their own; no good change is refused for want of one."""
    house = House(callback_threads=1)
    begun, go_on = threading.Event(), threading.Event()

    @house.numbers.on_change
    def busy(change: Change[Numbers]) -> None:
        begun.set()
        go_on.wait(LOOK)

    house.config.before_change(timeout=LOOK)(_agree)
    with house.config:
        house.left.set({"a": 2})
        assert begun.wait(LOOK)
        house.left.set({"a": 3})
        house.numbers.until(lambda now: now.a == 3, LOOK)
        go_on.set()


def test_a_stop_meanwhile_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """What is being asked when everything is stopped blames nobody."""
    for _ in range(30):
        house = House()
        house.config.before_change(_agree)
        house.config.start()
        house.left.set({"a": 2})
        house.config.stop()
        assert house.errors.items == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class Other(Settings):
    a: int = 0


# What changes a configuration, as a sync function calls it.
CHANGES: dict[str, Callable[[House], object]] = {
    "reload": lambda house: house.config.reload(),
    "bind": lambda house: house.config.bind(Other),
    "override": lambda house: house.numbers.override(a=9).__enter__(),
    "add": lambda house: house.config.add(Memory({"a": 9}, name="more")),
    "areload": lambda house: asyncio.run(asyncio.wait_for(house.config.areload(), LOOK)),
}


@pytest.mark.parametrize("how", CHANGES)
def test_it_must_not_change_what_it_is_asked_about(how: str) -> None:
    """It would wait for the change that waits for it: an error says so at once, and refuses."""
    house = House()

    @house.config.before_change(timeout=LOOK)
    def eager(asked: Change[View]) -> None:
        if asked.new[house.numbers].a == 2:
            CHANGES[how](house)

    with house.config:
        house.left.set({"a": 2})
        [text] = house.errors.texts()
        assert "eager failed with BlockingCall: a change, or the start, waits for the code" in text
        house.left.set({"a": 3})
        house.numbers.until(lambda now: now.a == 3, LOOK)


def test_an_async_one_must_not_either() -> None:
    """Nor what it awaits in a task; a task that goes on when it has answered is free again."""
    house = House()
    answered, done = asyncio.Event(), Told()
    tasks: list[asyncio.Task[None]] = []

    async def later() -> None:
        await answered.wait()
        done(await house.config.areload())

    @house.config.before_change(timeout=LOOK)
    async def eager(asked: Change[View]) -> None:
        if asked.new[house.numbers].a == 2 and not tasks:
            tasks.append(asyncio.create_task(later()))
            await asyncio.wait_for(house.config.areload(), LOOK)

    @house.config.on_error
    async def told(error: object) -> None:
        answered.set()

    with house.config:
        house.left.set({"a": 2})
        assert "eager failed with BlockingCall" in house.errors.texts()[0]
        done.wait()


@pytest.mark.parametrize(("veto", "told"), [(Veto("no", "a..b"), "no"), (Veto(""), "never refuses it")])
def test_a_veto_that_says_little(veto: Veto, told: str) -> None:
    """A path that is none, and a reason that says nothing, are no reason to let it through."""
    house = House()
    with house.config:

        def never(change: Change[View]) -> None:
            raise veto

        never.__qualname__ = "never"
        house.config.before_change(never)
        house.left.set({"a": 2})
        assert told in house.errors.texts()[0]


async def _awaits_the_cancelled() -> None:
    inner = asyncio.create_task(asyncio.sleep(LOOK))
    inner.cancel()
    await inner


@pytest.mark.parametrize("failure", [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("inside", ["thread", "loop"])
def test_whatever_an_async_one_ends_in(failure: type[BaseException], inside: str) -> None:
    """It refuses what it was asked about, and nothing else: later changes are followed as ever."""
    house = House()

    @house.config.before_change
    async def odd(change: Change[View]) -> None:
        if change.new[house.numbers].a == 2:
            if failure is asyncio.CancelledError:
                await _awaits_the_cancelled()
            raise failure

    async def in_loop() -> None:
        async with house.config:
            await asyncio.to_thread(change)

    def change() -> None:
        house.left.set({"a": 2})
        assert f"odd failed with {failure.__name__}" in house.errors.texts()[0]
        house.left.set({"a": 3})
        house.numbers.until(lambda now: now.a == 3, LOOK)

    if inside == "loop":
        asyncio.run(in_loop())
    else:
        with house.config:
            change()


def test_a_program_that_ends_while_one_hangs() -> None:
    """`asyncio.run` waits for no sync one, although nobody has stopped the Config."""
    house = House()
    asked, go_on = threading.Event(), threading.Event()

    @house.config.before_change
    def hang(change: Change[View]) -> None:
        if not change.initial:
            asked.set()
            go_on.wait(3 * LOOK)

    async def main() -> None:
        await house.config.astart()
        house.left.set({"a": 2})
        await asyncio.to_thread(asked.wait, LOOK)

    asyncio.run(main())
    assert asked.is_set()
    go_on.set()
    house.config.stop()
