"""Runs a source's code: again when it fails, no longer when it is told to end."""

import asyncio
import random
from typing import Protocol

from dynconf._host.host import Host
from dynconf._values.clock import Clock

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before a failed source is run again: a random part of what doubles from the first to the last."""

ASKED_AGAIN = 5.0
"""Seconds after which a source that does not end is told to once more."""


class Work(Protocol):
    """What is run."""

    name: str
    watching: bool
    is_loaded: bool

    async def run_source(self) -> None:
        """Run it once."""
        ...

    def answered(self) -> bool:
        """Whether all that there is has come."""
        ...

    def broke_off(self, error: BaseException) -> None:
        """A run has failed, and is followed by another."""
        ...


class Supervisor:
    """The task in which one source runs; all of it on the host's loop.

    Args:
        work: what is run.
        host: where.
        clock: for the pauses.
    """

    def __init__(self, work: Work, host: Host, clock: Clock) -> None:
        self._work = work
        self._host = host
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def start(self) -> None:
        """Begin; nothing else of it may be running."""
        self._ending = False
        self._task = self._host.spawn(self._supervise(), f"source {self._work.name}")

    def end(self) -> None:
        """Have it end soon."""
        if self._task is not None and not self._ending:
            self._ending = True
            self._task.cancel()

    async def stop(self) -> None:
        """Have it end, and wait for that."""
        self.end()
        task = self._task
        while task is not None and not task.done():
            await asyncio.wait([task], timeout=ASKED_AGAIN)
            if not task.done():  # in Python 3.11 a TaskGroup that fails at that moment swallows it
                task.cancel()

    async def _supervise(self) -> None:
        attempt = 0
        # Where nothing is watched, a start waits for what it has yet to find.
        while await self._run_once() or not (self._work.watching or self._work.answered()):
            attempt = 0 if self._work.is_loaded else attempt + 1
            longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0**attempt)
            await self._clock.sleep(random.uniform(0, longest))  # noqa: S311 - it decides about nothing secret

    async def _run_once(self) -> bool:
        """Run it until it ends; whether it is to be run again."""
        task = asyncio.current_task()
        assert task is not None
        cancels = task.cancelling()
        try:
            await self._work.run_source()
        except (Exception, asyncio.CancelledError) as error:
            # Something that it awaited may have been cancelled, which is a failure as any other.
            cancelled = isinstance(error, asyncio.CancelledError)
            if cancelled and (self._ending or task.cancelling() > cancels):
                raise
            if not self._ending:  # else it does not matter any more how it ends
                self._work.broke_off(error)
                return True
        return False
