"""Trying again what could not be built although its settings hold: at growing, random intervals."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

from dynconf._host.host import Host
from dynconf._values.clock import Clock

__all__ = ["Retry"]

_FIRST, _LONGEST = 1.0, 30.0  # seconds until another try; they double from the first to the last


class Retry:
    """A task that tries until nothing is amiss; all of it on the core's loop.

    Args:
        name: the task's.
        host: where it runs; asked for each time.
        clock: times the intervals.
        amiss: whether there is something to try for.
        attempt: tries once.

    Attributes:
        outdated: whether to try once more without waiting, amiss or not.
        begun: the loop's time at which the newest try was begun.
    """

    def __init__(
        self,
        name: str,
        host: Callable[[], Host],
        clock: Clock,
        amiss: Callable[[], object],
        attempt: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.outdated: bool = False
        self.begun: float = -inf
        self._name = name
        self._host = host
        self._clock = clock
        self._amiss = amiss
        self._attempt = attempt
        self._task: asyncio.Task[None] | None = None
        self._pausing = self._held = False
        self._now: asyncio.Future[None] | None = None
        self._next: asyncio.Future[None] | None = None

    def go_on(self) -> None:
        """Try, unless there is nothing to try for, it is being tried already, or that is held."""
        if self._held:
            return
        if self.outdated and self._pausing:
            waited_for, self._next = self._next, None
            self.break_off()
            self._next = waited_for  # by whoever wants the next try, which comes now
        if (self.outdated or self._amiss()) and (self._task is None or self._task.done()):
            self._task = self._host().spawn(self._run(), self._name)

    async def ended(self) -> None:
        """Wait for the end of the try that comes next, if one is outdated, else of the one under way, if any.

        Or until all are broken off.
        """
        if self.outdated and self._next is None and not self._held:
            self._next = asyncio.get_running_loop().create_future()
        waited_for = self._next if self.outdated else self._now
        if waited_for is not None and not waited_for.done():  # one that is done may be a former loop's
            await asyncio.wait([waited_for])

    def break_off(self, *, hold: bool = False) -> asyncio.Task[None] | None:
        """Try no more for now, and with `hold` not until the next time; gives what is still to end."""
        self._held = hold
        _tell(self._next)
        self._next = None
        task, self._task, self._pausing = self._task, None, False
        if task is not None:
            task.cancel()
        return task

    def forget(self) -> object:
        """Have nothing any more, as what it was on is not there; gives what that was."""
        held = self._task, self._now, self._next
        self._task = self._now = self._next = None
        self._pausing = self._held = self.outdated = False
        return held

    async def _run(self) -> None:
        delay = _FIRST
        while self.outdated or self._amiss():
            if not self.outdated:
                self._pausing = True
                await self._clock.sleep(delay * (1 + random.random()) / 2)  # noqa: S311
                self._pausing = False
                delay = min(_LONGEST, 2 * delay)
            loop = asyncio.get_running_loop()
            self.outdated, self.begun = False, loop.time()
            now = self._now = self._next or loop.create_future()
            self._next = None
            try:
                await self._attempt()
            finally:
                _tell(now)


def _tell(waited_for: asyncio.Future[None] | None) -> None:
    if waited_for is not None and not waited_for.done():
        waited_for.set_result(None)
