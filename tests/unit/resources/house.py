"""What the tests of resources and changes share."""

import threading
from typing import Any

from dynconf import Clock, Config, Memory
from tests.unit.core_props import LOOK, Told
from tests.unit.resources.clients import App, Client

OPTIONS: dict[str, Any] = {"check": Client.ping, "close": Client.close, "grace": 0.0}


def has_number(number: int, app: App) -> bool:
    """Whether the settings have it."""
    return app.n == number


class Down:
    """Makes clients; of the host two the first try fails, and a later one takes until it is told to go on.

    Args:
        fails: whether the first one does.
    """

    def __init__(self, *, fails: bool = True) -> None:
        self.tries = 0
        self.fails = fails
        self.trying, self.go_on = threading.Event(), threading.Event()

    def create(self, host: str, *used: Client) -> Client:
        """Make one."""
        if host == "two":
            self.tries += 1
            if self.tries == 1 and self.fails:
                raise ConnectionError("it is down")
            if self.tries > 1:
                self.trying.set()
                self.go_on.wait(LOOK)
        return Client(host, *used)


class House:
    """A Config over two documents, with a client of the host."""

    def __init__(self, *, clock: Clock | None = None, **options: Any) -> None:
        self.hosts, self.numbers = Memory({"host": "one"}, name="hosts"), Memory({"n": 1}, name="numbers")
        self.config = Config(self.hosts, self.numbers, clock=clock)
        self.app = self.config.bind(App)
        self.errors = Told()
        self.config.on_error(self.errors)
        self.client = self.app.resource("host", **{"create": Client, **OPTIONS, **options})

    def goes_to(self, host: str) -> None:
        """Have the host be another, and wait until that is published."""
        self.hosts.set({"host": host})
        self.app.until(lambda now: now.host == host, LOOK)
