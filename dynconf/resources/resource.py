"""Something that is built from settings, swapped when they change, and never closed under its user."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, Literal, TypeVar

from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._host.process import park
from dynconf._models.compare import equal
from dynconf._values.clock import Clock
from dynconf._values.prepare import PrepareRefused
from dynconf._values.snapshot import View
from dynconf.errors import ResourceUnavailable, UsageError
from dynconf.resources.instance import Instance
from dynconf.resources.lease import Lease
from dynconf.resources.recipe import Recipe

__all__ = ["Resource", "State"]

R = TypeVar("R")
State = Literal["ready", "degraded", "unavailable", "declared"]

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0
"""Seconds until what could not be built is tried again; they double from the first to the last."""
_MARGIN: Final = 1.0  # seconds by which its own limit is ahead of whoever waits for it

_logger = logging.getLogger("dynconf.resources")


class Resource(Generic[R]):
    """Built from what a selector picks; made by `Binding.resource`.

    Attributes:
        name: for the status, threads and logs.
        swaps: how often another instance took the place of one.
        error: why the newest settings have none, as text; empty if they have.
    """

    def __init__(
        self,
        name: str,
        path: str,
        select: Callable[[View], Any],
        recipe: Recipe[R],
        *,
        uses: Sequence["Resource[Any]"],
        keep: bool,
        limit: float,
        drain: float,
        grace: float,
        host: Callable[[], Host],
        clock: Clock,
        seen: Callable[[], View | None],
        explain: Callable[[BaseException, View], str],
        leave: Callable[["Resource[Any]"], object],
    ) -> None:
        self.name: str = name
        self.path: str = path
        self.uses: tuple[Resource[Any], ...] = tuple(uses)
        self.timeout: float = limit + _MARGIN + sum(other.timeout for other in uses)
        self.swaps: int = 0
        self.error: str = ""
        self._select = select
        self._recipe = recipe
        self._keep = keep
        self._limit = limit
        self._drain_time = drain
        self._grace = grace
        self._host = host
        self._clock = clock
        self._seen = seen
        self._explain = explain
        self._leave = leave
        self._current: Instance[R] | None = None
        self._next: Instance[R] | None = None
        self._next_error = ""
        self._used_by: dict[Resource[Any], None] = {}
        self._coming: asyncio.Future[Instance[R] | None] | None = None
        self._draining: dict[Instance[R], asyncio.Task[None]] = {}
        self._trying: asyncio.Task[None] | None = None
        self._built = threading.Event()
        self._rebuilding = False

    def __repr__(self) -> str:
        return f"<Resource {self.name}: {self.state}>"

    # Using it

    @property
    def current(self) -> R:
        """The instance that holds now, for brief use: after a swap it lives for another second.

        Raises:
            ResourceUnavailable: there is none.
        """
        instance = self._current
        if instance is None:
            instance = self._awaited()
        return instance.value

    def lease(self) -> "Lease[R]":
        """A context manager (`with` or `async with`) that gives the instance, and keeps it open meanwhile.

        Raises:
            ResourceUnavailable: on entry, if there is none.
        """
        return Lease(self)

    @property
    def state(self) -> State:
        """`ready`; `degraded`: not of the newest settings; `unavailable`; `declared`: not started."""
        if self._current is not None:
            return "degraded" if self.error else "ready"
        return "unavailable" if self.error else "declared"

    @property
    def leases(self) -> int:
        """How many use it at present, former instances included."""
        return sum(one.leases for one in [self._current, *list(self._draining)] if one is not None)

    @property
    def draining(self) -> int:
        """How many former instances are still open."""
        return len(self._draining)

    def close(self) -> None:
        """Have it go, and be built no more. May be called from anywhere, and again."""
        self._leave(self)
        self._host().post(self._gone)

    def _gone(self) -> None:
        self._stop_trying()
        for other in self.uses:
            other._used_by.pop(self, None)
        instance, self._current = self._current, None
        self.error = "it was closed"
        if instance is not None:
            self._let_go(instance)

    def taken(self) -> Instance[R]:
        """The current instance with one lease more."""
        while True:
            instance = self._current or self._awaited()
            if instance.take():
                return instance

    def _awaited(self) -> Instance[R]:
        """The instance, if it is only being built anew in a forked child."""
        if self._rebuilding and not self._host().here():
            self._built.wait(self.timeout)
        instance = self._current
        if instance is None:
            why = self.error or "it is built when the Config starts"
            raise ResourceUnavailable(f"the resource {self.name} is not there: {why}")
        return instance

    # Preparing it; all of this runs on the core's loop

    async def prepare(self, old: View | None, new: View) -> None:
        """See `Preparer`."""
        self._stop_trying()
        coming = self._coming = asyncio.get_running_loop().create_future()
        try:
            self._next, self._next_error = await self._prepared(new, keep=self._keep)
        except BaseException:
            coming.set_result(None)
            raise
        coming.set_result(self._next)

    def commit(self) -> None:
        """See `Preparer`."""
        self._coming = None
        instance, self._next = self._next, None
        self.error = self._next_error
        for other in self.uses:
            other._used_by[self] = None
        self._swap(instance)
        self._keep_trying()

    def abandon(self) -> None:
        """See `Preparer`."""
        self._coming = None
        self._drop_next()
        self._keep_trying()

    async def coming(self) -> Instance[R] | None:
        """What will be current if all goes well; waits until that is known."""
        return self._current if self._coming is None else await asyncio.shield(self._coming)

    async def _prepared(self, new: View, *, keep: bool) -> tuple[Instance[R] | None, str]:
        """What serves the new settings: what there is, if it was built of equal ones, or a new one.

        With `keep`, the one that there is in place of one that cannot be built, and why it cannot.

        Raises:
            PrepareRefused: it cannot be built.
        """
        try:
            settings = self._select(new)
            uses = [await other.coming() for other in self.uses]
            for known in (self._next, self._current):
                if known is not None and _serves(known, settings, uses):
                    if self._next is not known:
                        self._drop_next()
                    return known, ""
            self._drop_next()
            return await self._build(settings, uses), ""
        except Exception as error:  # noqa: BLE001 - it is the user's code
            reason = self._explain(error, new)
            _logger.warning("%s could not be built: %s\n%s", self.name, reason, trace(error))
            if not (keep or self._rebuilding):
                raise PrepareRefused(reason, self._select, self.path) from None
            return self._current, reason

    async def _build(self, settings: Any, uses: Sequence[Instance[Any] | None]) -> Instance[R]:
        host, others = self._host(), [other for other in uses if other is not None]
        if self._recipe.needs_own_loop and host.threaded:
            raise UsageError("its functions are async, so the Config has to be started by `async with`")
        missing = [one.name for one, other in zip(self.uses, uses, strict=True) if other is None]
        if missing:
            raise ResourceUnavailable(f"what it uses is not there: {', '.join(missing)}")
        async with asyncio.timeout(self._limit):
            value, close = await self._recipe.make(host, settings, *(one.value for one in others))
        return Instance(value, settings, others, close)

    def _keep_trying(self, *, at_once: bool = False) -> None:
        if (self.error or at_once) and (self._trying is None or self._trying.done()):
            self._trying = self._host().spawn(self._try(at_once), f"retry of {self.name}")

    def _stop_trying(self) -> None:
        if self._trying is not None:
            self._trying.cancel()

    async def _try(self, at_once: bool) -> None:
        delay = _FIRST_RETRY
        while self.error or at_once:
            if not at_once:
                await self._clock.sleep(delay * (1 + random.random()) / 2)  # noqa: S311
                delay = min(_LONGEST_RETRY, 2 * delay)
            at_once = False
            view = self._seen()
            if view is not None:
                instance, self.error = await self._prepared(view, keep=True)
                self._swap(instance)
                for other in list(self._used_by):
                    other._keep_trying(at_once=True)

    def _drop_next(self) -> None:
        instance, self._next = self._next, None
        if instance is not None and instance is not self._current:
            self._let_go(instance)

    def _swap(self, instance: Instance[R] | None) -> None:
        former = self._current
        if instance is None or instance is former:
            return
        self._current = instance
        self._rebuilding = False
        self._built.set()
        if former is not None:
            self.swaps += 1
            _logger.info("%s: swapped", self.name)
            self._let_go(former)

    # Letting go of it

    def _let_go(self, instance: Instance[R]) -> None:
        task = self._host().spawn(self._close_when_idle(instance), f"drain of {self.name}")
        self._draining[instance] = task
        task.add_done_callback(lambda _: self._draining.pop(instance, None))

    async def _close_when_idle(self, instance: Instance[R]) -> None:
        host, idle = self._host(), asyncio.Event()
        await self._clock.sleep(self._grace)
        instance.when_idle(lambda: host.post(idle.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._drain_time - self._grace)):
                while not instance.seal():
                    idle.clear()
                    if not instance.seal():
                        await idle.wait()
        if not instance.closed:
            _logger.warning(
                "%s: closed after %g s although %d still use it", self.name, self._drain_time, instance.leases
            )
            instance.seal(force=True)
        await self._close(instance)

    async def _close(self, instance: Instance[R]) -> None:
        try:
            await instance.close()
        except Exception as error:  # noqa: BLE001
            _logger.error("closing %s failed\n%s", self.name, trace(error))
        finally:
            instance.release()

    async def stop(self, until: float) -> None:
        """See `Preparer`: leases have that long to end."""
        self._stop_trying()
        self._drop_next()
        open_ones, closing = [], []
        for instance, task in self._draining.items():
            if instance.closed:
                closing.append(task)
            else:
                task.cancel()
                open_ones.append(instance)
        if self._current is not None:
            open_ones.append(self._current)
        self._current, self.error = None, ""
        self._built.clear()
        await asyncio.gather(*(self._close_by(one, until) for one in open_ones))
        if closing:
            await asyncio.wait(closing, timeout=max(0.0, until - asyncio.get_running_loop().time()))

    async def _close_by(self, instance: Instance[R], until: float) -> None:
        host, idle, loop = self._host(), asyncio.Event(), asyncio.get_running_loop()
        if not instance.when_idle(lambda: host.post(idle.set)):
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await idle.wait()
        if not instance.seal():
            _logger.warning("%s: closed at the stop although %d still use it", self.name, instance.leases)
            instance.seal(force=True)
        closing = loop.create_task(self._close(instance))
        await asyncio.wait([closing], timeout=max(0.05, until - loop.time()))
        if not closing.done():
            closing.cancel()
            _logger.warning("%s: closing it takes too long; it is left behind", self.name)

    def forked(self, *, follows: bool) -> None:
        """See `Preparer`."""
        park(self._current, self._next, self._draining, self._trying, self._coming)
        self._current = self._next = self._trying = self._coming = None
        self._draining, self._built, self._rebuilding = {}, threading.Event(), follows


def _serves(instance: Instance[Any], settings: Any, uses: Sequence[Instance[Any] | None]) -> bool:
    same = len(instance.uses) == len(uses) and all(map(_is, instance.uses, uses))
    return same and equal(instance.settings, settings)


def _is(one: object, other: object) -> bool:
    return one is other
