"""The instance of a resource that serves: who is given it, and how another one takes its place."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar

from dynconf.errors import ResourceUnavailable
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance

__all__ = ["Serving", "State"]

R = TypeVar("R")
State = Literal["ready", "degraded", "unavailable", "declared"]

_NOT_STARTED: Final = "it is built when the Config starts"

_logger = logging.getLogger("dynconf.resources")


class Serving(Generic[R]):
    """Asked from any thread, altered on the core's loop.

    Args:
        name: the resource's, for errors and logs.
        drain: where the former ones go.
        grace: seconds for which a former one lives on.
        here: whether the calling code runs on the core's loop.
        patience: seconds that a forked child waits for its own.

    Attributes:
        instance: the one that holds now.
        error: why the newest settings have none, as text; empty if they have.
        swaps: how often another one took the place of one.
    """

    def __init__(
        self, name: str, drain: Drain[R], grace: float, here: Callable[[], bool], patience: float
    ) -> None:
        self.instance: Instance[R] | None = None
        self.error: str = ""
        self.swaps: int = 0
        self._name = name
        self._drain = drain
        self._grace = grace
        self._here = here
        self._patience = patience
        self._built = threading.Event()
        self._rebuilding = False

    @property
    def state(self) -> State:
        """See `Resource.state`."""
        if self.instance is not None:
            return "degraded" if self.error else "ready"
        return "unavailable" if self.error else "declared"

    @property
    def leases(self) -> int:
        """How many use it at present, former ones included."""
        instance = self.instance
        return self._drain.leases + (instance.leases if instance is not None else 0)

    @property
    def draining(self) -> int:
        """How many former ones are still open."""
        return len(self._drain)

    def given(self) -> Instance[R]:
        """The instance, also if it is only being built anew in a forked child.

        Raises:
            ResourceUnavailable: there is none.
        """
        instance = self.instance
        if instance is None and self._rebuilding and not self._here():
            self._built.wait(self._patience)
            instance = self.instance
        if instance is None:
            raise ResourceUnavailable(f"the resource {self._name} is not there: {self.error or _NOT_STARTED}")
        return instance

    def taken(self) -> Instance[R]:
        """The same with one lease more."""
        while True:
            instance = self.instance or self.given()
            if instance.take():
                return instance

    def put(self, instance: Instance[R]) -> bool:
        """Have this one serve; gives whether it is another than before."""
        former = self.instance
        if instance is former:
            return False
        self.instance = instance
        self._wait_no_longer()
        if former is not None:
            self.swaps += 1
            _logger.info("%s: swapped", self._name)
            self._drain.add(former, self._grace)
        elif self.error:
            _logger.info("%s: is there again", self._name)
        return True

    def fail(self, error: str) -> None:
        """Say why the newest settings have none; whoever waits for one is told."""
        self.error = error
        self._wait_no_longer()

    def drop(self) -> None:
        """Let it go as a former one."""
        instance, self.instance = self.instance, None
        if instance is not None:
            self._drain.add(instance, self._grace)

    def end(self) -> Instance[R] | None:
        """Give it back to be closed; whoever waits for one is told that there is none."""
        instance, self.instance = self.instance, None
        self._wait_no_longer()
        return instance

    def forget(self, *, rebuilding: bool) -> Instance[R] | None:
        """Have none, as what it was on is not there; gives it. With `rebuilding` there will be another."""
        instance, self.instance = self.instance, None
        self._built, self._rebuilding = threading.Event(), rebuilding
        return instance

    def _wait_no_longer(self) -> None:
        self._rebuilding = False
        self._built.set()
