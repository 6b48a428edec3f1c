"""What keeps a resource up: builds it before its settings are published, swaps it, and tries again."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from operator import is_
from typing import Any, Final, Generic, Protocol, TypeVar

from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._host.process import park
from dynconf._values.clock import Clock
from dynconf._values.prepare import NotReady, Preparer, PrepareRefused
from dynconf._values.snapshot import View
from dynconf.errors import ResourceUnavailable, UsageError
from dynconf.resources.aside import Aside, StillTrying
from dynconf.resources.builder import Builder
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Outcome, Wanted
from dynconf.resources.recipe import Recipe
from dynconf.resources.retry import Retry
from dynconf.resources.serving import Serving

__all__ = ["ResourceContext", "ResourcePreparer"]

R = TypeVar("R")

_MARGIN: Final = 1.0  # seconds by which its own limit is ahead of whoever waits for it
_NOT_YET: Final = "it is still being built, and is taken when it is there"

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

    def refused_late(self, refusal: PrepareRefused) -> None:
        """Have this told as the newest reason for what was refused for the sake of the same."""

    def report(self, error: ResourceUnavailable) -> None:
        """Tell `on_error`."""

    def explain(self, error: BaseException, view: View) -> str:
        """Why something could not be built, fit to be shown."""

    def users(self, preparer: "ResourcePreparer[Any]") -> Sequence["ResourcePreparer[Any]"]:
        """Those that use it."""

    def dismiss(self, preparer: "ResourcePreparer[Any]") -> None:
        """Ask it no more."""


class ResourcePreparer(Generic[R]):
    """What a running Config keeps of a resource; a `Preparer`.

    It must not hold the Config's faces, so that a dropped Config is noticed.

    Attributes:
        name: for the status, threads and logs.
        uses: those that have to be there before.
        serving: who is given an instance, and which.
        closed: whether it was closed by hand.
    """

    def __init__(
        self,
        path: str,
        select: Callable[[View], Any],
        recipe: Recipe[R],
        *,
        uses: Sequence["ResourcePreparer[Any]"],
        keep: bool,
        limit: float,
        drain: float,
        grace: float,
        around: ResourceContext,
    ) -> None:
        self.name: str = recipe.name
        self._path = path
        self.uses: tuple[ResourcePreparer[Any], ...] = tuple(uses)
        self.timeout: float = limit + _MARGIN + sum(other.timeout for other in uses)
        self._select = select
        # What a refusal of it is about: what it is built of, also by way of others.
        everything = lambda view: (select(view), *(other._selects(view) for other in self.uses))  # noqa: E731
        self._selects: Callable[[View], Any] = everything if self.uses else select
        self._keep = keep
        self._around = around
        self._drain: Drain[R] = Drain(self.name, drain, around.host, around.clock)
        self.serving: Serving[R] = Serving(self.name, self._drain, grace, around.here, self.timeout)
        self._next: Outcome[R] | None = None
        names = [other.name for other in uses]
        self._builder: Builder[R] = Builder(recipe, names, limit, around.host, self._drain)
        self._aside: Aside[R] = Aside(
            self.name, self._builder, around.host, self._drain, lambda: around.retry(self._selects)
        )
        self._failed: Wanted | None = None
        self._refused: Outcome[R] | None = None
        self._told, self._tried = "", -inf
        self._coming: asyncio.Future[Instance[R] | PrepareRefused | None] | None = None
        self._retry: Retry = Retry(
            f"retry of {self.name}", around.host, around.clock, lambda: self.serving.error, self._try
        )
        self.closed: bool = False

    def close(self) -> None:
        """See `Resource`."""
        users = self._around.users(self)
        if users:
            raise UsageError(f"{self.name} is used by {users[0].name}: close that first")
        self.closed = True
        self.serving.fail("it was closed")
        if not self._around.post(self._go):
            self.stranded()
            self._around.dismiss(self)

    def _go(self) -> None:
        self._retry.break_off()
        self._drop_next()
        self._aside.drop()
        self.serving.drop()
        self._drain.when_empty(lambda: self._around.dismiss(self))  # a stop before that is to know of it

    # Preparing it; all of this runs on the core's loop

    async def prepare(self, old: View | None, new: View, until: float | None = None) -> None:
        """See `Preparer`."""
        if self.closed:
            return
        self._refused = None
        coming = self._coming = asyncio.get_running_loop().create_future()
        try:
            self._next = await self._prepared(new, keep=self._keep, until=until)
        except PrepareRefused as refusal:
            coming.set_result(refusal)
            if self.closed:  # meanwhile, so that nobody will ask for it
                return
            raise
        except BaseException:
            coming.set_result(None)
            raise
        if self.closed:
            self._drop_next()
        coming.set_result(self._next.instance if self._next is not None else self.serving.instance)

    def commit(self) -> None:
        """See `Preparer`."""
        self._coming = None
        # What was refused holds all the same where an override ends, which nobody can refuse.
        outcome, told = self._next or self._refused, self._next is None
        self._next = self._refused = None
        if outcome is not None:
            self._take(outcome, told=told)
        self._keep_trying()

    def abandon(self) -> None:
        """See `Preparer`."""
        self._coming = self._refused = None
        self._drop_next()
        self._keep_trying()

    async def coming(self) -> Instance[R] | None:
        """What will be current if all goes well; waits until that is known.

        Raises:
            PrepareRefused: it refuses the change.
        """
        coming = self.serving.instance if self._coming is None else await asyncio.shield(self._coming)
        if isinstance(coming, PrepareRefused):
            raise coming
        return coming

    async def _prepared(
        self, new: View, *, keep: bool, until: float | None = None, again: bool = False
    ) -> Outcome[R] | None:
        """What serves the new settings: what there is, if it was built of equal ones, or a new one.

        With `keep`, the one that there is in place of one that cannot be built. `None` if that is so
        already, and tried again anyhow: nobody's change is to wait for it. `again`: this is such a try.
        `until`: see `Preparer.prepare`.

        Raises:
            PrepareRefused: it cannot be built.
        """
        wanted = None
        try:
            # Should one that it uses refuse the change, what serves is kept.
            wanted = Wanted(self._select(new), tuple([other.serving.instance for other in self.uses]))
            wanted = Wanted(wanted.settings, tuple([await other.coming() for other in self.uses]))
            if not again:
                if self.serving.error and wanted.same(self._failed):
                    self._drop_next()
                    return None
                self._retry.break_off()
            instance = self._known(wanted)
            if instance is None:
                instance = await self._made(wanted, new, until, again=again)
                self._told = ""
            return Outcome(instance)
        except StillTrying:
            assert wanted is not None
            hangs = self._builder.hangs(wanted)
            reason = hangs or self._told or _NOT_YET
            if not keep:
                self._refused = Outcome(self.serving.instance, reason, wanted)
                kind = PrepareRefused if hangs else NotReady
                raise kind(reason, self._selects, self._path) from None
            return Outcome(self.serving.instance, reason, wanted)
        except PrepareRefused as refusal:  # of one that it uses
            if again:
                return None  # once that change is abandoned it is looked at again
            self._refused = Outcome(self.serving.instance, refusal.reason, wanted)
            raise
        except Exception as error:  # noqa: BLE001 - it is the user's code
            outcome = Outcome(self.serving.instance, self._reason(error, new), wanted)
            if keep:
                return outcome
            self._refused = outcome
            raise PrepareRefused(outcome.error, self._selects, self._path) from None

    def _known(self, wanted: Wanted) -> Instance[R] | None:
        """The one that is coming, or else the current one, if it was built of that."""
        coming = self._next.instance if self._next is not None else None
        if coming is not None and wanted.same(coming):
            return coming
        self._drop_next()
        return self.serving.instance if wanted.same(self.serving.instance) else None

    def _reason(self, error: Exception, new: View) -> str:
        reason = self._around.explain(error, new)
        level = logging.DEBUG if reason == self._told else logging.WARNING  # what is tried again is known
        _logger.log(level, "%s could not be built: %s\n%s", self.name, reason, trace(error))
        self._told = reason
        return reason

    def _failed_late(self, new: View, error: Exception) -> None:
        """Another try has failed that nobody waited for any longer."""
        self._around.refused_late(PrepareRefused(self._reason(error, new), self._selects, self._path))

    async def _made(self, wanted: Wanted, new: View, until: float | None, *, again: bool) -> Instance[R]:
        """A new one: beside all else if it is waited for until then only, or is there or coming.

        Nobody waits for one that cannot be begun yet.
        """
        if until is None and not again and self._builder.hangs(wanted):
            until = asyncio.get_running_loop().time()
        if until is not None or self._aside.has(wanted):
            return await self._aside.build(wanted, until, partial(self._failed_late, new))
        if not again:
            self._aside.drop()
        return await self._builder.build(wanted)

    def look_again(self) -> None:
        """One that it uses is another now, or somebody has mended something."""
        self._retry.outdated = True
        if self._coming is None:
            self._keep_trying()

    def _keep_trying(self) -> None:
        if not self.serving.error and self.serving.instance is not None:
            used = (other.serving.instance for other in self.uses)
            self._retry.outdated |= not all(map(is_, self.serving.instance.uses, used))
        if not self.closed:
            self._retry.go_on()

    async def try_again(self, since: float, tries: Mapping[Preparer, asyncio.Future[None]]) -> None:
        """See `Preparer`."""
        await asyncio.gather(*(tries[other] for other in self.uses if other in tries))
        if self.closed:
            return
        if self.serving.error and max(self._tried, self._retry.begun) < since:
            self.look_again()
        await self._retry.ended()

    async def _try(self) -> None:
        view = self._around.seen()
        outcome = await self._prepared(view, keep=True, again=True) if view is not None else None
        if outcome is not None and self._take(outcome):
            for other in self._around.users(self):
                other.look_again()

    def _drop_next(self) -> None:
        outcome, self._next = self._next, None
        instance = outcome.instance if outcome is not None else None
        if instance not in (None, self.serving.instance) and not self._aside.give_back(instance):
            self._drain.add(instance)

    def _take(self, outcome: Outcome[R], *, told: bool = False) -> bool:
        """Have an outcome hold; whether another instance serves now. `told`: its error is known to people."""
        if not self.closed:
            self._failed = outcome.failed
            if outcome.error:
                self._tried = self._builder.begun
                self._fail(outcome.error, told=told)
        instance = outcome.instance
        swapped = instance is not None and self.serving.put(instance)
        if instance is not None and swapped:
            self._aside.taken(instance)
            self._told = ""
        if not (outcome.error or self.closed):
            self.serving.error = ""
        return swapped

    def _fail(self, reason: str, *, told: bool) -> None:
        why = f"{self.name} could not be built of the settings that hold: {reason}"
        if not (told or reason in (self.serving.error, _NOT_YET)):
            self._around.report(ResourceUnavailable(why))
        self.serving.fail(reason)

    # The end of it

    async def stop(self, until: float) -> None:
        """See `Preparer`: leases have that long to end."""
        self._drop_next()
        tries: list[asyncio.Task[Any]] = [
            task for task in (self._retry.break_off(hold=True), self._aside.drop()) if task is not None
        ]
        tries += self._builder.ending()
        if tries:  # what they were building is to be on its way out by then; leases have the rest of the time
            await asyncio.wait(tries, timeout=max(0.0, until - asyncio.get_running_loop().time()) / 2)
        self._retry.outdated, self._failed = False, None
        if not self.closed:
            self.serving.error = ""
        await self._drain.stop(self.serving.end(), until)

    def stranded(self) -> None:
        """See `Preparer`."""
        if self._forget(rebuilding=False)[0]:
            _logger.warning(
                "%s: its event loop ended, or the time for the stop was up; it was not closed", self.name
            )
        if not self.closed:
            self.serving.error = ""

    def forked(self, *, follows: bool) -> None:
        """See `Preparer`."""
        instances, held = self._forget(rebuilding=follows and not self.closed)
        for instance in instances:
            instance.forked()
        park(instances, held)

    def _forget(self, *, rebuilding: bool) -> tuple[list[Instance[R]], object]:
        """Have nothing any more, as what it was on is not there; gives all instances, and all else."""
        leaving = self._drain.forget()
        coming = self._next.instance if self._next is not None else None
        instances = (*leaving, self.serving.forget(rebuilding=rebuilding), coming)
        held = [leaving, self._aside.forget(), self._builder.forget(), self._retry.forget()]
        held += [self._next, self._coming, self._failed, self._refused]
        self._next = self._coming = self._failed = self._refused = None
        return [instance for instance in instances if instance is not None], held
