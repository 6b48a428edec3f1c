"""Another try to build what was refused, beside all else: one that hangs holds up nobody's change."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from dynconf._host.host import Host
from dynconf._host.process import park
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Wanted

__all__ = ["Aside", "StillTrying"]

R = TypeVar("R")

_MOMENT: Final = 0.25
"""Seconds that a try is waited for; one that needs more goes on beside what comes meanwhile."""
_KEPT: Final = 10.0
"""Seconds that what came late is kept for whoever is to ask for it again."""


class StillTrying(Exception):
    """A try needs more than a moment; it goes on."""


class Aside(Generic[R]):
    """One try at a time, and what came of it. All of this runs on the core's loop.

    Args:
        name: the resource's.
        host: where it runs; asked for each time.
        drain: takes what nobody wants any more.
        came: called when one has come that nobody waited for any longer.
    """

    def __init__(
        self, name: str, host: Callable[[], Host], drain: Drain[R], came: Callable[[], object]
    ) -> None:
        self._name = name
        self._host = host
        self._drain = drain
        self._came = came
        self._wanted: Wanted | None = None
        self._task: asyncio.Task[Instance[R] | Exception] | None = None
        self._end: asyncio.TimerHandle | None = None

    async def build(
        self, wanted: Wanted, make: Callable[[Wanted], Coroutine[Any, Any, Instance[R]]]
    ) -> Instance[R]:
        """Build one, or give the one that has come since it was last asked for.

        Raises:
            StillTrying: it takes longer than a moment.
            Exception: whatever `make` raises.
        """
        if self._task is None or not wanted.same(self._wanted):
            self.drop()
            self._wanted = wanted
            self._task = self._host().spawn(_outcome(make(wanted)), f"another try of {self._name}")
            self._task.add_done_callback(self._done)
        task = self._task
        await asyncio.wait([task], timeout=_MOMENT)
        if not task.done():
            raise StillTrying
        self._forget()
        outcome = task.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def drop(self) -> "asyncio.Task[Instance[R] | Exception] | None":
        """Break off a try, and let go of what came of it; gives what is still to end."""
        task = self._task
        self._forget()
        if task is None or task.cancelled():
            return None
        if not task.done():
            task.cancel()
            return task
        outcome = task.result()
        if not isinstance(outcome, Exception):
            self._drain.add(outcome)
        return None

    def forked(self) -> None:
        """In a forked child: have nothing of the parent's any more."""
        park(self._task, self._wanted, self._end)
        self._task = self._wanted = self._end = None

    def _done(self, task: "asyncio.Task[Instance[R] | Exception]") -> None:
        if task is not self._task:
            return
        if task.cancelled() or isinstance(task.result(), Exception):
            self._forget()  # the next one who asks has it tried anew
            return
        self._end = task.get_loop().call_later(_KEPT, self.drop)
        self._came()

    def _forget(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._task = self._wanted = self._end = None


async def _outcome(making: Coroutine[Any, Any, Instance[R]]) -> Instance[R] | Exception:
    try:
        return await making
    except Exception as error:  # noqa: BLE001 - it is the user's code, and raised again where it is asked for
        return error
