"""Inside pytest-asyncio: a project's tests that share a Config, or have one each."""

import os
import subprocess
from pathlib import Path

from tests.processes.running import LOOK, PYTHON, ROOT

INI = """
[pytest]
addopts = --disable-plugin-autoload -p pytest_asyncio.plugin -p no:cacheprovider
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
PROJECT = """
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dynconf import Binding, Change, Config, File, Memory, Settings

class App(Settings):
    n: int = 0

memory = Memory({"n": 1})
config = Config(memory)
settings = config.bind(App)

@pytest_asyncio.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[Path, Binding[App]]]:
    file = tmp_path / "app.yaml"
    file.write_text("n: 1")
    config = Config(File(file))
    settings = config.bind(App)
    async with config:
        yield file, settings
    assert not config.status().running

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared() -> AsyncIterator[Binding[App]]:
    async with config:
        yield settings

@pytest.mark.asyncio
@pytest.mark.parametrize("n", range(2, 5))
async def test_own(own: tuple[Path, Binding[App]], n: int) -> None:
    file, settings = own
    told = asyncio.Event()

    @settings.on_change("n")
    async def tell(change: Change[int]) -> None:
        told.set()

    file.write_text(f"n: {n}")
    assert (await settings.auntil(lambda now: now.n == n, 30)).n == n
    await asyncio.wait_for(told.wait(), 30)

@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("n", range(2, 5))
async def test_shared(shared: Binding[App], n: int) -> None:
    memory.set({"n": n})
    assert (await shared.auntil(lambda now: now.n == n, 30)).n == n

@pytest.mark.asyncio
async def test_shared_from_another_loop(shared: Binding[App]) -> None:
    assert shared.current.n == 4

@pytest.mark.asyncio
async def test_on_a_thread() -> None:
    other = Config(Memory({"n": 7}))
    bound = other.bind(App)
    with other:
        assert bound.current.n == 7

@pytest.mark.asyncio
async def test_cancelled() -> None:
    other = Config(Memory({"n": 8}))
    begun = asyncio.Event()

    async def live() -> None:
        async with other:
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(live())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not other.status().running
"""


def test_project(tmp_path: Path) -> None:
    """With every warning an error, they pass: no task, loop or thread is left for the plugin to find."""
    (tmp_path / "test_project.py").write_text(PROJECT)
    (tmp_path / "pytest.ini").write_text(INI)
    done = subprocess.run(
        [*PYTHON, "-W", "error", "-m", "pytest", "-q"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LOOK,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
