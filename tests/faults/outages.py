"""What can happen to a server itself, and what a program that follows it makes of that."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.followed import Followed
from tests.faults.network import PATIENCE, Outcome, outcome
from tests.faults.reading import Running, running

DOCUMENT = "app.yaml"


@dataclass
class _Life:
    """A server, the program that follows it, and what was seen of each outage so far."""

    followed: Followed
    it: Running
    published: int = 1

    def goes_on(self) -> float:
        """Publish; gives the seconds until that served, and the source was live."""
        began = time.monotonic()
        self.published += 1
        self.followed.publish(DOCUMENT, self.published)
        self.it.catches_up(self.published, self.patience)
        caught_up = time.monotonic() - began
        self.it.is_read(self.published)
        return caught_up

    @property
    def patience(self) -> float:
        return self.followed.silence + PATIENCE

    def frozen(self) -> tuple[float, float]:
        """It is suspended, as a virtual machine may be, and goes on."""
        began = time.time()
        self.followed.server.freeze()
        told = self.it.fails("no answer within", self.patience) - began
        self.it.reads_on()
        self.followed.server.thaw()
        return told, self.goes_on()

    def killed(self) -> tuple[float, float]:
        """It is killed, and comes back with its data."""
        began = time.time()
        self.followed.server.kill()
        told = self.it.fails("nobody listens there", self.patience) - began
        self.it.reads_on()
        self.followed.server.start()
        return told, self.goes_on()

    def emptied(self) -> tuple[float, float]:
        """It is killed, and comes back without its data."""
        began = time.time()
        self.followed.server.kill()
        told = self.it.fails("nobody listens there", self.patience) - began
        self.followed.server.wipe()
        self.it.becomes("missing", self.patience)
        self.it.reads_on()
        assert self.it.settings.current.n == self.published
        return told, self.goes_on()


OUTAGES: dict[str, Callable[[_Life], tuple[float, float]]] = {
    "frozen": _Life.frozen,
    "kill -9, restarted with data": _Life.killed,
    "kill -9, restarted empty": _Life.emptied,
}


def live_through(followed: Followed) -> dict[str, Outcome]:
    """Have a program follow a server, to which all of that happens in turn."""
    found = {}
    followed.publish(DOCUMENT, 1)
    with running(followed.source(followed.server.address, DOCUMENT), pause=0.01) as it:
        life = _Life(followed, it)
        for name, outage in OUTAGES.items():
            told, caught_up = outage(life)
            found[name] = outcome(it, told, caught_up)
    return found
