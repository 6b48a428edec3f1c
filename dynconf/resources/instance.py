"""One thing that was built, who is using it, and when it may be closed."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from dynconf.resources.recipe import Close

__all__ = ["Instance"]

R = TypeVar("R")


class Instance(Generic[R]):
    """What was built of one value; leases are taken from any thread.

    Args:
        value: what the recipe gave.
        settings: what it was built of.
        uses: the instances of other resources that it was built with; it has a lease of each, which
            no time limit ends.
        close: closes it.
    """

    __slots__ = ("_holds", "_leases", "_on_idle", "_turn", "close", "closed", "settings", "uses", "value")

    def __init__(self, value: R, settings: Any, uses: Sequence["Instance[Any]"], close: Close) -> None:
        self.value: R = value
        self.settings: Any = settings
        self.uses: tuple[Instance[Any], ...] = tuple(uses)
        self.close: Close = close
        self.closed: bool = False
        self._leases = self._holds = 0
        self._on_idle: Callable[[], object] | None = None
        self._turn = threading.Lock()

    def release(self) -> None:
        """Use no others any more: it is closed."""
        uses, self.uses = self.uses, ()
        for other in uses:
            other.give(by_another=True)

    @property
    def leases(self) -> int:
        """How many use it at present."""
        return self._leases

    @property
    def is_held(self) -> bool:
        """Whether another instance was, or is being, built with it."""
        return self._holds > 0

    def take(self, *, by_another: bool = False) -> bool:
        """Use it; false if it is too late for that.

        Args:
            by_another: an instance that is built with it, and is closed before it.
        """
        with self._turn:
            if self.closed:
                return False
            self._leases += 1
            self._holds += by_another
            return True

    def give(self, *, by_another: bool = False) -> None:
        """Use it no more."""
        with self._turn:
            self._leases -= 1
            self._holds -= by_another
            on_idle = self._on_idle if by_another or not self._leases else None
        if on_idle is not None:
            on_idle()

    def when_idle(self, call: Callable[[], object]) -> None:
        """Have something called when the last lease ends, and whenever one of another instance does."""
        with self._turn:
            self._on_idle = call

    def seal(self, *, force: bool = False) -> bool:
        """Let nobody take it any more; only with `force` if somebody has it. Gives whether that is so now."""
        with self._turn:
            self.closed = self.closed or force or not self._leases
            return self.closed

    def forked(self) -> None:
        """In a forked child: whoever forked may still give it back, though another thread held the lock."""
        self._turn = threading.Lock()
        self._on_idle = None
