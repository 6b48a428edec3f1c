"""Sources that end badly, late or not at all, and those that come and go while something else happens."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynconf import Config, Feed, File, Memory, Settings, Source, Update
from dynconf._manager import manager as managing
from dynconf._manager import supervisor
from dynconf.errors import ChangeRefused, NotStarted, SourceUnavailable, StartFailed, UsageError
from dynconf.testing import ManualClock
from tests.unit.core_props import LOOK, Told


class Numbers(Settings):
    a: int = 0
    b: int = 0


class Scripted(Source):
    """A source that does, in each run, what it is told."""

    def __init__(self, *runs: Callable[[Feed], Any], name: str = "scripted", remote: bool = False) -> None:
        self.name = name
        self.remote = remote
        self.runs = 0
        self.begun = asyncio.Event()
        self.again = asyncio.Event()
        self._script = runs

    async def run(self, feed: Feed) -> None:
        step = self._script[min(self.runs, len(self._script) - 1)]
        self.runs += 1
        (self.again if self.runs > 1 else self.begun).set()
        await step(feed)


def shows(**values: int) -> Callable[[Feed], Any]:
    """Reports some values, and follows them."""

    async def run(feed: Feed) -> None:
        feed.update(Update("d", str(values), values))
        feed.loaded()
        await asyncio.sleep(LOOK)

    return run


async def silent(feed: Feed) -> None:
    """Never answers."""
    await asyncio.sleep(LOOK)


async def fails_in_a_group(feed: Feed) -> None:
    """Lets a failure out of a TaskGroup, which in Python 3.11 looks as if somebody had cancelled the task."""

    async def fail() -> None:
        raise SourceUnavailable("made to fail")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(LOOK))
    except* SourceUnavailable as errors:
        raise errors.exceptions[0] from None


async def recovers_in_a_group(feed: Feed) -> None:
    """The same, but it handles that itself and goes on."""
    try:
        await fails_in_a_group(feed)
    except SourceUnavailable:
        await shows(a=1)(feed)


async def awaits_the_cancelled(feed: Feed) -> None:
    """Awaits something that somebody has cancelled."""
    inner = asyncio.create_task(asyncio.sleep(LOOK))
    inner.cancel()
    await inner


async def shows_and_ends(feed: Feed) -> None:
    """What it has, once."""
    feed.update(Update("d", "1", {"a": 1}))
    feed.loaded()


async def misses_and_ends(feed: Feed) -> None:
    """It answers, and its document is not there."""
    feed.update(Update("d", "", None))
    feed.loaded()


@pytest.mark.parametrize("first", [fails_in_a_group, misses_and_ends])
def test_loading_waits_for_what_is_not_there_yet(first: Callable[[Feed], Any]) -> None:
    """Where nothing is followed it is asked again, as long as a start may take; then no more."""
    source = Scripted(first, first, shows_and_ends, remote=True)
    config = Config(source)
    numbers = config.bind(Numbers)
    config.load()
    assert (numbers.current.a, source.runs) == (1, 3)


@pytest.mark.parametrize("fails", [fails_in_a_group, awaits_the_cancelled])
def test_whatever_it_fails_with_it_is_run_again(fails: Callable[[Feed], Any]) -> None:
    """A TaskGroup's failure, and a cancellation of its own making, are failures as any other."""

    async def test() -> None:
        clock = ManualClock()
        source = Scripted(shows(a=1), fails, fails, shows(a=2))
        config = Config(source, clock=clock)
        numbers, errors = config.bind(Numbers), Told()
        config.on_error(errors)
        async with config:
            reloading = asyncio.create_task(config.areload())
            while source.runs < 4:
                await asyncio.sleep(0)
                if clock.sleepers:
                    clock.advance(supervisor.LONGEST_DELAY)
            await numbers.auntil(lambda now: now.a == 2, LOOK)
            await asyncio.wait([reloading])
            assert "scripted" in str(reloading.exception())

    asyncio.run(test())


def test_after_a_groups_failure_it_can_be_ended() -> None:
    """A source that has handled such a failure is restarted and removed as any other."""

    async def test() -> None:
        source = Scripted(recovers_in_a_group)
        config = Config(source)
        numbers = config.bind(Numbers)
        async with config:
            await config.areload()
            assert source.runs == 2
            await config.aremove(source)
            assert numbers.current.a == 0

    asyncio.run(test())


def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who swallows the first one is told again."""
    monkeypatch.setattr(supervisor, "ASKED_AGAIN", 0.01)
    swallowed = []

    async def swallows(feed: Feed) -> None:
        try:
            await shows(a=1)(feed)
        except asyncio.CancelledError:
            swallowed.append(1)
            await shows(a=1)(feed)

    async def test() -> None:
        config = Config(Scripted(swallows, shows(a=2)))
        numbers = config.bind(Numbers)
        async with config:
            await config.areload()
            assert numbers.current.a == 2

    asyncio.run(test())
    assert swallowed == [1]


def stubborn(over: asyncio.Event, **values: int) -> Callable[[Feed], Any]:
    """Reports some values, and does not end before the event."""

    async def run(feed: Feed) -> None:
        try:
            await shows(**values)(feed)
        finally:
            await over.wait()

    return run


def test_who_does_not_end_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal, and an addition that is refused, wait a moment for the source's end, and no longer."""
    monkeypatch.setattr(managing, "END_TIME", 0.01)

    async def test() -> None:
        over = asyncio.Event()
        source = Scripted(stubborn(over, a=1))
        config = Config(source)
        numbers = config.bind(Numbers)
        async with config:
            applied = await config.aremove(source)
            assert applied is not None
            assert applied.paths == ("a",)
            assert numbers.current.a == 0
            bad = Scripted(stubborn(over, a="no number"), name="bad")  # type: ignore[arg-type]
            with pytest.raises(ChangeRefused):
                await config.aadd(bad)
            over.set()

    asyncio.run(test())


def test_what_was_let_go_blames_nobody() -> None:
    """A reload does not complain of sources that were removed meanwhile, however they end."""

    async def test() -> None:
        over = asyncio.Event()
        lasting = Scripted(stubborn(over, a=1), name="lasting")
        failing = Scripted(shows(b=1), fails_in_a_group, name="failing")
        config = Config(lasting, failing, start_timeout=0.2)
        async with config:
            reloading = asyncio.create_task(config.areload())
            await failing.again.wait()
            await config.aremove(failing)
            removing = asyncio.create_task(config.aremove(lasting))
            await reloading
            over.set()
            await removing

    asyncio.run(test())


def test_an_end_that_fails_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """What a source raises because it is told to end is nobody's business."""

    async def raises(feed: Feed) -> None:
        try:
            await shows(a=1)(feed)
        finally:
            raise RuntimeError

    async def test() -> None:
        config, errors = Config(Scripted(raises)), Told()
        config.on_error(errors)
        async with config:
            await config.areload()
            assert config.status().healthy
        assert errors.items == []

    asyncio.run(test())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nothing_but_loaded_is_an_answer() -> None:
    """A source without documents that failed before, and then says that this is all, is well again."""

    async def fail(feed: Feed) -> None:
        raise SourceUnavailable("made to fail")

    async def nothing(feed: Feed) -> None:
        feed.loaded()
        await asyncio.sleep(LOOK)

    async def test() -> None:
        source = Scripted(nothing, fail, nothing)
        config = Config(source, clock=ManualClock())
        async with config:
            with pytest.raises(ChangeRefused, match="made to fail"):
                await config.areload()
            await config.areload()
            assert config.status().healthy

    asyncio.run(test())


def test_a_place_that_is_free_again() -> None:
    """A source removed while it is added does not take along the next one, which has its place."""

    async def test() -> None:
        config = Config(Memory({"a": 1}))
        numbers = config.bind(Numbers)
        async with config:
            first, second = Scripted(silent, name="first", remote=True), Memory({"b": 2}, name="second")
            adding = asyncio.create_task(config.aadd(first))
            await first.begun.wait()
            await config.aremove(first)
            await config.aadd(second)
            with pytest.raises(UsageError, match="removed while it was added"):
                await adding
            second.set({"b": 3})
            await numbers.auntil(lambda now: now.b == 3, LOOK)
            await config.aremove(second)
            assert numbers.current == Numbers(a=1)

    asyncio.run(test())


CALLS: dict[str, Callable[[Config], Any]] = {
    "reload": lambda config: config.areload(),
    "add": lambda config: config.aadd(Memory({"b": 1}, name="more")),
    "remove": lambda config: config.aremove("memory"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("comes", [True, False])
def test_while_it_starts(call: str, comes: bool) -> None:
    """Whoever wants something else during a start waits for its end; nobody sees half of a configuration."""

    async def test() -> None:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def late(feed: Feed) -> None:
            asked.set()
            await answer.wait()
            await shows(a=1)(feed)

        config = Config(Memory({}), Scripted(late, remote=True), start_timeout=LOOK if comes else 0.05)
        numbers = config.bind(Numbers)
        starting = asyncio.create_task(config.astart())
        await asked.wait()
        calling = asyncio.create_task(CALLS[call](config))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not calling.done()
        with pytest.raises(NotStarted):
            str(numbers.current)
        if comes:
            answer.set()
            await starting
            await calling
            assert numbers.current == Numbers(a=1, b=int(call == "add"))
            await config.astop()
        else:
            with pytest.raises(StartFailed):
                await starting
            with pytest.raises(UsageError, match="stopped"):
                await calling
            with pytest.raises(NotStarted):
                str(numbers.current)

    asyncio.run(test())


class OwnFile(File):
    """A source of somebody else's."""


@pytest.mark.parametrize("kind", [File, OwnFile])
def test_however_many_calls_of_another_source_hang(kind: type[File], tmp_path: Path) -> None:
    """What dynconf reads itself is read on other threads, whoever asks for it first."""
    hanging, go_on = Told(), threading.Event()

    def hang() -> None:
        hanging(1)
        go_on.wait(3 * LOOK)

    async def polls(feed: Feed) -> None:
        feed.update(Update("d", "1", {"a": 1}))
        feed.loaded()
        await asyncio.gather(*(feed.blocking(hang) for _ in range(40)))

    file = tmp_path / "b.yaml"
    file.write_text("b: 1")
    config = Config(kind(file), Scripted(polls))
    numbers = config.bind(Numbers)
    with config:
        hanging.wait(16)
        file.write_text("b: 2")
        numbers.until(lambda now: now.b == 2, LOOK)
        go_on.set()
