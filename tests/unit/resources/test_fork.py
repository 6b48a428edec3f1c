"""Resources in a forked child: built anew there, and nothing of the parent's is closed."""

from tests.unit.host_props import run


def test_built_anew() -> None:
    """The child waits for one of its own, follows changes with it, and leaves the parent's open."""
    run("""
from dynconf import Config, Memory, Settings
logging.getLogger("dynconf").addHandler(logging.NullHandler())

class App(Settings):
    host: str = "one"

class Client:
    def __init__(self, host):
        self.host, self.pid, self.open = host, os.getpid(), True
    def close(self):
        assert self.pid == os.getpid()
        self.open = False

document = Memory({"host": "one"})
config = Config(document)
app = config.bind(App)
client = app.resource("host", create=Client, close=Client.close, grace=0.0)

def work():
    with client.lease() as mine:
        assert mine.pid == os.getpid() and mine.host == "one"
    document.set({"host": "two"})
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
