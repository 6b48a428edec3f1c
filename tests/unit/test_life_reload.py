"""A reload: what it waits for, what it takes, and what of an earlier fault it lets count."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynconf import Config, Feed, File, Memory, Settings, Source, Update
from dynconf.errors import (
    AccessDenied,
    ChangeRefused,
    SourceError,
    SourceUnavailable,
    StartFailed,
    UsageError,
)
from tests.unit.core_props import LOOK, Told


class Numbers(Settings):
    a: int = 0
    b: int = 0


class Slate(Source):
    """A document that is looked at when the source is run, and only then; each run takes a while.

    A `SourceError` as its content is one that the run ends with.
    """

    def __init__(self, content: Any, name: str = "slate", *, remote: bool = False, steps: int = 1) -> None:
        self.name = name
        self.remote = remote
        self.content = content
        self.look: Callable[[], object] = bool
        self._runs = 0
        self._steps = steps

    async def run(self, feed: Feed) -> None:
        self._runs += 1
        for _ in range(self._steps):
            await asyncio.sleep(0)
        self.look()
        if isinstance(self.content, SourceError):
            raise self.content
        feed.update(Update(self.name, str(self._runs), self.content, "yaml"))
        feed.loaded()
        await asyncio.sleep(LOOK)


BROKEN: dict[str, Callable[[], object]] = {
    "unparsable": lambda: b"a: [",
    "empty": lambda: b"",
    "missing": lambda: None,
    "unavailable": lambda: SourceUnavailable("made to fail"),
    "denied": lambda: AccessDenied("made to fail"),
}


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("broken", BROKEN)
def test_an_earlier_fault_is_no_answer(broken: str, remote: bool) -> None:
    """Once mended, a document is taken by the very next reload; until then its fault stands in the status."""
    slate = Slate({"a": 1}, remote=remote)
    config = Config(slate, start_timeout=0.2)
    numbers = config.bind(Numbers)
    healthy = []
    with config:
        slate.content = BROKEN[broken]()
        for _ in range(2):
            with pytest.raises(ChangeRefused, match="slate"):
                config.reload()
        slate.look = lambda: healthy.append(config.status().healthy)
        slate.content = {"a": 2}
        config.reload()
        assert numbers.current.a == 2
        assert set(healthy) == {False}  # it may be run again by itself just then, too
        assert config.status().healthy


@pytest.mark.parametrize("broken", BROKEN)
def test_who_is_broken_hides_nobody(broken: str) -> None:
    """With one document broken, newly or since long, a reload still waits for the others and takes them."""
    first, slow = Slate({"a": 1}, "first"), Slate({"b": 1}, "slow", steps=50)
    config = Config(first, slow)
    numbers = config.bind(Numbers)
    with config:
        first.content = BROKEN[broken]()
        for number in (2, 3):
            slow.content = {"b": number}
            with pytest.raises(ChangeRefused, match="first"):
                config.reload()
            assert numbers.current == Numbers(a=1, b=number)


@pytest.mark.parametrize("remote", [False, True])
def test_what_was_dropped_stays_dropped(remote: bool) -> None:
    """With `on_missing="drop"`, a document that went is no fault of a reload; it must be there at a start."""
    memory = Memory({"a": 1}, on_missing="drop", remote=remote)
    config = Config(memory, start_timeout=0.2)
    numbers, errors = config.bind(Numbers), Told()
    config.on_error(errors)
    with config:
        memory.delete()
        numbers.until(lambda now: now.a == 0, LOOK)
        assert config.reload().paths == ()
        status = config.status()
        assert (status.healthy, status.sources[0].documents[0].state) == (True, "absent")
        memory.set({"a": 2})
        numbers.until(lambda now: now.a == 2, LOOK)
        memory.delete()
        config.reload()
        assert numbers.current.a == 0
    assert errors.items == []
    with pytest.raises(StartFailed, match="no such document"):
        config.start()


def test_what_may_not_be_dropped_yet() -> None:
    """A document whose going is refused stays a problem in a reload, until the settings are valid without."""

    class Needy(Settings):
        a: int

    base, memory = Memory({}, name="base"), Memory({"a": 1}, on_missing="drop")
    config = Config(base, memory)
    needy, errors = config.bind(Needy), Told()
    config.on_error(errors)
    with config:
        memory.delete()
        errors.wait()
        with pytest.raises(ChangeRefused, match="a: required, but missing"):
            config.reload()
        assert needy.current.a == 1
        base.set({"a": 2})
        needy.until(lambda now: now.a == 2, LOOK)
        config.reload()
        assert config.status().healthy


def test_files_that_match_no_more(tmp_path: Path) -> None:
    """Files of a glob may all go: that is no fault of a reload, though a start needs one of them."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    config = Config(File(tmp_path / "*.yaml"))
    numbers, errors = config.bind(Numbers), Told()
    config.on_error(errors)
    with config:
        file.unlink()
        config.reload()
        assert numbers.current.a == 0
        assert config.reload().paths == ()
        assert config.status().healthy
        file.write_text("a: 2")
        numbers.until(lambda now: now.a == 2, LOOK)
    file.unlink()
    assert errors.items == []
    with pytest.raises(StartFailed, match="no file in"):
        config.start()


def test_what_is_read_together_is_one_change() -> None:
    """What a reload finds arrives as one change, however many documents it is in; it says what differs."""
    sources = [Slate({name: 1}, name, steps=steps) for name, steps in (("a", 1), ("b", 40))]
    config = Config(*sources)
    settings = config.bind(Numbers)
    told: list[tuple[int, int]] = []
    settings.on_change(lambda numbers: numbers)(lambda change: told.append((change.new.a, change.new.b)))
    with config:
        for number in (2, 3):
            for source in sources:
                source.content = {source.name: number}
            applied = config.reload()
            assert applied.paths == ("a", "b")
            assert applied.version == config.status().version == number
            assert {document for _, document, _ in applied.documents} == {"a", "b"}
        assert config.reload().paths == ()
    assert set(told) <= {(2, 2), (3, 3)}


class Lingering(Source):
    """A source that takes its time to end; it counts its runs, and how many went on side by side."""

    name = "lingering"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.runs = 0
        self.side_by_side = 0
        self.ending = asyncio.Event()
        self.end = asyncio.Event()
        self.again = asyncio.Event()
        self.content: Any = {"a": 1}
        self._now = 0

    async def run(self, feed: Feed) -> None:
        self.runs += 1
        self._now += 1
        self.side_by_side = max(self.side_by_side, self._now)
        if self.runs > 1:
            self.again.set()
        feed.update(Update(self.name, str(self.runs), self.content))
        feed.loaded()
        try:
            await asyncio.sleep(LOOK)
        finally:
            self.ending.set()
            await self.end.wait()
            self._now -= 1
            if self.fails:
                raise RuntimeError


def test_a_source_that_lingers_holds_nobody_up() -> None:
    """While one takes its time to end, the others' changes get through, and the reload goes on."""

    async def test() -> None:
        source, slate = Lingering(), Memory({"b": 1})
        config = Config(source, slate)
        settings = config.bind(Numbers)
        async with config:
            reloading = asyncio.create_task(config.areload())
            await source.ending.wait()
            slate.set({"b": 2})
            await settings.auntil(lambda numbers: numbers.b == 2, timeout=10)
            async with settings.override(a=5):
                assert settings.current.a == 5
            reloading.cancel()
            await asyncio.wait([reloading])
            assert reloading.cancelled()
            slate.set({"b": 3})
            await settings.auntil(lambda numbers: numbers.b == 3, timeout=10)
            assert source.runs == 1
            source.content = {"a": 2}
            source.end.set()
            await settings.auntil(lambda numbers: numbers.a == 2, timeout=10)
            assert source.runs == 2

    asyncio.run(test())


@pytest.mark.parametrize("fails", [False, True])
def test_reloads_at_once(fails: bool) -> None:
    """Reloads at once never run a source twice side by side, whatever its end; those that wait are one."""

    async def test() -> None:
        source = Lingering(fails=fails)
        config = Config(source)
        settings = config.bind(Numbers)
        async with config:
            first = asyncio.create_task(config.areload())
            await source.ending.wait()
            source.content = {"a": 2}
            others = [asyncio.create_task(config.areload()) for _ in range(20)]
            source.end.set()
            applied = await asyncio.gather(first, *others)
            assert settings.current.a == 2
            assert source.runs == 3
            assert source.side_by_side == 1
            assert len(set(map(id, applied[1:]))) == 1

    asyncio.run(test())


def test_a_source_that_never_ends() -> None:
    """A reload says so in the end; what the others have is taken, and the next one runs nothing twice."""

    async def test() -> None:
        source, slate = Lingering(), Slate({"b": 1})
        config = Config(source, slate, start_timeout=0.1)
        settings = config.bind(Numbers)
        async with config:
            for number in (2, 3):
                slate.content = {"b": number}
                with pytest.raises(ChangeRefused, match="lingering: it does not end"):
                    await config.areload()
                assert settings.current.b == number
            source.end.set()
            await asyncio.wait_for(source.again.wait(), 10)
            await config.areload()
            assert source.side_by_side == 1
            assert source.runs == 3

    asyncio.run(test())


def test_removed_while_it_ends() -> None:
    """A source that is removed during its restart is not run again, and holds up no change."""

    async def test() -> None:
        source, slate = Lingering(), Memory({"b": 1})
        config = Config(source, slate)
        settings = config.bind(Numbers)
        async with config:
            reloading = asyncio.create_task(config.areload())
            await source.ending.wait()
            removing = asyncio.create_task(config.aremove(source))
            await settings.auntil(lambda numbers: numbers.a == 0, timeout=10)
            slate.set({"b": 2})
            await settings.auntil(lambda numbers: numbers.b == 2, timeout=10)
            source.end.set()
            await removing
            await reloading
            assert source.runs == 1
            assert [one.source for one in config.status().sources] == [slate.name]

    asyncio.run(test())


def test_stopped_while_it_reloads() -> None:
    """Whoever waits for a reload is told that the Config was stopped."""

    async def test() -> None:
        source = Lingering()
        config = Config(source)
        await config.astart()
        reloading = asyncio.create_task(config.areload())
        await source.ending.wait()
        await config.astop()
        with pytest.raises(UsageError, match="stopped"):
            await reloading

    asyncio.run(test())


def test_a_refused_source_is_not_run_again() -> None:
    """What was refused when it was added stays away, though a reload goes on meanwhile."""

    async def test() -> None:
        source, bad = Lingering(), Lingering()
        bad.content = {"a": "no number"}
        config = Config(source)
        config.bind(Numbers)
        async with config:
            reloading = asyncio.create_task(config.areload())
            await source.ending.wait()
            adding = asyncio.create_task(config.aadd(bad))
            await bad.ending.wait()
            source.end.set()
            bad.end.set()
            with pytest.raises(ChangeRefused):
                await adding
            await reloading
            assert bad.runs == 1

    asyncio.run(test())
