"""Another try to build what was refused, beside all else: one that hangs holds up nobody's change."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Generic, TypeVar

from dynconf._host.host import Host
from dynconf.resources.builder import Builder
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Wanted

__all__ = ["Aside", "StillTrying"]

R = TypeVar("R")

_KEPT: Final = 10.0
"""Seconds that what has come is kept at least for whoever is to ask for it again."""


class StillTrying(Exception):
    """A try needs longer than it is waited for; it goes on."""


class Aside(Generic[R]):
    """One try at a time, and what came of it; all of it on the core's loop.

    It is empty, or trying, or keeps what has come, or has lent that to whoever asked, who says in the
    end whether it was `taken` or is given back: others of the same change may not be ready yet.

    Args:
        name: the resource's.
        builder: builds it. What has come is kept for the time that this may take, at least: of several
            that need each other the slowest is there until the others have been built once more.
        host: where it runs; asked for each time.
        drain: takes what nobody wants any more.
        came: called when one has come that nobody waited for any longer.
    """

    def __init__(
        self,
        name: str,
        builder: Builder[R],
        host: Callable[[], Host],
        drain: Drain[R],
        came: Callable[[], object],
    ) -> None:
        self._name = name
        self._builder = builder
        self._host = host
        self._drain = drain
        self._came = came
        self._wanted: Wanted | None = None
        self._task: asyncio.Task[Instance[R] | Exception] | None = None
        self._waiting = 0
        self._end: asyncio.TimerHandle | None = None

    def has(self, wanted: Wanted) -> bool:
        """Whether one of that is here or coming."""
        return self._task is not None and wanted.same(self._wanted)

    async def build(
        self, wanted: Wanted, until: float | None, failed: Callable[[Exception], object]
    ) -> Instance[R]:
        """Lend the one that is here or coming; build one if none is.

        Args:
            wanted: what it is to be built of.
            until: the loop's time in seconds until which it is waited for; `None`: until it is there.
            failed: called with the reason, should one that is begun now fail when nobody waits for it.

        Raises:
            StillTrying: it takes longer than that, or was broken off.
            Exception: whatever building it raises.
        """
        task = self._task
        if task is None or not self.has(wanted):
            self.drop()
            self._wanted = wanted
            task = self._task = self._host().spawn(
                _outcome(self._builder.build(wanted)), f"another try of {self._name}"
            )
            task.add_done_callback(partial(self._done, failed))
        self._waiting += 1
        try:
            rest = None if until is None else max(0.0, until - task.get_loop().time())
            await asyncio.wait([task], timeout=rest)
        finally:
            self._waiting -= 1
        if not task.done() or task.cancelled():
            raise StillTrying
        outcome = task.result()
        if isinstance(outcome, Exception):
            raise outcome
        if not self._is_here(outcome):  # it was let go of in that very moment
            raise StillTrying
        self._keep_no_longer()
        return outcome

    def taken(self, instance: Instance[R]) -> None:
        """Forget one: it serves now."""
        if self._is_here(instance):
            self._forget()

    def give_back(self, instance: Instance[R]) -> bool:
        """Keep one again that was lent; false if it was not."""
        if not self._is_here(instance):
            return False
        self._keep()
        return True

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

    def forget(self) -> object:
        """Have nothing any more, as what it was on is not there; gives what that was."""
        held = self._task, self._wanted, self._end
        self._task = self._wanted = self._end = None
        self._waiting = 0
        return held

    def _done(
        self, failed: Callable[[Exception], object], task: "asyncio.Task[Instance[R] | Exception]"
    ) -> None:
        if task is not self._task:
            return
        outcome = None if task.cancelled() else task.result()
        if outcome is None or isinstance(outcome, Exception):
            self._forget()  # the next one who asks has it tried anew
            if outcome is not None and not self._waiting:
                failed(outcome)
            return
        self._keep()
        if not self._waiting:
            self._came()

    def _is_here(self, instance: Instance[R]) -> bool:
        task = self._task
        return task is not None and task.done() and task.result() is instance

    def _keep(self) -> None:
        self._keep_no_longer()
        assert self._task is not None
        self._end = self._task.get_loop().call_later(max(_KEPT, self._builder.limit), self._expire)

    def _expire(self) -> None:
        assert self._task is not None
        outcome = self._task.result()
        if not isinstance(outcome, Exception) and outcome.leases:
            self._keep()  # another resource is being built with it
        else:
            self.drop()

    def _keep_no_longer(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _forget(self) -> None:
        self._keep_no_longer()
        self._task = self._wanted = None


async def _outcome(making: Coroutine[Any, Any, Instance[R]]) -> Instance[R] | Exception:
    try:
        return await making
    except Exception as error:  # noqa: BLE001 - it is the user's code, and raised again where it is asked for
        return error
