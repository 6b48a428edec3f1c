"""Something that is built from settings, swapped when they change, and never closed under its user."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._host.process import park
from dynconf._values.clock import Clock
from dynconf._values.prepare import PrepareRefused
from dynconf._values.snapshot import View
from dynconf.errors import ResourceUnavailable, UsageError
from dynconf.resources.aside import Aside, StillTrying
from dynconf.resources.builder import Builder
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.lease import Lease
from dynconf.resources.outcome import Outcome, Wanted
from dynconf.resources.recipe import Recipe

__all__ = ["Resource", "ResourceContext", "State"]

R = TypeVar("R")
State = Literal["ready", "degraded", "unavailable", "declared"]

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0  # seconds until another try; they double from the first to the last
_MARGIN: Final = 1.0  # seconds by which its own limit is ahead of whoever waits for it

_logger = logging.getLogger("dynconf.resources")


class ResourceContext(Protocol):
    """What a resource needs of the Config that it belongs to."""

    clock: Clock

    def host(self) -> Host:
        """Where the core runs; for code that runs there."""

    def here(self) -> bool:
        """Whether the calling code runs on the core's loop."""

    def post(self, function: Callable[[], object]) -> bool:
        """Have it called on the core's loop; false if there is none."""

    def seen(self) -> View | None:
        """What holds now."""

    def retry(self, select: Callable[[View], Any]) -> None:
        """Have what was refused for the sake of what is selected so tried again."""

    def explain(self, error: BaseException, view: View) -> str:
        """Why something could not be built, fit to be shown."""

    def users(self, resource: "Resource[Any]") -> Sequence["Resource[Any]"]:
        """Those that use it."""

    def dismiss(self, resource: "Resource[Any]") -> None:
        """Ask it no more."""


class Resource(Generic[R]):
    """Built from what a selector picks; made by `Binding.resource`.

    Attributes:
        name: for the status, threads and logs.
        swaps: how often another instance took the place of one.
        error: why the newest settings have none, as text; empty if they have.
        closed: whether it was closed by hand.
    """

    def __init__(
        self,
        path: str,
        select: Callable[[View], Any],
        recipe: Recipe[R],
        *,
        uses: Sequence["Resource[Any]"],
        keep: bool,
        limit: float,
        drain: float,
        grace: float,
        around: ResourceContext,
    ) -> None:
        self.name: str = recipe.name
        self.path: str = path
        self.uses: tuple[Resource[Any], ...] = tuple(uses)
        self.timeout: float = limit + _MARGIN + sum(other.timeout for other in uses)
        self.swaps: int = 0
        self.error: str = ""
        self._select = select
        self._keep = keep
        self._grace = grace
        self._around = around
        self._drain: Drain[R] = Drain(self.name, drain, around.host, around.clock)
        self._builder: Builder[R] = Builder(recipe, self.uses, limit, around.host, self._drain)
        self._current: Instance[R] | None = None
        self._next: Outcome[R] | None = None
        self._aside: Aside[R] = Aside(self.name, around.host, self._drain, lambda: around.retry(select))
        self._failed: Wanted | None = None
        self._doomed: Wanted | None = None
        self._refused: Outcome[R] | None = None
        self._told = ""
        self._coming: asyncio.Future[Instance[R] | None] | None = None
        self._trying: asyncio.Task[None] | None = None
        self._outdated = False
        self._built = threading.Event()
        self._rebuilding = False
        self.closed: bool = False

    def __repr__(self) -> str:
        return f"<Resource {self.name}: {self.state}>"

    # Using it

    @property
    def current(self) -> R:
        """The instance that holds now, for brief use: after a swap it lives for another second.

        Raises:
            ResourceUnavailable: there is none.
        """
        instance = self._current or self._awaited()
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
        current = self._current
        return self._drain.leases + (current.leases if current is not None else 0)

    @property
    def draining(self) -> int:
        """How many former instances are still open."""
        return len(self._drain)

    def close(self) -> None:
        """Have it go, and be built no more. May be called from anywhere, and again.

        Raises:
            UsageError: another resource uses it, and has to be closed before.
        """
        users = self._around.users(self)
        if users:
            raise UsageError(f"{self.name} is used by {users[0].name}: close that first")
        self.closed, self.error = True, "it was closed"
        if not self._around.post(self._go):
            self._around.dismiss(self)

    def _go(self) -> None:
        self._stop_trying()
        self._aside.drop()
        self._drop_next()
        instance, self._current = self._current, None
        if instance is not None:
            self._drain.add(instance, self._grace)
        self._drain.when_empty(lambda: self._around.dismiss(self))  # a stop before that is to know of it

    def taken(self) -> Instance[R]:
        """The current instance with one lease more."""
        while True:
            instance = self._current or self._awaited()
            if instance.take():
                return instance

    def _awaited(self) -> Instance[R]:
        """The instance, if it is only being built anew in a forked child."""
        if self._rebuilding and not self._around.here():
            self._built.wait(self.timeout)
        instance = self._current
        if instance is None:
            why = self.error or "it is built when the Config starts"
            raise ResourceUnavailable(f"the resource {self.name} is not there: {why}")
        return instance

    # Preparing it; all of this runs on the core's loop

    async def prepare(self, old: View | None, new: View) -> None:
        """See `Preparer`."""
        if self.closed:
            return
        self._refused = None
        coming = self._coming = asyncio.get_running_loop().create_future()
        try:
            self._next = await self._prepared(new, keep=self._keep)
        except BaseException:
            coming.set_result(None)
            raise
        if self.closed:  # meanwhile, so that nobody will ask for it
            self._drop_next()
        coming.set_result(self._next.instance if self._next is not None else self._current)

    def commit(self) -> None:
        """See `Preparer`."""
        self._coming = None
        # What was refused holds all the same where an override ends, which nobody can refuse.
        outcome = self._next or self._refused
        self._next = self._refused = None
        if outcome is not None:
            self._take(outcome)
        self._outdated |= self._current is not None and not all(
            map(is_, self._current.uses, (other._current for other in self.uses))
        )
        self._keep_trying()

    def abandon(self) -> None:
        """See `Preparer`."""
        self._coming = None
        self._refused = None
        self._drop_next()
        self._keep_trying()

    async def coming(self) -> Instance[R] | None:
        """What will be current if all goes well; waits until that is known."""
        return self._current if self._coming is None else await asyncio.shield(self._coming)

    async def _prepared(self, new: View, *, keep: bool, again: bool = False) -> Outcome[R] | None:
        """What serves the new settings: what there is, if it was built of equal ones, or a new one.

        With `keep`, the one that there is in place of one that cannot be built. `None` if that is so
        already, and tried again anyhow: nobody's change is to wait for it. `again`: this is such a try.

        Raises:
            PrepareRefused: it cannot be built.
        """
        wanted = None
        try:
            wanted = Wanted(self._select(new), tuple([await other.coming() for other in self.uses]))
            if not again:
                if self.error and wanted.same(self._failed):
                    self._drop_next()
                    return None
                self._stop_trying()
            coming = self._next.instance if self._next is not None else None
            for known in (coming, self._current):
                if known is not None and wanted.same(known):
                    if known is not coming:
                        self._drop_next()
                    return Outcome(known)
            self._drop_next()
            if not keep and (wanted.same(self._doomed) or self._builder.hangs(wanted)):
                return Outcome(await self._aside.build(wanted, self._builder.build))
            self._aside.drop()
            return Outcome(await self._builder.build(wanted))
        except StillTrying:
            assert wanted is not None
            self._told = self._builder.hangs(wanted) or self._told
            raise self._refusal(wanted) from None
        except Exception as error:  # noqa: BLE001 - it is the user's code
            reason = self._around.explain(error, new)
            level = logging.DEBUG if reason == self._told else logging.WARNING  # what is tried again is known
            _logger.log(level, "%s could not be built: %s\n%s", self.name, reason, trace(error))
            self._told = reason
            if not (keep or self._rebuilding):
                raise self._refusal(wanted) from None
            return Outcome(self._current, reason, wanted)

    def _refusal(self, wanted: Wanted | None) -> PrepareRefused:
        self._doomed = wanted
        self._refused = Outcome(self._current, self._told, wanted)
        return PrepareRefused(self._told, self._select, self.path)

    def look_again(self) -> None:
        """One that it uses is another now."""
        self._outdated = True
        if self._coming is None:
            self._keep_trying()

    def _keep_trying(self) -> None:
        if (
            (self.error or self._outdated)
            and not self.closed
            and (self._trying is None or self._trying.done())
        ):
            self._trying = self._around.host().spawn(self._try(), f"retry of {self.name}")

    def _stop_trying(self) -> asyncio.Task[None] | None:
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
        return trying

    async def _try(self) -> None:
        delay = _FIRST_RETRY
        while self.error or self._outdated:
            if not self._outdated:
                await self._around.clock.sleep(delay * (1 + random.random()) / 2)  # noqa: S311
                delay = min(_LONGEST_RETRY, 2 * delay)
            self._outdated = False
            view = self._around.seen()
            if view is not None:
                outcome = await self._prepared(view, keep=True, again=True)
                if outcome is not None and self._take(outcome):
                    for other in self._around.users(self):
                        other.look_again()

    def _drop_next(self) -> None:
        outcome, self._next = self._next, None
        if outcome is not None and outcome.instance not in (None, self._current):
            self._drain.add(outcome.instance)

    def _take(self, outcome: Outcome[R]) -> bool:
        """Have an outcome hold; whether another instance serves now."""
        if not self.closed:
            self.error, self._failed = outcome.error, outcome.failed
        instance, former = outcome.instance, self._current
        if instance is None or instance is former:
            return False
        self._current = instance
        self._rebuilding = False
        self._told = ""
        self._built.set()
        if former is not None:
            self.swaps += 1
            _logger.info("%s: swapped", self.name)
            self._drain.add(former, self._grace)
        return True

    # The end of it

    async def stop(self, until: float) -> None:
        """See `Preparer`: leases have that long to end."""
        tries: list[asyncio.Task[Any]] = [
            task for task in (self._stop_trying(), self._aside.drop()) if task is not None
        ]
        tries += self._builder.ending()
        if tries:  # what they were building is to be on its way out by then; leases have the rest of the time
            await asyncio.wait(tries, timeout=max(0.0, until - asyncio.get_running_loop().time()) / 2)
        self._drop_next()
        current, self._current = self._current, None
        self._rebuilding, self._outdated = False, False
        self._failed = self._doomed = None
        if not self.closed:
            self.error = ""
        self._built.set()  # whoever waits for it is told
        await self._drain.stop(current, until)

    def forked(self, *, follows: bool) -> None:
        """See `Preparer`."""
        self._drain.forked(self._current, self._next.instance if self._next is not None else None)
        self._aside.forked()
        self._builder.forked()
        park(self._trying, self._coming, self._failed, self._refused, self._doomed)
        self._current = self._next = self._trying = self._coming = None
        self._failed = self._refused = self._doomed = None
        self._built, self._rebuilding = threading.Event(), follows and not self.closed
