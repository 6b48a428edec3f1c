"""Letting go of instances: none is closed under its user, and none stays open for ever."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._values.clock import Clock
from dynconf.errors import UsageError
from dynconf.resources.instance import Instance

__all__ = ["Drain"]

R = TypeVar("R")

_MOMENT: Final = (
    0.02  # seconds that every close has at a stop, even if the leases took all the time there was
)

_logger = logging.getLogger("dynconf.resources")


class Drain(Generic[R]):
    """The instances of one resource that are on their way out; all of it on the core's loop.

    Args:
        name: the resource's, for tasks and logs.
        limit: seconds after which one is closed although it is still leased; not while another instance
            was built with it: that one's own limit counts.
        host: where tasks run; asked for each time.
        clock: times the grace.
    """

    def __init__(self, name: str, limit: float, host: Callable[[], Host], clock: Clock) -> None:
        self._name = name
        self._limit = limit
        self._host = host
        self._clock = clock
        self._leaving: dict[Instance[R], asyncio.Task[None]] = {}
        self._on_empty: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self._leaving)

    @property
    def leases(self) -> int:
        """How many use one of them at present."""
        return sum(instance.leases for instance in list(self._leaving))

    def add(self, instance: Instance[R], grace: float = 0.0) -> None:
        """Close one when its last lease ends, after so many seconds at the earliest."""
        try:
            task = self._host().spawn(self._leave(instance, grace), f"drain of {self._name}")
        except UsageError:
            _logger.warning("%s: one came after the stop; it is left behind", self._name)
            return
        self._leaving[instance] = task
        task.add_done_callback(lambda _: self._left(instance))

    def when_empty(self, call: Callable[[], object]) -> None:
        """Have something called when none is left; at once if that is so now."""
        self._on_empty = call
        if not self._leaving:
            call()

    async def stop(self, current: Instance[R] | None, until: float) -> None:
        """Close all that are left, and the current one.

        Args:
            current: the one that was not on its way out.
            until: the loop's time in seconds until which leases are waited for.
        """
        open_ones, closing = [], []
        for instance, task in self._leaving.items():
            if instance.closed:
                closing.append(task)
            else:
                task.cancel()
                open_ones.append(instance)
        if current is not None:
            open_ones.append(current)
        await asyncio.gather(*(self._close_by(one, until) for one in open_ones))
        if closing:
            await asyncio.wait(closing, timeout=_rest(until))

    def forget(self) -> dict[Instance[R], asyncio.Task[None]]:
        """Have nothing any more, as what it was on is not there; gives what that was."""
        held, self._leaving = self._leaving, {}
        return held

    def _left(self, instance: Instance[R]) -> None:
        self._leaving.pop(instance, None)
        if not self._leaving and self._on_empty is not None:
            self._on_empty()

    async def _leave(self, instance: Instance[R], grace: float) -> None:
        if grace:
            await self._clock.sleep(grace)
        limit = asyncio.timeout(max(0.0, self._limit - grace))
        await self._seal(instance, limit, f"after {self._limit:g} s", users_first=True)
        await self._close(instance)

    async def _close_by(self, instance: Instance[R], until: float) -> None:
        await self._seal(instance, asyncio.timeout_at(until), "at the stop")
        closing = self._host().spawn(self._close(instance), f"close of {self._name}")
        await asyncio.wait([closing], timeout=_rest(until))
        if not closing.done():  # it may go on until the host ends
            _logger.warning("%s: closing it takes too long; it is left behind", self._name)

    async def _seal(
        self, instance: Instance[R], limit: asyncio.Timeout, when: str, *, users_first: bool = False
    ) -> None:
        """Have nobody take it any more, as soon as nobody has it, or when the time is up.

        With `users_first` the instances that were built with it have theirs.
        """
        host, idle = self._host(), asyncio.Event()
        instance.when_idle(lambda: host.post(idle.set))
        with suppress(TimeoutError):
            async with limit:
                while not instance.seal():
                    await idle.wait()
                    idle.clear()
        while users_first and instance.is_held and not instance.seal():
            await idle.wait()
            idle.clear()
        if not instance.seal():
            _logger.warning("%s: closed %s although %d still use it", self._name, when, instance.leases)
            instance.seal(force=True)

    async def _close(self, instance: Instance[R]) -> None:
        try:
            await instance.close()
        except Exception as error:  # noqa: BLE001 - it is the user's code
            _logger.error("closing %s failed\n%s", self._name, trace(error))
        finally:
            instance.release()


def _rest(until: float) -> float:
    return max(_MOMENT, until - asyncio.get_running_loop().time())
