"""What `dynconf.testing` gives to users: the fixture and the clock, and no burden on other tests."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from dynconf import Memory, Settings
from dynconf.errors import UsageError
from dynconf.testing import ConfigMaker, ManualClock
from tests.unit.core_props import LOOK, Told

ROOT = Path(__file__).parents[2]


class Numbers(Settings):
    a: int = 0
    b: int = 0


def test_the_fixture_makes_running_configs(dynconf_config: ConfigMaker) -> None:
    """Trees become documents in memory, sources are taken as they are, and all of it is live."""
    memory = Memory({"b": 1})
    config = dynconf_config({"a": 1}, memory)
    numbers = config.bind(Numbers)
    assert numbers.current == Numbers(a=1, b=1)
    memory.set({"b": 2})
    assert numbers.until(lambda now: now.b == 2, LOOK).a == 1
    assert not dynconf_config(start=False).status().running


def run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run a test as users do who have the package installed, with warnings as errors."""
    (folder / "test_theirs.py").write_text(
        "import asyncio, threading\nfrom dynconf import *\n"
        "class Numbers(Settings):\n    a: int = 0\n" + textwrap.dedent(test)
    )
    command = [sys.executable, "-m", "pytest", "-p", "dynconf.testing", "-p", "no:cacheprovider", "-Werror"]
    options = ["--disable-plugin-autoload", "--rootdir", str(folder), "-c", "/dev/null", str(folder)]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("test", "left"),
    [
        (
            """
            def test_loop(dynconf_config):
                asyncio.run(dynconf_config({}, start=False).astart())
            """,
            "dynconf-test-1 runs in an event loop and was never stopped",
        ),
        (
            """
            def test_override(dynconf_config):
                dynconf_config({}).bind(Numbers).override(a=2).__enter__()
            """,
            "dynconf-test-1 has an override that was never left",
        ),
        (
            """
            def test_callback(dynconf_config):
                memory, begun = Memory({}), threading.Event()
                numbers = dynconf_config(memory).bind(Numbers)
                @numbers.on_change
                def hang(change):
                    begun.set()
                    threading.Event().wait()
                memory.set({"a": 2})
                begun.wait()
            """,
            "dynconf-test-1 has 1 callbacks that did not end",
        ),
    ],
)
def test_what_a_test_leaves_behind_fails_it(tmp_path: Path, test: str, left: str) -> None:
    """Each kind of leftover fails the test that left it, by name, and not the one after it."""
    innocent = "\ndef test_of_somebody_else(dynconf_config):\n    dynconf_config({})\n"
    done = run(tmp_path, textwrap.dedent(test) + innocent)
    assert f"left behind by the test: {left}" in done.stdout
    assert "2 passed, 1 error" in done.stdout
    assert done.returncode == 1


def test_a_clean_test_passes(tmp_path: Path) -> None:
    """A test that leaves nothing passes, with every warning an error."""
    done = run(
        tmp_path,
        """
        def test_clean(dynconf_config):
            numbers = dynconf_config({"a": 1}).bind(Numbers)
            with numbers.override(a=2):
                assert numbers.current.a == 2
            async def main():
                async with dynconf_config({}, start=False):
                    pass
            asyncio.run(main())
        """,
    )
    assert done.returncode == 0, done.stdout


def test_the_plugin_loads_nothing() -> None:
    """A test run that never uses the plugin pays for one small module."""
    code = "import pytest, sys; old = {*sys.modules}; import dynconf.testing; print(*{*sys.modules} - old)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"dynconf", "dynconf.testing"}


def test_no_other_name_is_there() -> None:
    """A name that does not exist is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no_such"):
        _ = __import__("dynconf.testing").testing.no_such


def test_time_stands_still_until_it_is_advanced() -> None:
    """Both of the clock's times grow by what is advanced, and never shrink."""
    clock = ManualClock(100.0)
    assert (clock.time(), clock.monotonic()) == (100.0, 0.0)
    clock.advance(1.5)
    assert (clock.time(), clock.monotonic()) == (101.5, 1.5)
    with pytest.raises(UsageError):
        clock.advance(-1)
    with pytest.raises(TimeoutError):
        clock.wait_for_sleepers(timeout=0.01)


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Who sleeps less wakes first; who is not due sleeps on; who is cancelled sleeps no more."""

    async def main() -> None:
        clock, woken = ManualClock(), list[float]()

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(seconds)

        tasks = [asyncio.create_task(sleep(seconds)) for seconds in (3, 1, 2, 0, 9)]
        await asyncio.sleep(0)
        assert clock.sleepers == 4
        clock.advance(2.5)
        clock.advance(0.5)
        await asyncio.wait(tasks[:4])
        assert woken == [0, 1, 2, 3]
        tasks[4].cancel()
        await asyncio.wait(tasks)
        assert clock.sleepers == 0

    asyncio.run(main())


def test_several_loops_share_a_clock() -> None:
    """One advance from any thread wakes the sleepers of every loop; a loop that is gone does no harm."""
    clock, woken = ManualClock(), Told()

    async def sleep() -> None:
        await clock.sleep(1)
        woken(None)

    async def leave() -> None:
        asyncio.get_running_loop().create_task(clock.sleep(1))
        await asyncio.sleep(0)

    asyncio.run(leave())
    threads = [threading.Thread(target=asyncio.run, args=(sleep(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    clock.wait_for_sleepers(3)
    clock.advance(1)
    woken.wait(3)
    for thread in threads:
        thread.join()
