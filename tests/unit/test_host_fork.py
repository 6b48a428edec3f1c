"""Forks of every kind, each in a program of its own."""

import pytest

from tests.unit.host_props import run


def test_fork_kills_the_host_and_starts_the_owner_anew() -> None:
    """In the child the old host refuses work and the owner's new one does it; the parent goes on."""
    run("""
owner = Owner()
first = owner.host
line = Line(first)
assert line.works()

def work():
    assert not first.alive and not first.here() and not first.post(bool)
    try:
        first.call(answer, instead="x()")
    except UsageError:
        pass
    else:
        raise AssertionError("the dead host answered")
    first.stop(); first.abort()
    assert owner.host is not first
    assert owner.ask() == os.getpid() != PARENT
    owner.host.stop()
    assert threading.active_count() == 1

for _ in range(3):
    assert child_of(work) == 0
    assert line.works() and owner.ask() == PARENT
line.far.close()
owner.host.stop()
""")


@pytest.mark.parametrize("stop", ["owner.host.stop()", "pass"])
def test_a_child_that_exits_normally_is_silent_and_harmless(stop: str) -> None:
    """The child's own exit runs no clean-up of inherited tasks and takes nothing from the parent's loop."""
    out = run(f"""
owner = Owner()
line = Line(owner.host)
assert line.works()
owner.host.call(lambda: asyncio.sleep(0, owner.host.spawn(forever(), "forever")), instead="x()")
pid = os.fork()
if not pid:
    gc.collect()
    assert owner.ask() != PARENT
    {stop}
    gc.collect()
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert line.works() and owner.ask() == PARENT
line.far.close()
owner.host.stop()
""")
    assert out == "cleaned up in the parent\n"


def test_fork_inside_the_callers_running_loop() -> None:
    """A host in the caller's loop becomes one on a thread in the child, and the parent's loop goes on."""
    out = run("""
class InLoop(Owner):
    def __init__(self):
        self.host = Host.in_loop("first", on_fork=self.forked)

async def main():
    owner = InLoop()
    first = owner.host
    line = Line(first)
    first.spawn(forever(), "forever")
    assert await asyncio.to_thread(line.works)
    def work():
        assert owner.host is not first and owner.host.threaded
        assert not first.here() and not owner.host.here()
        assert owner.ask() == os.getpid() != PARENT
        owner.host.stop()
    assert child_of(work) == 0
    assert first.here()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=work)
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode == 0
    process.close()
    assert await asyncio.to_thread(line.works)
    line.far.close()
    await first.close()

asyncio.run(main())
""")
    assert out == "cleaned up in the parent\n"


def test_fork_while_the_callers_loop_stands_still() -> None:
    """What was suspended on the caller's loop is never finalized in the child, not even at its exit."""
    out = run("""
loop = asyncio.new_event_loop()

class InLoop(Owner):
    def __init__(self):
        self.host = Host.in_loop("first", on_fork=self.forked)

async def start():
    owner = InLoop()
    owner.host.spawn(forever(), "forever")
    await asyncio.sleep(0)
    return owner

owner = loop.run_until_complete(start())
first = owner.host
pid = os.fork()
if not pid:
    assert owner.ask() == os.getpid()
    del loop, first
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
loop.run_until_complete(first.close())
loop.close()
""")
    assert out == "cleaned up in the parent\n"


def test_a_child_may_run_a_loop_of_its_own_after_a_fork_inside_one() -> None:
    """Neither the parent's running loop nor its host gets in the way of asyncio.run in the child."""
    run("""
async def in_child():
    host = Host.in_loop("own")
    assert host.here()
    assert await host.acall(answer) == os.getpid()
    assert await host.run_callback("pid", os.getpid) == os.getpid()
    await host.close()

async def main():
    host = Host.in_loop("first")
    context = multiprocessing.get_context("fork")
    process = context.Process(target=lambda: asyncio.run(in_child()))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode == 0
    process.close()
    await host.close()

asyncio.run(main())
""")


def test_multiprocessing_with_a_host_on_a_thread() -> None:
    """Workers forked by multiprocessing each have a host, and the parent keeps its own."""
    run("""
owner = Owner()
line = Line(owner.host)
context = multiprocessing.get_context("fork")
def work(queue):
    queue.put((os.getpid(), owner.ask()))
answers = context.SimpleQueue()
processes = [context.Process(target=work, args=(answers,)) for _ in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join()
    assert process.exitcode == 0
    pid, answered = answers.get()
    assert pid == answered != PARENT
assert line.works()
line.far.close()
owner.host.stop()
""")


def test_fork_from_a_callback_thread() -> None:
    """A callback may fork: its child has a new host, and the callback goes on in the parent."""
    run("""
owner = Owner()
line = Line(owner.host)

def callback():
    return child_of(lambda: os._exit(0 if owner.ask() == os.getpid() else 1))

async def ask():
    return await owner.host.run_callback("forks", callback)

assert owner.host.call(ask, instead="x()") == 0
assert line.works() and owner.ask() == PARENT
line.far.close()
owner.host.stop()
""")


def test_fork_on_the_hosts_own_loop() -> None:
    """Code on the host's loop may fork: in the child it is on no loop, and may wait for the new host."""
    run("""
owner = Owner()
line = Line(owner.host)

async def fork():
    first = owner.host
    def work():
        assert not first.here() and owner.host is not first
        assert owner.ask() == os.getpid() != PARENT
    return child_of(work)

assert owner.host.call(fork, instead="x()") == 0
assert line.works() and owner.ask() == PARENT
line.far.close()
owner.host.stop()
""")


def test_a_child_that_returns_to_the_parents_loop_leaves_it() -> None:
    """A fork on the host's own thread that just returns ends its child instead of sharing the loop."""
    run("""
host = Host.in_thread("first")
line = Line(host)
assert line.works()

async def fork():
    return os.fork()

assert os.waitpid(host.call(fork, instead="x()"), 0)[1] == 0
assert line.works()
assert host.call(answer, instead="x()", timeout=LOOK) == PARENT
line.far.close()
host.stop()
""")


def test_preexec_child_opens_nothing() -> None:
    """A child that is about to become another program has no descriptor more than without a host."""
    run("""
def descriptors_in_child():
    read, write = os.pipe()
    with open(read) as result:
        subprocess.run(
            ["true"], check=True, pass_fds=(write,),
            preexec_fn=lambda: os.write(write, b"%d" % len(os.listdir("/proc/self/fd"))),
        )
        os.close(write)
        return int(result.read())

class Quiet(Owner):
    def forked(self):
        pass

counts = []
for kind in Quiet, Owner:
    owner = kind()
    line = Line(owner.host)
    assert line.works()
    counts.append(descriptors_in_child())
    assert line.works()
    line.far.close()
    owner.host.stop()
    gc.collect()
assert counts[0] == counts[1], counts
""")


def test_forks_while_others_post() -> None:
    """Whatever other threads are doing to the host at the time, the child isn't caught in it."""
    run("""
owner = Owner()
first = owner.host
over = threading.Event()
counted = []

async def callback():
    await first.run_callback("quick", bool)

def pester():
    while not over.is_set():
        first.post(counted.append, None)
        first.call(callback, instead="x()")

threads = [threading.Thread(target=pester) for _ in range(3)]
for thread in threads:
    thread.start()

def work():
    assert owner.ask() == os.getpid()
    async def callback():
        return await owner.host.run_callback("pid", os.getpid)
    assert owner.host.call(callback, instead="x()") == os.getpid()
    owner.host.stop()

for _ in range(15):
    assert child_of(work) == 0
over.set()
for thread in threads:
    thread.join()
assert counted and owner.ask() == PARENT
first.stop()
""")


def test_a_grandchild_has_its_own_host() -> None:
    """A fork in a child works the same, also while the child's host has no loop yet."""
    run("""
owner = Owner()

def grandchild():
    assert owner.ask() == os.getpid()

def child():
    assert child_of(grandchild) == 0
    assert owner.ask() == os.getpid()
    assert child_of(grandchild) == 0
    assert owner.ask() == os.getpid()

assert child_of(child) == 0
assert owner.ask() == PARENT
owner.host.stop()
""")


def test_owners_are_told_in_turn_and_once() -> None:
    """One owner's failure doesn't keep the next from starting; stopped and dropped ones aren't told."""
    run(
        """
logging.basicConfig(format="%(message)s")
logging.getLogger("dynconf.host").addFilter(lambda record: setattr(record, "args", ("…",)) or True)

class Broken(Owner):
    def forked(self):
        raise LookupError

class Loud(Owner):
    def forked(self):
        os.write(1, b"told")

broken, owner = Broken(), Owner()
stopped, dropped = Loud(), Loud()
stopped.host.stop()
left = dropped.host
del dropped
gc.collect()
assert child_of(lambda: os._exit(owner.ask() != os.getpid())) == 0
for host in broken.host, owner.host, left:
    host.stop()
""",
        stderr="could not start anew in the forked process: …\n",
    )


def test_a_fork_waits_until_the_loop_is_between_two_steps() -> None:
    """What a step holds, such as a lock of OpenSSL's, would be held for ever in the child."""
    run("""
owner, rounds, inside = Owner(), 0, False

def step():
    global inside, rounds
    inside = True
    time.sleep(0.01)
    inside, rounds = False, rounds + 1
    owner.host.post(step)

def work():
    assert not inside

first = owner.host
first.post(step)
for _ in range(20):
    assert child_of(work) == 0
before = rounds
while rounds == before:  # it goes on in the parent
    pass
first.stop()
""")


def test_a_fork_does_not_wait_for_a_loop_that_hangs() -> None:
    """The child is there while the loop still does what it did."""
    run("""
owner, go_on, begun = Owner(), threading.Event(), threading.Event()

def hang():
    begun.set()
    go_on.wait(LOOK)
    begun.clear()

first = owner.host
first.post(hang)
assert begun.wait(LOOK)
def work():
    assert begun.is_set()
assert child_of(work) == 0
assert begun.is_set()
go_on.set()
first.stop()
""")


def test_a_fork_waits_until_threads_that_end_are_gone() -> None:
    """A thread still frees what libraries keep for it when Python is through with it."""
    run("""
from dynconf._host import stillness

def tasks():
    return len(os.listdir("/proc/self/task"))

for _ in range(100):
    owner = Owner()
    owner.ask()
    owner.host.stop()
    stillness.before_fork([])
    assert tasks() == 1
    stillness.after_fork_in_parent()
""")
