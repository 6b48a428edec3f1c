"""Whoever may refuse a change before it is published, or must build for it, as the manager sees them."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dynconf._values.snapshot import View
from dynconf.errors import DynconfError


class PrepareRefused(DynconfError):
    """A preparer does not accept what is about to be published.

    Args:
        reason: why, without any value.
        selects: what it looked at, picked from a view; the documents that made it what it is
            are held back, the others still get through. By default everything is its concern.
        path: the dotted path that it concerns, for people.
    """

    def __init__(self, reason: str, selects: Callable[[View], Any] | None = None, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.selects = selects
        self.path = path


class NotReady(PrepareRefused):
    """A preparer needs longer than it was given. It goes on, and has it tried again when it is ready.

    Nothing is known against the change: why it was refused before is what people are told.
    """


class PrepareTimedOut(PrepareRefused):
    """A preparer was not ready in time: which document it waits for is unknown, and costly to find out.

    What is held for it waits for its back-off, whatever other documents say meanwhile.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason, selects=lambda _: None)


class Preparer(Protocol):
    """A veto or a resource. One change may be prepared several times before it is committed.

    Each `prepare` replaces the one before it, and may reuse what that built for an equal value;
    in the end exactly one of `commit` and `abandon` is called.
    """

    name: str
    timeout: float
    """Seconds that `prepare` may take."""

    async def prepare(self, old: View | None, new: View, until: float | None = None) -> None:
        """Get ready for `new`; all I/O belongs here.

        Args:
            old: what holds; none if `new` does, or if nothing does.
            new: what is about to be published.
            until: the loop's time in seconds until which it is waited for, if this is another try of
                what was refused, whose answer nobody waits for; else it has its `timeout`.

        Raises:
            NotReady: it needs longer than that.
            PrepareRefused: the change must not be published.
        """
        ...

    def commit(self) -> None:
        """Swap to what was prepared: `new` is being published. Must be quick and not fail."""
        ...

    def abandon(self) -> None:
        """Let go of what was prepared. Must be quick and not fail."""
        ...

    async def try_again(self, since: float, tries: Mapping["Preparer", asyncio.Future[None]]) -> None:
        """Try at once to have what is missing for what holds; back when that has ended, well or not.

        Args:
            since: a moment of the loop's; nothing is tried once more that was tried since then.
            tries: the same of those that were there before, for whoever is built with one of them.
        """
        ...

    async def stop(self, until: float) -> None:
        """Let go of everything, as all is stopped; nothing is waited for after that moment of the loop's."""
        ...

    def stranded(self) -> None:
        """Have nothing any more: the loop that it ran on ended before a stop, so none of it can be closed."""
        ...

    def forked(self, *, follows: bool) -> None:
        """In a forked child: have nothing of the parent's any more, and close none of it.

        Args:
            follows: whether `prepare` will be called there soon, for what holds.
        """
        ...
