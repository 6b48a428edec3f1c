"""A program that ends while something of its Config is under way, ends in time and without a traceback."""

import subprocess

import pytest

from tests.processes.running import LOOK, PYTHON, ROOT

HOUSE = """
import asyncio, contextlib, logging, sys, threading, time
from dynconf import Config, Memory, Settings
from dynconf.errors import DynconfError

logging.getLogger("asyncio").setLevel(logging.ERROR)  # nothing of slow callbacks on a busy machine

class App(Settings):
    n: int

FOREVER = 3600
memory = Memory({"n": 1})
config = Config(memory)
settings = config.bind(App)
begun = threading.Event()
"""
CALLED = """
settings.on_change("n")(callback)
config.start()
memory.set({"n": 2})
begun.wait()
"""

LEFT = "dynconf: stopped without waiting for"

ENDS = {
    "it sleeps": (
        """
def callback(change):
    begun.set()
    time.sleep(FOREVER)
""",
        f"{LEFT} callback\n",
    ),
    "it will not be cancelled": (
        """
async def callback(change):
    begun.set()
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(FOREVER)
""",
        f"{LEFT} subscription callback\n",
    ),
    "it is cancelled": (
        """
async def callback(change):
    begun.set()
    await asyncio.sleep(FOREVER)
""",
        "",
    ),
    "it reads and subscribes": (
        """
def callback(change):
    while True:
        assert settings.current.n == config.view()[settings].n == config.get("n")
        config.status()
        settings.on_change("n")(print).close()
        begun.set()
""",
        f"{LEFT} callback\n",
    ),
    "it waits for a change": (
        """
def callback(change):
    begun.set()
    settings.until(lambda now: now.n == 3)
""",
        f"{LEFT} callback\n",
    ),
    "it reloads": (
        """
def callback(change):
    with contextlib.suppress(DynconfError):
        while True:
            config.reload()
            begun.set()
""",
        "",
    ),
    "it stops": (
        """
def callback(change):
    begun.set()
    main.join()
    config.stop()
main = threading.main_thread()
""",
        "",
    ),
}


@pytest.mark.parametrize(("callback", "says"), ENDS.values(), ids=ENDS)
def test_callback(callback: str, says: str) -> None:
    """What a callback is doing when the program ends holds nothing up; at most it is named as left behind."""
    done = subprocess.run(
        [*PYTHON, "-W", "error", "-c", HOUSE + callback + CALLED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LOOK,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", says)
