"""A fork while a Config is being started: each case in a program of its own."""

import pytest

from tests.unit.host_props import run

HOUSE = """
from dynconf import Config, Memory, NotStarted, Settings
from dynconf.errors import StartFailed

logging.getLogger("dynconf").addHandler(logging.NullHandler())

class Numbers(Settings):
    a: int = 0
    b: int = 0

def start():
    with contextlib.suppress(StartFailed, UsageError):
        config.start()

@contextlib.contextmanager
def starting():
    "Another thread is in start(), which waits for a document, but has read the other one."
    thread = threading.Thread(target=start)
    thread.start()
    deadline = time.monotonic() + LOOK
    while not any(source.last_success for source in config.status().sources if source.source == "first"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        yield
    finally:
        late.set({"b": 1})
        thread.join()

first = Memory({"a": 1}, name="first")
late = Memory(None, name="late", remote=True)
config = Config(first, late, start_timeout=LOOK)
numbers = config.bind(Numbers)
"""


def test_the_first_start() -> None:
    """The child has no half of a configuration, and may start it; the parent's start goes on."""
    run(
        HOUSE
        + """
def work():
    assert threading.active_count() == 1 and not config.status().running
    for read in (lambda: numbers.current.a, lambda: config.get("a"), config.view):
        try:
            read()
        except NotStarted:
            pass
        else:
            raise AssertionError
    assert not config.history
    late.set({"b": 2})
    with config:
        assert (numbers.current.a, numbers.current.b) == (1, 2)
        first.set({"a": 3})
        numbers.until(lambda now: now.a == 3, LOOK)

with starting():
    assert child_of(work) == 0
assert (numbers.current.a, numbers.current.b) == (1, 1)
config.stop()
"""
    )


def test_a_start_after_a_stop() -> None:
    """The child reads what was read before, and can be changed and started as a stopped one."""
    run(
        HOUSE
        + """
class More(Settings):
    a: int = 0

def work():
    assert not config.status().running and (numbers.current.a, numbers.current.b) == (1, 7)
    assert config.bind(More).current.a == 1
    with numbers.override(a=5):
        assert (numbers.current.a, numbers.current.b) == (5, 7)
    late.set({"b": 2})
    with config:
        assert (numbers.current.a, numbers.current.b) == (1, 2)

late.set({"b": 7})
config.load()
late.delete()
with starting():
    assert child_of(work) == 0
assert (numbers.current.a, numbers.current.b) == (1, 1)
config.stop()
"""
    )


def test_a_start_in_a_loop() -> None:
    """A fork by another thread, while the loop waits for the start, leaves the child without one as well."""
    run(
        HOUSE
        + """
def work():
    assert not config.status().running
    try:
        numbers.current.a
    except NotStarted:
        pass
    else:
        raise AssertionError
    late.set({"b": 2})
    with config:
        assert numbers.current.b == 2

def start():
    async def main():
        async with config:
            assert numbers.current.b == 1
    asyncio.run(main())

with starting():
    assert child_of(work) == 0
"""
    )


@pytest.mark.parametrize("kind", ["", "async "], ids=["sync", "async"])
def test_by_a_veto(kind: str) -> None:
    """The child of a function that the start asks has nothing loaded, and asks nobody again."""
    run(
        f"""{HOUSE}
late.set({{"b": 1}})
asked = []

def work():
    assert not config.status().running
    try:
        numbers.current.a
    except NotStarted:
        return
    raise AssertionError

@config.before_change
{kind}def check(change):
    asked.append(child_of(work))

with config:
    assert numbers.current.b == 1
assert asked == [0]
"""
    )


def test_with_a_resource() -> None:
    """What the parent has built by then is not the child's, whose own start builds another."""
    run(
        HOUSE
        + """
late.set({"b": 1})
built, release = threading.Event(), threading.Event()
parent = os.getpid()
client = numbers.resource("a", create=lambda a: (a, os.getpid()))

@config.before_change(timeout=LOOK)
def hold(change):
    built.set()
    if os.getpid() == parent:
        release.wait(LOOK)

def work():
    assert not config.status().running
    with config:
        assert client.current == (1, os.getpid())

thread = threading.Thread(target=start)
thread.start()
assert built.wait(LOOK)
try:
    assert child_of(work) == 0
finally:
    release.set()
    thread.join()
assert client.current == (1, parent)
config.stop()
"""
    )


def test_while_a_failed_start_ends() -> None:
    """Nobody is still starting it in the child, though no host was there to tell of the fork."""
    run(
        HOUSE
        + """
from dynconf import Source, Update

class Hanging(Source):
    name = "hanging"
    async def run(self, feed):
        feed.blocking(lambda: release.wait(LOOK))
        feed.update(Update("one", "1", {"a": "x"}))
        feed.loaded()
        await asyncio.Event().wait()

release = threading.Event()
config = Config(Hanging())
config.bind(Numbers)

def work():
    release.set()
    try:
        config.start()
    except StartFailed:
        return
    raise AssertionError

thread = threading.Thread(target=start)
thread.start()
while not config.status().running:
    time.sleep(0.001)
while config.status().running:
    time.sleep(0.001)
assert child_of(work) == 0
release.set()
thread.join()
"""
    )
