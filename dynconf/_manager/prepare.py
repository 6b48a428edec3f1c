"""Asking all who stand between a valid plan and its commit, side by side."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from dynconf._host.attempt import Attempt
from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._origin import Problem
from dynconf._values.prepare import NotReady, Preparer, PrepareRefused, PrepareTimedOut
from dynconf._values.snapshot import View
from dynconf.errors import BlockingCall, ChangeRefused, UsageError

logger = logging.getLogger("dynconf.config")


class Preparers:
    """Everybody who is asked, for one running period, and about one plan at a time; the caller sees to that.

    Who does not end when its time is up is left to itself, and not asked anything else before it has ended.

    Args:
        known: those who are asked; others come and go, the latter from any thread.
        host: where they run.

    Attributes:
        stopped: whether nobody is asked any more.
        over: whether nobody here has anything any more; whoever is known may be another period's.
    """

    def __init__(self, known: list[Preparer], host: Host) -> None:
        self.stopped: bool = False
        self.over: bool = False
        self._process = os.getpid()
        self._known = known
        self._host = host
        self._running: dict[Preparer, Attempt[None]] = {}
        self._asking: asyncio.Task[PrepareRefused | None] | None = None

    def __bool__(self) -> bool:
        return bool(self._known)

    async def ask(self, old: View | None, new: View, until: float | None = None) -> PrepareRefused | None:
        """Have all prepare; the first refusal in order, if there is one, and of those with a reason.

        Args:
            old: what holds.
            new: what is about to be published.
            until: see `Preparer.prepare`.

        Raises:
            UsageError: everything is being stopped.
        """
        return await self._ask(tuple(self._known), old, new, until)

    def commit(self) -> None:
        """What was prepared is being published."""
        for preparer in tuple(self._known):
            _carefully(preparer.name, preparer.commit)

    def abandon(self) -> None:
        """What was prepared is not."""
        for preparer in tuple(self._known):
            _carefully(preparer.name, preparer.abandon)

    async def admit(self, preparer: Preparer, new: View) -> None:
        """Have one more be ready for what holds, and ask it from now on.

        Raises:
            ChangeRefused: it refuses that.
            UsageError: everything is being stopped.
        """
        ready = False
        try:
            refusal = await self._ask((preparer,), None, new)
            if refusal is not None:
                raise ChangeRefused([Problem(refusal.path, refusal.reason)])
            ready = True
        finally:
            _carefully(preparer.name, preparer.commit if ready else preparer.abandon)
        self._known.append(preparer)

    async def ask_anew(self, new: View) -> None:
        """In a forked child: have everybody be ready for what holds, which nobody can refuse any more."""
        with suppress(UsageError):  # it is stopped already
            await self.ask(None, new)
            self.commit()

    async def try_again(self, since: float) -> None:
        """Have all try at once to get what they miss, side by side; changes go on meanwhile.

        Args:
            since: the loop's time; what was tried after that is not tried once more.
        """
        tries: dict[Preparer, asyncio.Future[None]] = {}
        for preparer in tuple(self._known):
            tries[preparer] = asyncio.create_task(preparer.try_again(since, tries))
        await asyncio.gather(*tries.values())

    async def stop(self, until: float) -> None:
        """Break off what is being prepared; then have everybody let go of everything, the last first.

        Args:
            until: the loop's time in seconds.
        """
        self.stopped = True
        if self._asking is not None:
            asked = [attempt.task for attempt in self._running.values() if not attempt.left]
            self._asking.cancel()
            # One that hangs leaves the others half of the time.
            left = max(0.0, until - asyncio.get_running_loop().time())
            await asyncio.wait([self._asking, *asked], timeout=left / 2)
        holding = list(self._known)
        try:
            while holding and not self.over:
                await holding[-1].stop(until)
                holding.pop()
            self.over = True
        except asyncio.CancelledError:
            names = ", ".join(preparer.name for preparer in reversed(holding))
            logger.warning("the time for the stop was up before these had let go of everything: %s", names)
            raise

    def stranded(self) -> None:
        """The loop ended before a stop was complete: have nobody keep what lived on it."""
        if self.over:
            return
        self.stopped = self.over = True
        inherited = self._process != os.getpid()  # then it is the parent's to close
        for preparer in tuple(self._known):
            forget = partial(preparer.forked, follows=False) if inherited else preparer.stranded
            _carefully(preparer.name, forget)

    async def _ask(
        self, preparers: Sequence[Preparer], old: View | None, new: View, until: float | None = None
    ) -> PrepareRefused | None:
        refusal, task = None, asyncio.current_task()
        if not self.stopped:
            self._asking = asyncio.create_task(self._prepare_all(preparers, old, new, until))
            try:
                refusal = await self._asking
            except asyncio.CancelledError:
                if not self.stopped or (task is not None and task.cancelling()):
                    raise
            finally:
                self._asking = None
        if self.stopped:
            raise UsageError("the Config was stopped meanwhile")
        return refusal

    async def _prepare_all(
        self, preparers: Sequence[Preparer], old: View | None, new: View, until: float | None
    ) -> PrepareRefused | None:
        outcomes = await asyncio.gather(*(self._prepare(preparer, old, new, until) for preparer in preparers))
        refusals = [outcome for outcome in outcomes if outcome is not None]
        return min(refusals, key=lambda refusal: isinstance(refusal, NotReady), default=None)

    async def _prepare(
        self, preparer: Preparer, old: View | None, new: View, until: float | None
    ) -> PrepareRefused | None:
        limit = asyncio.timeout(preparer.timeout)
        task = asyncio.current_task()
        assert task is not None
        former = self._running.get(preparer)
        try:
            async with limit:
                if former is not None:
                    await asyncio.wait([former.task])
                await self._begin(preparer, old, new, until).result()
        except PrepareRefused as refusal:
            return refusal
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and (task.cancelling() or not self._host.alive):
                raise  # by us; else by something that it awaited
            if limit.expired():
                return await self._timed_out(preparer, former)
            # Our own words quote nothing.
            why = f": {error}" if isinstance(error, BlockingCall) else ""
            return PrepareRefused(f"{preparer.name} failed with {type(error).__name__}{why}")
        return None

    def _begin(self, preparer: Preparer, old: View | None, new: View, until: float | None) -> Attempt[None]:
        attempt = Attempt(self._host, preparer.prepare(old, new, until), f"asking {preparer.name}")
        self._running[preparer] = attempt

        def forget(_: object) -> None:
            if self._running.get(preparer) is attempt:
                del self._running[preparer]

        attempt.task.add_done_callback(forget)
        return attempt

    async def _timed_out(self, preparer: Preparer, former: Attempt[None] | None) -> PrepareTimedOut:
        """What to say of who was not ready; if it does not end either, that is told as well."""
        reason = f"{preparer.name} was not ready within {preparer.timeout:g} s"
        running = self._running.get(preparer)
        if running is None or await running.ends():
            return PrepareTimedOut(reason)
        if running is former:
            return PrepareTimedOut(f"{reason}: it still hangs since it was asked about an earlier change")
        logger.warning("%s and goes on; it is left to itself, and not asked again before it ends", reason)
        return PrepareTimedOut(reason)


def _carefully(name: str, function: Callable[[], object]) -> None:
    """Call what must not fail; if it does, that is nobody else's loss."""
    try:
        function()
    except Exception as error:  # noqa: BLE001
        logger.error("%s failed\n%s", name, trace(error))
