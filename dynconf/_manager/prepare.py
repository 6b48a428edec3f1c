"""What stands between a valid plan and its commit: whoever may refuse it, or must build for it."""

import asyncio
from collections.abc import Callable, Sequence
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

    async def prepare(self, old: View | None, new: View) -> None:
        """Get ready for `new`; all I/O belongs here.

        Raises:
            PrepareRefused: the change must not be published.
        """
        ...

    def commit(self) -> None:
        """Swap to what was prepared: `new` is being published. Must be quick and not fail."""
        ...

    def abandon(self) -> None:
        """Let go of what was prepared. Must be quick and not fail."""
        ...


async def prepare_all(preparers: Sequence[Preparer], old: View | None, new: View) -> PrepareRefused | None:
    """Prepare side by side; the first refusal in order, if there is one."""
    outcomes = await asyncio.gather(*(_prepare(preparer, old, new) for preparer in preparers))
    return next((outcome for outcome in outcomes if outcome is not None), None)


async def _prepare(preparer: Preparer, old: View | None, new: View) -> PrepareRefused | None:
    limit = asyncio.timeout(preparer.timeout)
    task = asyncio.current_task()
    assert task is not None
    try:
        async with limit:
            await preparer.prepare(old, new)
    except PrepareRefused as refusal:
        return refusal
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            raise  # by us; else by something that it awaited
        if limit.expired():
            return PrepareTimedOut(f"{preparer.name} was not ready within {preparer.timeout:g} s")
        return PrepareRefused(f"{preparer.name} failed with {type(error).__name__}")
    return None
