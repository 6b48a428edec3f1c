"""A Config in a forked process goes on by itself: each case in a program of its own."""

import pytest

from tests.unit.host_props import run

HOUSE = """
import tempfile, warnings
from pathlib import Path
from dynconf import Config, Env, File, Memory, Settings

logging.getLogger("dynconf").addHandler(logging.NullHandler())

class Numbers(Settings):
    a: int = 0

class Told:
    "A callback that keeps what it is told."
    def __init__(self):
        self.items, self.news = [], threading.Condition()
    def __call__(self, item):
        with self.news:
            self.items.append(item)
            self.news.notify_all()
    def wait(self, count=1):
        return self.until(lambda items: len(items) >= count)
    def until(self, enough):
        with self.news:
            assert self.news.wait_for(lambda: enough(self.items), LOOK), self.items
            return self.items

def save(a):
    spare = folder / "spare"
    spare.write_text(f"a: {a}")
    spare.rename(file)

folder = Path(tempfile.mkdtemp())
file = folder / "app.yaml"
save(1)
config = Config(File(file))
numbers = config.bind(Numbers)
told = Told()
numbers.on_change()(told)
"""


def test_fork_of_a_running_config() -> None:
    """The child reads at once, and child and parent both follow the file, with the same subscriptions."""
    run(
        HOUSE
        + """
ready, done = os.pipe(), os.pipe()

def work():
    assert numbers.current.a == 1 and config.view()[numbers].a == 1 and config.get("a") == 1
    assert config.status().running
    os.write(ready[1], b"r")
    numbers.until(lambda now: now.a == 2, LOOK)
    assert [(change.old.a, change.new.a) for change in told.wait()] == [(1, 2)]
    config.reload()
    assert config.status().healthy, str(config.status())
    config.stop()
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]

with config:
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.read(ready[0], 1)
    save(2)
    numbers.until(lambda now: now.a == 2, LOOK)
    assert [(change.old.a, change.new.a) for change in told.wait()] == [(1, 2)]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    save(3)
    numbers.until(lambda now: now.a == 3, LOOK)
"""
    )


def test_fork_of_a_config_in_a_loop() -> None:
    """The child has no such loop any more: it gets a thread, and blocking calls then work there."""
    run(
        HOUSE
        + """
def work():
    assert numbers.current.a == 1
    save(2)
    assert numbers.until(lambda now: now.a == 2, LOOK).a == 2
    told.wait()
    config.stop()

async def main():
    async with config:
        pid = os.fork()
        if not pid:
            status = 1
            try:
                asyncio._set_running_loop(None)
                work()
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        await numbers.auntil(lambda now: now.a == 2, LOOK)
        assert os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, pid, 0))[1]) == 0
        save(3)
        await numbers.auntil(lambda now: now.a == 3, LOOK)

asyncio.run(main())
"""
    )


def test_fork_with_memory_and_what_was_refused() -> None:
    """A document in memory is the child's own; what the parent had refused is refused there, too."""
    run(
        HOUSE
        + """
memory = Memory({"a": 5})
config = Config(memory)
numbers = config.bind(Numbers)
refused = Told()
config.on_error(refused)

def work():
    assert numbers.current.a == 5
    refused.wait(2)
    assert config.status().sources[0].state == "refused", str(config.status())
    memory.set({"a": 7})
    numbers.until(lambda now: now.a == 7, LOOK)
    assert config.status().healthy
    config.stop()

with config:
    memory.set({"a": "x"})
    refused.wait()
    assert child_of(work) == 0
    assert numbers.current.a == 5
    memory.set({"a": 6})
    numbers.until(lambda now: now.a == 6, LOOK)
"""
    )


def test_fork_after_documents_have_gone() -> None:
    """What the parent let go of is no fault in the child, and what it may not let go of is not forgotten."""
    run(
        HOUSE
        + """
from dynconf.errors import ChangeRefused

class Needy(Settings):
    b: int

memory = Memory({"b": 5}, on_missing="drop")
config = Config(File(folder / "*.yaml"), File(file, on_missing="drop"), memory)
member = folder / "member.yaml"
member.write_text("a: 4")
numbers, needy = config.bind(Numbers), config.bind(Needy)
refused = Told()
config.on_error(refused)

def work():
    refused.wait(2)
    assert [error.problems[0].path for error in refused.items] == ["b", "b"], refused.items
    try:
        config.reload()
    except ChangeRefused as error:
        assert {problem.path for problem in error.problems} == {"b"}, error
    states = [one.state for one in config.status().sources]
    assert states == ["live", "live", "refused"], str(config.status())
    memory.set({"b": 7})
    member.write_text("a: 2")
    numbers.until(lambda now: now.a == 2, LOOK)
    save(3)
    numbers.until(lambda now: now.a == 3, LOOK)
    needy.until(lambda now: now.b == 7, LOOK)
    assert config.status().healthy
    config.stop()

with config:
    memory.delete()
    refused.wait()
    member.unlink()
    file.unlink()
    numbers.until(lambda now: now.a == 0, LOOK)
    assert child_of(work) == 0
"""
    )


def test_fork_of_a_stopped_config() -> None:
    """What was loaded is readable in the child, nothing runs there, and it can be started."""
    run(
        HOUSE
        + """
config.load()

def work():
    assert numbers.current.a == 1 and not config.status().running
    assert threading.active_count() == 1
    save(2)
    with config:
        assert numbers.current.a == 2

assert child_of(work) == 0
assert numbers.current.a == 1
"""
    )


@pytest.mark.parametrize(
    "busy",
    ["config.bind(Slow)", "numbers.on_change(lambda now: hold(now.a))(told)"],
    ids=["bind", "on_change"],
)
def test_fork_while_another_thread_is_at_a_stopped_config(busy: str) -> None:
    """In the child nobody waits for what that thread holds, which is not there."""
    run(
        HOUSE
        + f"""
from typing import Annotated
from pydantic import AfterValidator

begun, release = threading.Event(), threading.Event()

def hold(value):
    begun.set()
    if os.getpid() == PARENT:
        release.wait(LOOK)
    return value

class Slow(Settings):
    a: Annotated[int, AfterValidator(hold)] = 0

class More(Settings):
    a: int = 0

def work():
    assert config.bind(More).current.a == 1
    with numbers.override(a=5):
        assert numbers.current.a == 5
    seen = Told()
    numbers.on_change("a")(seen)
    with config:
        save(2)
        assert seen.wait()[0].new == 2

config.load()
thread = threading.Thread(target=lambda: {busy})
thread.start()
assert begun.wait(LOOK)
try:
    assert child_of(work) == 0
finally:
    release.set()
thread.join()
"""
    )


def test_fork_while_changes_rush_by() -> None:
    """Whatever the core was doing at that moment, the child serves whole versions and follows changes."""
    run(
        HOUSE
        + """
memory = Memory({"a": 0})
config = Config(memory)
numbers = config.bind(Numbers)
over = threading.Event()

def write():
    number = 0
    while not over.is_set():
        number += 1
        memory.set({"a": number})

def work():
    assert numbers.current.a == config.view()[numbers].a == config.get("a")
    memory.set({"a": -1})
    numbers.until(lambda now: now.a == -1, LOOK)
    config.stop()

with config:
    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(20):
            assert child_of(work) == 0
    finally:
        over.set()
        writing.join()
"""
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str) -> None:
    """Pools and processes of either kind have settings: carried over by a fork, made anew by a spawn."""
    out = run(
        f"""
import subprocess, tempfile
from pathlib import Path
folder = Path(tempfile.mkdtemp())
(folder / "program.py").write_text('''
import multiprocessing, os, sys
from pathlib import Path
from dynconf import Config, File, Settings

class Numbers(Settings):
    a: int = 0

file = Path(__file__).with_name("app.yaml")
config = Config(File(file))
numbers = config.bind(Numbers)

def work(number):
    if not config.status().running:
        config.start()
    first = numbers.current.a
    assert numbers.until(lambda now: now.a == 2, 30).a == 2
    return first

if __name__ == "__main__":
    file.write_text("a: 1")
    with config:
        with multiprocessing.get_context("{method}").Pool(2) as pool:
            answers = pool.map_async(work, range(2))
            file.with_name("spare").write_text("a: 2")
            os.replace(file.with_name("spare"), file)
            assert set(answers.get(30)) <= {{1, 2}}
        numbers.until(lambda now: now.a == 2, 30)
    print("done")
''')
environment = dict(os.environ, PYTHONPATH=os.getcwd())
subprocess.run([sys.executable, folder / "program.py"], env=environment, check=True)
"""
    )
    assert out == "done\n"


TOLD_AGAIN = """
memory = Memory({"a": 1})
config = Config(memory, callback_threads=1)
numbers = config.bind(Numbers)
parent, begun, queued, release = os.getpid(), threading.Event(), threading.Event(), threading.Event()

def hang(change):
    begun.set()
    if os.getpid() == parent:
        release.wait(LOOK)

def slow(change):
    hang(change)
    tell(change)

async def mark(change):
    queued.set()

async def slow_async(change):
    begun.set()
    while os.getpid() == parent and not release.is_set():
        await asyncio.sleep(0.01)
    tell(change)

def tell(change):
    told((change.old.a, change.new.a, change.initial))

def publish(number):
    memory.set({"a": number})
    numbers.until(lambda now: now.a == number, LOOK)
"""


@pytest.mark.parametrize(
    ("callbacks", "ready"),
    [("hang, tell, mark", "queued"), ("slow", "begun"), ("slow_async", "begun")],
    ids=["queued", "under way", "suspended"],
)
def test_fork_before_a_callback_is_done(callbacks: str, ready: str) -> None:
    """What a callback was about to be told, or in the middle of, is told in the child, then what follows."""
    run(
        HOUSE
        + TOLD_AGAIN
        + f"""
def work():
    assert told.wait() == [(1, 2, False)]
    publish(3)
    assert told.wait(2) == [(1, 2, False), (2, 3, False)]
    config.stop()

for callback in [{callbacks}]:
    numbers.on_change()(callback)
with config:
    publish(2)
    assert {ready}.wait(LOOK)
    try:
        assert child_of(work) == 0
    finally:
        release.set()
    assert told.wait() == [(1, 2, False)]
"""
    )


def test_fork_while_a_callback_is_behind() -> None:
    """The child is told what holds at once, from what its subscriber had finished seeing."""
    run(
        HOUSE
        + TOLD_AGAIN
        + """
def work():
    assert told.wait() == [(1, 3, False)]
    config.stop()

numbers.on_change()(slow)
with config:
    publish(2)
    assert begun.wait(LOOK)
    publish(3)
    try:
        assert child_of(work) == 0
    finally:
        release.set()
    assert told.wait(2) == [(1, 2, False), (2, 3, False)]
"""
    )


def test_fork_before_the_initial_call_is_done() -> None:
    """Who asked to be told what holds is told that in the child, though it is another value by then."""
    run(
        HOUSE
        + TOLD_AGAIN
        + """
def work():
    assert told.wait() == [(2, 2, True)]
    config.stop()

numbers.on_change(immediate=True)(slow)
with config:
    assert begun.wait(LOOK)
    publish(2)
    try:
        assert child_of(work) == 0
    finally:
        release.set()
    assert told.wait(2) == [(1, 1, True), (1, 2, False)]
"""
    )


def test_fork_while_a_change_is_being_published() -> None:
    """Whom the parent had not come to yet is told in the child."""
    run(
        HOUSE
        + TOLD_AGAIN
        + """
def select(now):
    if now.a == 2:
        hang(now)
    return now.a

def work():
    assert told.wait() == [(1, 2, False)]
    config.stop()

numbers.on_change(select=select)(print)
numbers.on_change()(tell)
with config:
    memory.set({"a": 2})
    assert begun.wait(LOOK)
    try:
        assert child_of(work) == 0
    finally:
        release.set()
    assert told.wait() == [(1, 2, False)]
"""
    )


@pytest.mark.parametrize("kind", ["", "async "], ids=["sync", "async"])
def test_fork_by_a_callback(kind: str) -> None:
    """A callback that forks goes on in the child, so it is not told again; or it would fork for ever."""
    run(
        HOUSE
        + TOLD_AGAIN
        + f"""
def work():
    asyncio._set_running_loop(None)
    publish(3)
    assert told.wait() == [(2, 3, False)]
    config.stop()

@numbers.on_change
{kind}def start_worker(change):
    tell(change)
    if change.new.a == 2 and os.getpid() == parent:
        told.items.clear()
        told((child_of(work),))

with config:
    publish(2)
    assert told.until(lambda items: items and len(items[0]) == 1) == [(0,)]
"""
    )


def test_fork_while_an_error_is_being_told() -> None:
    """It is told again in the child, before those that the child meets itself."""
    run(
        HOUSE
        + TOLD_AGAIN
        + """
def work():
    one, other = told.wait(2)
    assert str(one) == str(other)
    config.stop()

@config.on_error
def slow_on_error(error):
    hang(error)
    told(error)

with config:
    memory.set({"a": "x"})
    assert begun.wait(LOOK)
    try:
        assert child_of(work) == 0
    finally:
        release.set()
    assert len(told.wait()) == 1
"""
    )


def test_fork_writes_no_older_cache() -> None:
    """A child that changes nothing remote leaves the cache as another process has written it since."""
    run(
        HOUSE
        + """
from dynconf import Source, Update

class Remote(Source):
    remote, name, content = True, "remote", b"a: 1"
    async def run(self, feed):
        feed.update(Update("one", str(self.content), self.content, "yaml"))
        feed.loaded()
        await asyncio.Event().wait()

class More(Settings):
    b: int = 0

cache = folder / "cache"

def made(memory):
    config = Config(Remote(), memory, cache=cache)
    return config, config.bind(Numbers), config.bind(More)

memory = Memory({"b": 1})
config, numbers, more = made(memory)

def work():
    memory.set({"b": 2})
    more.until(lambda now: now.b == 2, LOOK)
    config.stop()

with config:
    begun = time.monotonic()
    while not (cache.is_dir() and list(cache.iterdir())):
        assert time.monotonic() < begun + LOOK
    Remote.content = b"a: 2"
    made(Memory({}))[0].load()
    [file] = cache.iterdir()
    newer = file.read_bytes()
    assert b"a: 2" in newer
    Remote.content = b"a: 1"
    assert child_of(work) == 0
    assert file.read_bytes() == newer
"""
    )


@pytest.mark.parametrize("kind", ["", "async "], ids=["sync", "async"])
def test_fork_by_what_a_change_waits_for(kind: str) -> None:
    """Its child keeps what is published, and asks nobody the same again, or it would fork without end."""
    run(
        f"""
from dynconf import Config, Memory, Settings

class Numbers(Settings):
    a: int = 0

memory = Memory({{"a": 1}})
config = Config(memory)
numbers = config.bind(Numbers)
asked, children = [], []

def work():
    assert not config.status().running
    assert numbers.current.a == 1 and config.get("a") == 1
    assert [thread.name for thread in threading.enumerate()] == [threading.current_thread().name]

@config.before_change
{kind}def check(change):
    asked.append(change)
    if not change.initial:
        children.append(child_of(work))

async def main():
    async with config:
        memory.set({{"a": 2}})
        await numbers.auntil(lambda now: now.a == 2, LOOK)

if "{kind}":
    asyncio.run(main())
else:
    with config:
        memory.set({{"a": 2}})
        numbers.until(lambda now: now.a == 2, LOOK)
assert [change.initial for change in asked] == [True, False], asked
assert children == [0], children
"""
    )


@pytest.mark.parametrize(("context", "follows"), [("", False), (", context=contextvars.Context()", True)])
def test_fork_by_a_task_that_a_veto_has_started(context: str, follows: bool) -> None:
    """Such a task is part of the answer, also when that was given, unless it was started apart from it."""
    run(
        f"""
import contextvars
from dynconf import Config, Memory, Settings

class Numbers(Settings):
    a: int = 0

memory = Memory({{"a": 1}})
config = Config(memory)
numbers = config.bind(Numbers)
tasks, go_on = [], asyncio.Event()

def work():
    assert numbers.current.a == 2
    assert config.status().running is {follows}

async def work_later():
    await go_on.wait()
    return child_of(work)

@config.before_change
async def check(change):
    if not tasks:
        tasks.append(asyncio.create_task(work_later(){context}))

async def main():
    async with config:
        memory.set({{"a": 2}})
        await numbers.auntil(lambda now: now.a == 2, LOOK)
        go_on.set()
        assert await tasks[0] == 0

asyncio.run(main())
"""
    )


def test_a_child_that_becomes_another_program_at_once() -> None:
    """Nothing is opened in it by then: what follows the sources waits for a while."""
    run(
        HOUSE
        + """
def opened():
    return len(os.listdir("/proc/self/fd"))

def child_opens_nothing():
    before = opened()
    return child_of(lambda: os._exit(opened() != before)) == 0

with config:
    # A child of a busy machine may look too late, and the watch may just begin; not each time.
    assert any(child_opens_nothing() for _ in range(20))
"""
    )
