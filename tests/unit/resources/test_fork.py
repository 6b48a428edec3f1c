"""Resources in a forked child: built anew there, and nothing of the parent's is closed."""

from tests.unit.host_props import run

HOUSE = """
from dynconf import Config, Memory, Settings
from dynconf.errors import ResourceUnavailable
logging.getLogger("dynconf").addHandler(logging.NullHandler())

class App(Settings):
    host: str = "one"
    n: int = 0

class Client:
    def __init__(self, host):
        if host in down:
            raise ConnectionError("it is down")
        self.host, self.pid, self.open = host, os.getpid(), True
    def close(self):
        assert self.pid == os.getpid()
        self.open = False

def until(look):
    deadline = time.monotonic() + LOOK
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)

down = set()
document = Memory({"host": "one"})
config = Config(document)
app = config.bind(App)
client = app.resource("host", create=Client, close=Client.close, grace=0.0, timeout=600.0)
"""


def test_built_anew() -> None:
    """The child waits for one of its own, follows changes with it, and leaves the parent's open."""
    run(f"""{HOUSE}
def work():
    with client.lease() as mine:
        assert mine.pid == os.getpid() and mine.host == "one"
    document.set({{"host": "two"}})
    app.until(lambda now: now.host == "two", LOOK)
    assert client.current.host == "two"
    config.stop()
    assert inherited.open

with config:
    inherited = client.current
    assert child_of(work) == 0
    assert client.current is inherited and inherited.open
assert not inherited.open
""")


def test_after_its_loop_ended() -> None:
    """Where that was no stop, a child may start, close or stop it, and does not finalize the parent's."""
    run(f"""{HOUSE}
import asyncio, gc

def generate(host):
    one = Client(host)
    kept.append(one)
    try:
        yield one
    finally:
        one.close()

def work():
    config.start()
    gc.collect()
    assert kept[0].open and generated.current is kept[1]
    config.stop()
    assert [one.open for one in kept] == [True, False]

def close():
    generated.close()
    gc.collect()
    assert kept[0].open

def stop():
    config.stop()
    gc.collect()
    assert kept[0].open

kept = []
generated = app.resource("host", create=generate)
asyncio.run(config.astart())
assert [child_of(what) for what in (work, close, stop)] == [0, 0, 0]
config.stop()
gc.collect()
assert not kept[0].open
""")


def test_in_the_middle_of_a_lease() -> None:
    """A child may give back what it had, though its lock was held; the parent's goes on being leased."""
    run(f"""{HOUSE}
user = app.resource("host", create=lambda host, other: other, uses=(client,), grace=0.0)

def hold(lock):
    with lock:
        begun.set()
        over.wait(LOOK)

def work():
    lease.__exit__(None, None, None)
    with client.lease() as mine, user.lease() as other:
        assert mine.pid == os.getpid() and other is mine
    assert client.leases == 1  # that of the other resource

with config:
    lease = client.lease()
    pinned = lease.__enter__()
    begun, over = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(client._serving.instance._turn,))
    holder.start()
    begun.wait(LOOK)
    assert child_of(work) == 0
    over.set()
    holder.join()
    document.set({{"host": "two"}})
    app.until(lambda now: now.host == "two", LOOK)
    until(lambda: not user.draining)
    assert pinned.open and client.draining == 1
    lease.__exit__(None, None, None)
    until(lambda: not client.draining)
    assert not pinned.open
""")


def test_a_change_that_is_refused_there_too() -> None:
    """What the parent refuses is refused in the child: what holds is built, and serves on."""
    run(f"""{HOUSE}
def work():
    told = threading.Event()
    config.on_error(lambda error: told.set())
    document.set({{"host": "two", "n": 1}})
    assert client.current.pid == os.getpid()
    assert told.wait(LOOK)
    assert app.current.host == client.current.host == "one"
    assert client.state == "ready"
    down.clear()
    document.set({{"host": "two", "n": 2}})
    app.until(lambda now: now.n == 2, LOOK)
    assert client.current.host == "two"

with config:
    down.add("two")
    told = threading.Event()
    config.on_error(lambda error: told.set())
    document.set({{"host": "two"}})
    assert told.wait(LOOK)
    assert child_of(work) == 0
""")


def test_refused_while_its_own_is_not_to_be_had() -> None:
    """Only what holds is forgiven in the child: another value that cannot be built is refused."""
    run(f"""{HOUSE}
def work():
    told = threading.Event()
    config.on_error(lambda error: told.set())
    with contextlib.suppress(ResourceUnavailable):
        client.current
    document.set({{"host": "two"}})
    assert told.wait(LOOK)
    assert app.current.host == "one"
    assert user.state == client.state == "unavailable"
    others.set({{"n": 1}})
    app.until(lambda now: now.n == 1, LOOK)
    down.clear()
    until(lambda: user.state == client.state == "ready")

others = Memory({{"n": 0}}, name="others")
config.add(others)
user = app.resource("n", create=lambda n, other: other, uses=(client,), on_failure="keep", grace=0.0)
with config:
    down.update(("one", "two"))
    assert child_of(work) == 0
""")


def test_not_to_be_had_in_the_child() -> None:
    """A child whose resource cannot be built says why as soon as that is known, and is healed later."""
    run(f"""{HOUSE}
def work():
    try:
        client.current
    except ResourceUnavailable as error:
        assert "it is down" in str(error), error
    else:
        raise AssertionError
    assert app.current.host == "one"
    document.set({{"host": "one", "n": 1}})
    app.until(lambda now: now.n == 1, LOOK)
    down.clear()
    until(lambda: client.state == "ready")
    assert client.current.pid == os.getpid()

with config:
    down.add("one")
    assert child_of(work) == 0
    assert client.current.pid == os.getpid()
""")


def test_forked_by_what_it_is_built_with() -> None:
    """Such a child builds nothing, which would fork again, and says so to whoever asks."""
    run("""
from dynconf import Config, Memory, Settings
from dynconf.errors import ResourceUnavailable

class App(Settings):
    host: str = "one"

document = Memory({"host": "one"})
config = Config(document)
app = config.bind(App)
made, children = [], []

def work():
    assert not config.status().running
    assert app.current.host == made[0]
    with contextlib.suppress(ResourceUnavailable), client.lease():
        raise AssertionError

def create(host):
    made.append(host)
    return host

def check(host):
    if host != "one":
        children.append(child_of(work))

client = app.resource("host", create=create, check=check)
with config:
    document.set({"host": "two"})
    app.until(lambda now: now.host == "two", LOOK)
    assert client.current == "two"
assert made == ["one", "two"] and children == [0], (made, children)
""")
