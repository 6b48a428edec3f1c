"""A Config's life: started in each way, stopped, started again, failing to start, and dropped."""

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from dynconf import Config, Env, Feed, File, Memory, NotStarted, Settings, Source, Update
from dynconf.errors import ChangeRefused, StartFailed, UsageError
from tests.unit.core_props import LOOK, Guard, Told


class Numbers(Settings):
    a: int = 0
    b: int = 0


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a thread or a descriptor behind."""
    before = footprint()
    yield
    gc.collect()
    end = monotonic() + LOOK
    while not footprint() <= before and monotonic() < end:
        os.sched_yield()  # a watcher's native thread closes its descriptors on its own way out
    assert footprint() <= before


def footprint() -> set[str]:
    """The threads that run and the files that are open."""
    places = set()
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # a thread closes it at this moment
            places.add(f"{link.name}: {link.readlink()}")
    return {thread.name for thread in threading.enumerate()} | places


class Sharing(Source):
    """A source that shares something with others, whose closing the test decides about."""

    name = "sharing"

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close

    async def close(self) -> None:
        answer = self._close()
        if hasattr(answer, "__await__"):
            await answer

    async def run(self, feed: Feed) -> None:
        feed.shared("shared", lambda: self)
        feed.update(Update("document", "1", {"a": 1}))
        feed.loaded()


def test_with() -> None:
    """`with` loads, follows changes, and ends; what was loaded stays readable."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    with config as entered:
        assert entered is config
        assert config.status().running
        memory.set({"a": 2})
        numbers.until(lambda now: now.a == 2, LOOK)
    assert not config.status().running
    assert numbers.current.a == config.get("a") == config.view()[numbers].a == 2


def test_async_with() -> None:
    """`async with` does the same in the calling loop, without any thread, and leaves no task."""

    async def main() -> None:
        memory = Memory({"a": 1})
        config = Config(memory)
        numbers = config.bind(Numbers)
        before = set(threading.enumerate())
        async with config as entered:
            assert entered is config
            memory.set({"a": 2})
            await numbers.auntil(lambda now: now.a == 2, LOOK)
            assert set(threading.enumerate()) <= before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert numbers.current.a == 2

    asyncio.run(main())


def test_start_and_stop_again() -> None:
    """It can be started as often as it is stopped, and subscriptions are kept."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    told = Told()
    numbers.on_change()(told)
    for number in range(2, 5):
        config.start()
        memory.set({"a": number})
        told.wait(number - 1)
        config.stop()
        config.stop()
    assert [(change.old.a, change.new.a) for change in told.items] == [(1, 2), (2, 3), (3, 4)]


def test_first_in_a_thread_then_in_a_loop() -> None:
    """The ways to run it may change from one start to the next."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    told = Told()
    numbers.on_change()(told)
    with config:
        pass

    async def main() -> None:
        async with config:
            memory.set({"a": 2})
            await numbers.auntil(lambda now: now.a == 2, LOOK)
            await asyncio.to_thread(told.wait)

    asyncio.run(main())


def test_what_changed_while_it_was_stopped_is_told() -> None:
    """A subscriber hears, at the next start, of what came when nobody was listening."""
    memory = Memory({"a": 1})
    config = Config(memory)
    told = Told()
    config.bind(Numbers).on_change()(told)
    with config:
        pass
    memory.set({"a": 2})
    with config:
        [change] = told.wait()
    assert (change.old.a, change.new.a) == (1, 2)


def test_a_change_that_a_stop_cut_off_is_told_at_the_next_start() -> None:
    """What waited behind a callback when it stopped is not lost."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    told, release = Told(), threading.Event()

    @numbers.on_change
    def follow(change: object) -> None:
        told(change)
        release.wait(LOOK)

    with config:
        memory.set({"a": 2})
        told.wait()
        memory.set({"a": 3})
        numbers.until(lambda now: now.a == 3, LOOK)
    release.set()
    with config:
        assert told.wait(2)[-1].new.a == 3


def test_load() -> None:
    """`load` makes one pass: values are there, nothing runs, and nothing is followed."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    config.load()
    assert not config.status().running
    memory.set({"a": 2})
    assert numbers.current.a == 1
    config.load()
    assert numbers.current.a == 2
    memory.set({"a": 3})
    asyncio.run(config.aload())
    assert numbers.current.a == 3


def test_nothing_is_readable_before_the_first_load() -> None:
    """Every way of reading says so; none gives a default."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)
    for read in (
        lambda: numbers.current.a,
        lambda: bool(numbers.current),
        lambda: config.get("a", 5),
        config.view,
        config.explain,
        config.unused,
        lambda: numbers.explain("a"),
        config.reload,
    ):
        with pytest.raises(NotStarted):
            read()


def test_started_twice() -> None:
    """A second start is an error that alters nothing."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)
    with config:
        with pytest.raises(UsageError, match="runs already"):
            config.start()
        assert numbers.current.a == 1


def nothing(config: Config) -> None:
    """Declare nothing."""


def all_sorts(config: Config) -> None:
    """Declare whatever a Config keeps for its binding."""
    numbers = config.bind(Numbers)
    numbers.on_change("a")(print)
    one = numbers.resource("a", create=str)
    numbers.resource(lambda numbers: numbers.b, create=lambda *both: both, uses=(one,), on_failure="keep")
    config.on_error(print)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("declare", [nothing, all_sorts])
def test_dropped_without_a_stop(declare: Callable[[Config], None]) -> None:
    """A Config that is dropped while it runs warns, and everything of it ends by itself."""
    config = Config(Memory({"a": 1}), name="dropped")
    declare(config)
    config.start()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "dropped"]
    gone = weakref.ref(config)
    holder = [config]
    del config
    with pytest.warns(ResourceWarning, match="dropped without stop"):
        holder.clear()
    gc.collect()
    assert gone() is None
    thread.join(LOOK)
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_dropped_with_a_resource() -> None:
    """What was built of its settings is closed as at a stop."""
    closed = threading.Event()
    config = Config(Memory({"a": 1}))
    config.bind(Numbers).resource("a", create=str, close=lambda _: closed.set())
    config.start()
    with pytest.warns(ResourceWarning, match="dropped without stop"):
        del config
    assert closed.wait(LOOK)


@pytest.mark.parametrize("part", ["a binding", "a resource", "a lease"])
def test_whoever_has_a_part_has_the_config(part: str) -> None:
    """Nothing ends under who holds but a binding, a resource, or a lease of one."""

    def made() -> tuple[Any, weakref.ref[Config]]:
        config = Config(Memory({"a": 1}))
        numbers = config.bind(Numbers)
        resource = numbers.resource("a", create=str)
        config.start()
        parts = {"a binding": numbers, "a resource": resource, "a lease": resource.lease()}
        return parts[part], weakref.ref(config)

    kept, config = made()
    gc.collect()
    there = config()
    assert there is not None
    assert there.status().running
    with kept if part == "a lease" else nullcontext(kept.current) as value:
        assert value in (Numbers(a=1), "1")
    there.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_dropped_at_the_programs_end(caplog: pytest.LogCaptureFixture) -> None:
    """A Config that is dropped right before the program ends is stopped by that, and nothing is logged."""
    holder = [Config(Memory({"a": 1}), name="dropped at the end")]
    holder[0].start()
    host = holder[0]._lifecycle.host
    assert host is not None
    exiting = threading.Event()
    host.post(exiting.wait, LOOK)
    with pytest.warns(ResourceWarning, match="dropped without stop"):
        holder.clear()
    gc.collect()
    host.abort()  # as the exit does
    exiting.set()
    host.wait_until_gone(LOOK)
    assert [record.getMessage() for record in caplog.records] == []


def test_a_binding_keeps_it_alive() -> None:
    """Who holds a binding need not hold the Config."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    config.start()
    alive = weakref.ref(config)
    del config
    gc.collect()
    memory.set({"a": 2})
    assert numbers.until(lambda now: now.a == 2, LOOK).a == 2
    kept = alive()
    assert kept is not None
    kept.stop()


def test_stop_with_a_hanging_callback() -> None:
    """A callback that hangs does not hold up a stop, and its thread ends when it does."""
    release = threading.Event()
    memory = Memory({"a": 1})
    config = Config(memory, name="hung")
    numbers = config.bind(Numbers)
    begun = Told()

    @numbers.on_change
    def hang(change: object) -> None:
        begun(change)
        release.wait(LOOK)

    with config:
        memory.set({"a": 2})
        begun.wait()
    assert not release.is_set()
    left = [thread for thread in threading.enumerate() if thread.name.startswith("hung")]
    assert [thread.name for thread in left] == ["hung-callback-0"]
    release.set()
    left[0].join(LOOK)


@pytest.mark.parametrize("hosted", ["thread", "loop"])
def test_stop_when_what_sources_share_does_not_close(hosted: str) -> None:
    """A connection that cannot be closed does not hold up a stop."""
    config = Config(Sharing(lambda: asyncio.sleep(LOOK)))
    if hosted == "thread":
        with config:
            pass
    else:

        async def main() -> None:
            await config.astart()
            async with asyncio.timeout(LOOK / 2):
                await config.astop()

        asyncio.run(main())


def test_stop_from_several_threads() -> None:
    """Several may stop it at once: what is shared is closed once, and nobody is told that it has stopped."""
    closed = Told()

    async def close() -> None:
        await asyncio.sleep(0.05)
        closed("closed")

    config = Config(Sharing(close))
    config.start()
    failures = Told()

    def stop() -> None:
        try:
            config.stop()
        except UsageError as error:
            failures(error)

    stopping = [threading.Thread(target=stop) for _ in range(4)]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join(LOOK)
    assert failures.items == []
    assert closed.items == ["closed"]


def test_a_stop_that_is_cancelled_itself() -> None:
    """Whoever cancels every task, those of a stop too, leaves it to the next stop to finish."""

    class Hanging(Guard):
        async def stop(self, until: float) -> None:
            self.log.append("stop")
            begun.set()
            if self.log.count("stop") == 1:
                await asyncio.Event().wait()

    begun = asyncio.Event()

    async def main() -> None:
        guard = Hanging()
        config = Config(Memory({"a": 1}))
        config._lifecycle.preparers.append(guard)
        await config.astart()
        stopping = asyncio.create_task(config.astop())
        await begun.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.wait([stopping])
        await config.astop()
        assert not config.status().running
        await config.astart()
        await config.astop()
        assert guard.log.count("stop") == 3

    asyncio.run(main())


def test_two_stops_in_one_loop() -> None:
    """The second waits for what the first does, be that one cancelled, and nothing is let go of twice."""

    class Guarding(Guard):
        async def stop(self, until: float) -> None:
            self.log.append("stop")
            begun.set()
            await asyncio.sleep(0.05)
            self.log.append("stopped")

    begun = asyncio.Event()

    async def main() -> None:
        guard = Guarding()
        config = Config(Memory({"a": 1}))
        config._lifecycle.preparers.append(guard)
        await config.astart()
        first = asyncio.create_task(config.astop())
        await begun.wait()
        first.cancel()
        await asyncio.gather(config.astop(), config.astop())
        assert first.cancelled()
        assert [call for call in guard.log if "stop" in call] == ["stop", "stopped"]

    asyncio.run(main())


def test_a_start_that_fails_names_every_failure(tmp_path: Path) -> None:
    """One error names each source that is not there or not readable; later a start succeeds."""
    missing, garbled = tmp_path / "missing.yaml", tmp_path / "garbled.json"
    garbled.write_text("{")
    config = Config(Memory({"a": 1}), File(missing), File(garbled))
    numbers = config.bind(Numbers)
    for _ in range(2):
        with pytest.raises(StartFailed) as caught:
            config.start()
        assert "missing.yaml" in str(caught.value)
        assert "garbled.json" in str(caught.value)
        assert len(caught.value.failures) == 2
        assert not config.status().running
    missing.write_text("b: 2")
    garbled.write_text("{}")
    with config:
        assert numbers.current == Numbers(a=1, b=2)


def test_a_start_that_fails_in_the_callers_loop() -> None:
    """It leaves no task there, either."""

    async def main() -> None:
        memory = Memory({"a": "x"})
        config = Config(memory)
        numbers = config.bind(Numbers)
        with pytest.raises(StartFailed, match="a: expected a valid integer"):
            await config.astart()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        memory.set({"a": 1})
        async with config:
            assert numbers.current.a == 1

    asyncio.run(main())


def test_a_start_that_fails_closes_what_was_opened(tmp_path: Path) -> None:
    """The watching thread, and whatever sources share, is gone after a failed start."""
    file = tmp_path / "app.yaml"
    file.write_text("a: x")
    closed = Told()
    config = Config(File(file), Sharing(lambda: closed("closed")), Memory({"b": "x"}))
    config.bind(Numbers)
    with pytest.raises(StartFailed):
        config.start()
    assert closed.items == ["closed"]
    assert "dynconf-watch" not in {thread.name for thread in threading.enumerate()}


def test_a_start_that_fails_keeps_what_was_readable() -> None:
    """A second start that fails costs nothing of what the first had loaded."""
    memory = Memory({"a": 1})
    config = Config(memory)
    numbers = config.bind(Numbers)
    config.load()
    memory.set({"a": "x"})
    with pytest.raises(StartFailed):
        config.start()
    assert numbers.current.a == config.view()[numbers].a == 1


def test_a_class_whose_own_sources_are_wrong_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the class's own that cannot be decoded is one of the failures of a start."""

    class Listing(Settings):
        model_config = SettingsConfigDict(env_prefix="LISTING_")
        names: list[str] | None = None

    monkeypatch.setenv("LISTING_NAMES", "[hunter2")
    config = Config(Memory({}))
    config.bind(Listing)
    with pytest.raises(StartFailed) as caught:
        config.start()
    assert len(caught.value.failures) == 1
    assert "Listing's environment" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("parent", [BaseSettings, Settings])
def test_a_class_that_reads_a_file_of_its_own(tmp_path: Path, parent: type[BaseSettings]) -> None:
    """Whatever its `settings_customise_sources` gives is read, pydantic-settings' sources for files too."""
    file = tmp_path / "own.yaml"
    file.write_text("a: 42\nb: 1\n")

    class Own(parent):  # type: ignore[misc, valid-type]
        a: int = 0
        b: int = 0

        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], **given: Any) -> Any:
            """As pydantic-settings' own documentation shows it."""
            more = InitSettingsSource(settings_cls, {"b": 2})
            return given["init_settings"], more, YamlConfigSettingsSource(settings_cls, yaml_file=file)

    config = Config(Memory({"a": 1, "b": 3}))
    own = config.bind(Own)
    with config:
        assert (own.current.a, own.current.b) == (42, 2)
        file.write_text("a: 43\n")
        config.reload()
        assert own.current.a == 43


def test_a_dotenv_of_a_class_that_goes_wrong(tmp_path: Path) -> None:
    """What it says then is told like any document's fault; what was refused before is forgotten."""
    file = tmp_path / ".env"
    file.write_text("NUMBERS=[1]\n")

    class Own(Settings):
        model_config = SettingsConfigDict(env_file=file)
        numbers: list[int] = Field(default_factory=list)

    config, told = Config(), Told()
    own = config.bind(Own)
    config.on_error(told)
    with config:
        file.write_text('NUMBERS=["a"]\n')
        with pytest.raises(ChangeRefused, match="numbers"):
            config.reload()
        file.write_text("NUMBERS=[1\n")
        with pytest.raises(ChangeRefused, match=r"\.env file") as caught:
            config.reload()
        assert "numbers.0" not in str(caught.value)
        assert "Own's .env file" in told.texts(2)[-1]
        assert own.current.numbers == [1]


class Keeper(PydanticBaseSettingsSource):
    """Looks up what a source above it has named; `wrong` has it give no mapping."""

    wrong = False

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Nothing; `__call__` gives it all."""
        return None, field_name, False

    def __call__(self) -> Any:
        named = self.settings_sources_data["InitSettingsSource"]["key"]
        return [named] if self.wrong else {"found": f"{named} and {self.current_state['key']}"}


def test_a_source_of_a_class_sees_what_those_above_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pydantic-settings documents it; one that gives no mapping is named, and what serves stays."""

    class Own(Settings):
        key: str = ""
        found: str = ""

        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], *_: Any, **__: Any) -> Any:
            """The one that looks ranks lower."""
            return InitSettingsSource(settings_cls, {"key": "k1"}), Keeper(settings_cls)

    config = Config(Memory({}))
    own = config.bind(Own)
    with config:
        assert own.current.found == "k1 and k1"
        monkeypatch.setattr(Keeper, "wrong", True)
        with pytest.raises(ChangeRefused, match="Own's Keeper: it gave a list, not a mapping"):
            config.reload()
        assert own.current.found == "k1 and k1"


def test_stop_while_it_starts() -> None:
    """A start that waits for a server can be stopped; it says so."""
    outcome = Told()
    config = Config(Memory(remote=True), start_timeout=LOOK)

    def start() -> None:
        try:
            config.start()
        except UsageError as error:
            outcome(error)

    starting = threading.Thread(target=start)
    starting.start()
    while not config.status().running:
        starting.join(0.01)
    config.stop()
    starting.join(LOOK)
    assert "stopped" in outcome.texts()[0]


def test_reload_and_add_at_the_same_time() -> None:
    """Reloading, adding and removing from many threads leaves each source running once, in its own place."""
    first = Memory({"a": 1}, name="first")
    more = [Memory({"b": number}, name=f"more-{number}") for number in range(6)]
    config = Config(first, Env("APP_", environ={}))
    config.bind(Numbers)
    failures = Told()

    def run(work: Callable[[], object]) -> Callable[[], None]:
        def attempt() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - looked at below
                failures(error)

        return attempt

    with config:
        works = [run(config.reload) for _ in more] + [run(lambda one=one: config.add(one)) for one in more]  # type: ignore[misc]
        running = [threading.Thread(target=work) for work in works]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(LOOK)
        assert failures.items == []
        assert [len(memory._runs) for memory in (first, *more)] == [1] * 7
        assert len(config.status().sources) == 8
        for one in more:
            config.remove(one)
        assert config.get("b") is None
