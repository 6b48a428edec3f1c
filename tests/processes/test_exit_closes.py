"""A program that ends while its Config runs closes what that has built, as a stop does, and in time."""

import re
import subprocess

import pytest

from tests.processes.running import LOOK, PYTHON, ROOT, WARNINGS

HOUSE = """
import asyncio, atexit, contextlib, gc, logging, os, sys, threading, time
from dynconf import Config, Memory, Settings
from dynconf.errors import DynconfError

logging.getLogger("asyncio").setLevel(logging.ERROR)  # nothing of slow callbacks on a busy machine

class App(Settings):
    a: str = "a"

FOREVER = 3600

def say(what):
    os.write(1, f"{what}\\n".encode())

def life(value):
    yield value
    say("left")

def hang(value):
    time.sleep(FOREVER)

def as_python_3_12():
    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")
    threading.Thread.start = refuse

def start_elsewhere(config):
    begun = threading.Event()
    async def main():
        await config.astart()
        begun.set()
        await asyncio.Event().wait()
    threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
    begun.wait()

def house(close, name=""):
    config = Config(Memory({}), name=name or "dynconf")
    settings = config.bind(App)
    for one in ("first", "last"):
        settings.resource("a", create=str, close=lambda _, one=one: close(one), name=name + one)
    return config, settings
"""

ENDS = {
    "it was never stopped": ("kept = house(say)\nkept[0].start()", "last first", ""),
    "a generator made it": (
        """
config, settings = house(say)
settings.resource("a", create=life)
config.start()
""",
        "left last first",
        "",
    ),
    "it was started in a function": (
        """
def main():
    config, settings = house(say)
    config.start()
    return settings.resource("a", create=life)
kept = main()
gc.collect()
""",
        "left last first",
        "",
    ),
    "it was stopped": (
        """
with house(say)[0]:
    pass
""",
        "last first",
        "",
    ),
    "it is leased": (
        """
config, settings = house(say)
client = settings.resource("a", create=str, close=lambda _: say("leased"), name="client")
config.start()
client.lease().__enter__()
""",
        "leased last first",
        "client: closed at the stop although 1 still use it\n",
    ),
    "another's closing hangs": (
        """
config, settings = house(say)
settings.resource("a", create=str, close=hang, name="slow")
config.start()
""",
        "last first",
        (
            "slow: closing it takes too long; it is left behind\n"
            "dynconf: stopped without waiting for close of slow\n"
        ),
    ),
    "another Config's closing hangs": (
        """
kept = house(hang, "slow"), house(say)
for config, _ in kept:
    config.start()
""",
        "last first",
        (
            "slowlast: closing it takes too long; it is left behind\n"
            "slowfirst: closing it takes too long; it is left behind\n"
            "slow: stopped without waiting for close of slowlast, close of slowfirst\n"
        ),
    ),
    "its closing fails": (
        """
class Parrot(logging.Handler):
    def emit(self, record):
        say(record.getMessage().partition("\\n")[0].replace(" ", "-"))
logging.getLogger("dynconf").addHandler(Parrot())
config, settings = house(say)
settings.resource("a", create=str, close=lambda _: 1 / 0, name="bad")
config.start()
""",
        "closing-bad-failed last first",
        "",
    ),
    "it lives in another thread's loop": (
        """
config, settings = house(say)
async def close(_):
    say("in-the-loop")
settings.resource("a", create=str, close=close, name="async")
start_elsewhere(config)
""",
        "in-the-loop last first",
        "",
    ),
    "it is being stopped": (
        """
config, settings = house(say)
closing = threading.Event()
def close(_):
    closing.set()
    threading.main_thread().join()
settings.resource("a", create=str, close=close, name="slow")
config.start()
threading.Thread(target=config.stop, daemon=True).start()
closing.wait()
""",
        "last first",
        "",
    ),
    "it is being started": (
        """
config = Config(Memory({}))
settings = config.bind(App)
begun = threading.Event()
def create(_):
    begun.set()
    threading.main_thread().join()
settings.resource("a", create=create, close=lambda _: say("late"), name="slow")
def start():
    with contextlib.suppress(DynconfError):
        config.start()
threading.Thread(target=start, daemon=True).start()
begun.wait()
""",
        "late",
        "",
    ),
    "it was forked": (
        """
config, settings = house(lambda one: say(f"{one}-{os.getpid() == parent}"))
parent = os.getpid()
client = settings.resource("a", create=life)
config.start()
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    assert client.current == "a"
""",
        "left last-False first-False left last-True first-True",
        "",
    ),
    "no thread can be started any more": (
        """
atexit.register(as_python_3_12)
kept = house(say)
kept[0].start()
""",
        "last first",
        "",
    ),
    "nor is there a thread for each that is open": (
        """
atexit.register(as_python_3_12)
memory = Memory({"a": "one"})
config = Config(memory)
settings = config.bind(App)
client = settings.resource("a", create=str, close=lambda _: say("closed"), grace=FOREVER, drain=FOREVER)
config.start()
memory.set({"a": "two"})
settings.until(lambda one: one.a == "two")
""",
        "closed closed",
        "",
    ),
    "nor any, but for what hangs": (
        """
atexit.register(as_python_3_12)
config, settings = house(say)
tries, begun = [], threading.Event()
def create(value):
    tries.append(value)
    if len(tries) == 1:
        raise OSError
    begun.set()
    hang(value)
settings.resource("a", create=create, on_failure="keep", name="slow")
logging.disable(logging.WARNING)
config.start()
begun.wait()
logging.disable(logging.NOTSET)
""",
        "last first",
        "dynconf: stopped without waiting for create of slow\n",
    ),
    "nor any, but for a subscriber that hangs": (
        """
atexit.register(as_python_3_12)
memory, begun = Memory({"a": "one"}), threading.Event()
config = Config(memory)
settings = config.bind(App)
settings.resource("a", create=str, close=lambda _: say("closed"), grace=FOREVER, drain=FOREVER)
@settings.on_change("a")
def told(change):
    begun.set()
    hang(change)
config.start()
memory.set({"a": "two"})
begun.wait()
""",
        "closed closed",
        "dynconf: stopped without waiting for told\n",
    ),
    "nor any in another thread's loop": (
        """
atexit.register(as_python_3_12)
config = Config(Memory({}))
async def create(value):
    return value
kept = config.bind(App).resource("a", create=create, close=say)
start_elsewhere(config)
""",
        "a",
        "",
    ),
}


@pytest.mark.parametrize(("script", "closed", "says"), ENDS.values(), ids=ENDS)
def test_what_was_built_is_closed(script: str, closed: str, says: str) -> None:
    """Whatever is going on when the program ends, each is closed once; one that hangs is named."""
    done = subprocess.run(
        [*PYTHON, "-c", HOUSE + script],
        cwd=ROOT,
        env={"PYTHONWARNINGS": WARNINGS},
        capture_output=True,
        text=True,
        timeout=LOOK,
        check=False,
    )
    # After one that hangs the others have but a moment, which is too short on a busy machine.
    told = re.sub(r"(?m)^(last|first): closing it takes too long.*\n", "", done.stderr)
    assert (done.returncode, told) == (0, says)
    assert done.stdout.split() == closed.split()
