"""Many Configs in one process, one after the other, side by side, and from many threads at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dynconf import Change, Config, File, Memory, Settings
from dynconf.errors import UsageError
from tests.processes.running import LOOK
from tests.servers.process import until
from tests.unit.core_props import Told
from tests.unit.host_props import footprint

LIVES = 1000
CONFIGS = 50
THREADS = 8


class App(Settings):
    n: int


def has(n: int) -> Callable[[App], bool]:
    """The condition that this number holds."""
    return lambda now: now.n == n


def tell(told: list[tuple[str, int]], name: str) -> Callable[[Change[int]], None]:
    """A callback that keeps what it is told, and who was told."""
    return lambda change: told.append((name, change.new))


def is_as(before: tuple[set[str], int]) -> None:
    """Wait until there is no thread and no descriptor more than before; the last to end may need a moment."""

    def ended() -> bool:
        names, descriptors = footprint()
        return names <= before[0] and descriptors <= before[1]

    try:
        until(ended, f"{before}", LOOK)
    except TimeoutError as error:
        raise AssertionError(f"{error}; there is {footprint()}") from None


def test_one_after_the_other_on_threads() -> None:
    """A thousand starts and stops, with a change in each, leave no thread and no descriptor."""
    memory = Memory({"n": 0})
    config = Config(memory)
    settings = config.bind(App)
    told = Told()
    settings.on_change("n")(told)
    before = footprint()
    for number in range(1, LIVES + 1):
        with config:
            memory.set({"n": number})
            told.wait(number)
    is_as(before)
    assert [(change.old, change.new) for change in told.items] == [(n - 1, n) for n in range(1, LIVES + 1)]


def test_one_after_the_other_in_a_loop() -> None:
    """A thousand starts and stops in one loop, with a change in each, leave no task there, either."""
    memory = Memory({"n": -1})
    config = Config(memory)
    settings = config.bind(App)

    async def main() -> None:
        before = footprint(), asyncio.all_tasks()
        for number in range(LIVES):
            async with config:
                memory.set({"n": number})
                await settings.auntil(has(number), LOOK)
        await asyncio.sleep(0)
        assert (footprint(), asyncio.all_tasks()) == before

    asyncio.run(main())


@pytest.mark.parametrize("life", ["with", "async with"])
def test_with_a_file(tmp_path: Path, life: str) -> None:
    """Following a file, which takes a thread and descriptors more, leaves none of them."""
    file = tmp_path / "app.yaml"
    file.write_text("n: 1")
    config = Config(File(file))

    async def in_loop() -> None:
        async with config:
            pass

    def run() -> None:
        if life == "with":
            with config:
                pass
        else:
            asyncio.run(in_loop())

    run()
    before = footprint()
    for _ in range(30):
        run()
    is_as(before)


def test_side_by_side(tmp_path: Path) -> None:
    """Fifty follow their own files at the same time, each with its own callbacks, and leave nothing."""
    files = [tmp_path / f"{number}.yaml" for number in range(CONFIGS)]
    for number, file in enumerate(files):
        file.write_text(f"n: {number}")
    configs = [Config(File(file), name=file.stem) for file in files]
    bound = [config.bind(App) for config in configs]
    told: list[tuple[str, int]] = []
    for settings, file in zip(bound, files, strict=True):
        settings.on_change("n")(tell(told, file.stem))
    before = footprint()
    for config in configs:
        config.start()
    try:
        assert [settings.current.n for settings in bound] == list(range(CONFIGS))
        for number, file in enumerate(files):
            file.write_text(f"n: {number + CONFIGS}")
        until(lambda: len(told) >= CONFIGS, "all callbacks", LOOK)
        assert sorted(told) == sorted((file.stem, number + CONFIGS) for number, file in enumerate(files))
        assert [settings.current.n for settings in bound] == [number + CONFIGS for number in range(CONFIGS)]
    finally:
        for config in configs:
            config.stop()
    is_as(before)


def at_once(work: Callable[[int], None]) -> list[BaseException | None]:
    """Do something on several threads that begin together; give what each raised."""
    begin = threading.Barrier(THREADS)

    def run(number: int) -> None:
        begin.wait(LOOK)
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.exception() for future in [pool.submit(run, number) for number in range(THREADS)]]


def test_own_ones_from_many_threads() -> None:
    """Each thread starts, reads and stops one of its own; none is in another's way."""
    before = footprint()

    def live(number: int) -> None:
        config = Config(Memory({"n": number}), name=f"own-{number}")
        settings = config.bind(App)
        for _ in range(20):
            with config:
                assert settings.current.n == number

    assert at_once(live) == [None] * THREADS
    is_as(before)


def test_the_same_one_from_many_threads() -> None:
    """Of several that start it at once one does; the others are told so, and all see it run."""
    before = footprint()
    config = Config(Memory({"n": 1}))
    settings = config.bind(App)
    for _ in range(20):
        refused = [error for error in at_once(lambda _: config.start()) if error]
        assert len(refused) == THREADS - 1
        assert {type(error) for error in refused} == {UsageError}
        assert config.status().running
        assert settings.current.n == 1
        assert at_once(lambda _: config.stop()) == [None] * THREADS
        assert not config.status().running
    is_as(before)


def test_inside_a_running_loop() -> None:
    """On a thread of its own and in the loop itself, one Config each, nested, and in tasks side by side."""

    async def live(number: int) -> None:
        memory = Memory({"n": number})
        config = Config(memory, name=f"task-{number}")
        settings = config.bind(App)
        async with config:
            memory.set({"n": number + 1})
            assert (await settings.auntil(has(number + 1), LOOK)).n == number + 1

    async def main() -> None:
        before = footprint(), asyncio.all_tasks()
        memory = Memory({"n": 1})
        outer = Config(memory, name="outer")
        settings = outer.bind(App)
        with outer:  # for a moment this blocks the loop, as any other call that waits does
            await asyncio.gather(*(live(number) for number in range(20)))
            memory.set({"n": 2})
            await settings.auntil(has(2), LOOK)
        await asyncio.sleep(0)
        assert (footprint(), asyncio.all_tasks()) == before

    asyncio.run(main())
