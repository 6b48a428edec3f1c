"""A clock that stands still until a test moves it."""

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass

from dynconf.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class _Sleeper:
    until: float
    loop: asyncio.AbstractEventLoop
    awake: asyncio.Future[None]

    def wake(self) -> None:
        with suppress(RuntimeError):  # its loop is closed: nobody sleeps there any more
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.awake.done():
            self.awake.set_result(None)


class ManualClock:
    """A clock for `Config(clock=...)`: time passes only when `advance` says so.

    Back-offs, retries, grace periods and polls then take no real time. It may be used by several
    event loops and threads at once.

    Args:
        now: what `time()` says at first, in seconds since the epoch.
    """

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self._begin = now
        self._passed = 0.0
        self._sleepers: set[_Sleeper] = set()
        self._changed = threading.Condition()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._begin + self._passed

    def monotonic(self) -> float:
        """Seconds that were advanced so far."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by that many seconds in all."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        with self._changed:
            sleeper = _Sleeper(self._passed + seconds, loop, loop.create_future())
            self._sleepers.add(sleeper)
            self._changed.notify_all()
        try:
            await sleeper.awake
        finally:
            with self._changed:
                self._sleepers.discard(sleeper)

    @property
    def sleepers(self) -> int:
        """How many are waiting for the time to pass."""
        return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass, and whoever's time has come go on; from any thread.

        Args:
            seconds: how many.

        Raises:
            UsageError: time cannot run backwards.
        """
        if seconds < 0:
            raise UsageError("time cannot run backwards")
        with self._changed:
            self._passed += seconds
            due = sorted((one for one in self._sleepers if one.until <= self._passed), key=_until)
            self._sleepers.difference_update(due)
        for sleeper in due:
            sleeper.wake()

    def wait_for_sleepers(self, count: int = 1, timeout: float = 10.0) -> None:
        """Block until so many are waiting for the time to pass; to be called before `advance`.

        Args:
            count: how many, at least.
            timeout: seconds, of real time.

        Raises:
            TimeoutError: there are not so many.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sleepers) >= count, timeout):
                raise TimeoutError(f"{len(self._sleepers)} of {count} sleep after {timeout:g} s")


def _until(sleeper: _Sleeper) -> float:
    return sleeper.until
