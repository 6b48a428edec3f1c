"""Starting, stopping and forking: where the running core is made, and reached from anywhere."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from dynconf._host.asking import is_asked_by, refuse_to_answer_itself
from dynconf._host.host import Host
from dynconf._host.process import park, renew_in_children
from dynconf._manager.leaving import leave_soon
from dynconf._manager.manager import Manager
from dynconf._manager.options import Options
from dynconf._manager.publisher import Publisher
from dynconf._manager.roster import Roster
from dynconf._store.state import Plan
from dynconf._store.store import Store
from dynconf._values.prepare import Preparer
from dynconf.errors import BlockingCall, DynconfError, NotStarted, UsageError

T = TypeVar("T")

logger = logging.getLogger("dynconf.config")


class Lifecycle:
    """Owns the host and the manager of one Config; knows no faces, so that a dropped Config is noticed."""

    def __init__(self, publisher: Publisher, options: Options, roster: Roster) -> None:
        self.publisher = publisher
        self.options = options
        self.roster = roster
        self.preparers: list[Preparer] = []
        self.manager: Manager | None = None
        self.host: Host | None = None
        self._leaving: deque[Callable[[], Plan]] = deque()
        self._before: Store | None = None  # what a start that is not complete goes back to
        self._renew_locks()
        renew_in_children(self._renew_locks)

    @property
    def running(self) -> bool:
        """Whether a core is there to be asked."""
        return self.host is not None and self.host.alive

    def here(self) -> bool:
        """Whether the calling code runs on the core's own loop."""
        return self.host is not None and self.host.here()

    def refuse_to_block(self, instead: str) -> None:
        """Raise `BlockingCall` on the core's own loop, naming the form to await."""
        if self.host is not None:
            self.host.refuse_to_block(instead)

    def at_rest(self, make_plan: Callable[[], Plan]) -> None:
        """Carry out a change while nothing runs, or is just being started.

        Raises:
            ChangeRefused: it is not valid.
        """
        with self._resting:
            while True:
                plan = make_plan()
                plan.raise_if_refused()
                if self.publisher.commit(plan) is not None:
                    return

    def change(self, make_plan: Callable[[], Plan], *, instead: str) -> None:
        """Carry out a change that comes from no source, whether all is running or not.

        Args:
            make_plan: plans it, anew whenever something else came in between.
            instead: the awaitable form, for whoever must not wait here.

        Raises:
            ChangeRefused: it is not valid.
            BlockingCall: called on the core's own loop, and it would have to be prepared.
        """
        if not self.running:
            self.at_rest(make_plan)
        elif self.here():
            self.manager_here().change_now(make_plan)
        else:
            self.call(lambda manager: manager.change(make_plan), instead=instead)

    async def achange(self, make_plan: Callable[[], Plan]) -> None:
        """Do what `change` does, from whichever loop."""
        if self.running:
            await self.acall(lambda manager: manager.change(make_plan))
        else:
            self.at_rest(make_plan)

    def leave_soon(self, plan: Callable[[Store], Plan]) -> None:
        """Have an override ended by the core, or here if there is none. Waits for nothing, from anywhere."""

        def make_plan() -> Plan:
            return plan(self.publisher.store)

        self._leaving.append(make_plan)
        host = self.host
        # Each in its turn: it must not come before the beginning of what it ends.
        if host is None or not host.post(self._leave, make_plan):
            self._leave_at_rest()

    def _leave(self, make_plan: Callable[[], Plan]) -> None:
        with suppress(ValueError):
            self._leaving.remove(make_plan)
        leave_soon(self.manager_here(), make_plan)

    def _leave_at_rest(self) -> None:
        with suppress(IndexError):
            while True:
                self.at_rest(self._leaving.popleft())

    def start(self, *, watching: bool) -> None:
        """Run the core on a thread of its own; back when everything is loaded."""
        claim = self._claim()
        try:
            host = Host.in_thread(
                self.options.name,
                threads=self.options.callback_threads,
                on_fork=self.on_fork,
                on_exit=self._end,
            )
            try:
                host.call(partial(self._begin, host, watching), instead="await astart()")
            except BaseException:
                with suppress(DynconfError, TimeoutError):
                    host.call(self._end, instead="await astop()", timeout=0.4)
                self._discard(host)
                host.stop()
                raise
        finally:
            claim.release()

    async def astart(self, *, watching: bool) -> None:
        """Run the core in the calling loop; back when everything is loaded."""
        claim = self._claim()
        try:
            host = Host.in_loop(
                self.options.name,
                threads=self.options.callback_threads,
                on_fork=self.on_fork,
                on_exit=self._end,
            )
            try:
                await self._begin(host, watching)
            except BaseException:
                await self._end()
                self._discard(host)
                await host.close()
                raise
        finally:
            claim.release()

    def stop(self) -> None:
        """End everything within a second; again is fine."""
        manager, host = self.manager, self.host
        if host is None:
            return
        if host.alive:
            try:
                host.call(self._end, instead="await astop()", timeout=0.5)
            except TimeoutError:
                logger.warning("%s: what its sources share did not close in time", self.options.name)
            except BlockingCall:
                raise
            except UsageError:
                logger.debug("%s: somebody else stopped it at the same time", self.options.name)
        self._discard(host)
        host.stop(0.6)
        self._strand(manager)
        self._leave_at_rest()  # what came too late for the core

    async def astop(self) -> None:
        """Do what `stop` does, from whichever loop."""
        manager, host = self.manager, self.host
        if host is None:
            return
        if host.alive:
            with suppress(UsageError):  # somebody else stopped it at the same time
                await host.acall(self._end)
        self._discard(host)
        await host.close(0.6)
        self._strand(manager)
        self._leave_at_rest()

    def abandon(self) -> None:
        """End everything soon, waiting for nothing; fit for a finalizer."""
        host = self.host
        if host is not None and host.alive:
            host.post(partial(_end_soon, host, self._end))

    def call(self, make: Callable[[Manager], Coroutine[Any, Any, T]], *, instead: str) -> T:
        """Have the manager do something, and wait for it.

        Raises:
            NotStarted: it is not running.
            BlockingCall: called on the core's own loop, or by what a change of it waits for.
        """
        return self._running_host().call(lambda: make(self.manager_here()), instead=instead)

    async def acall(self, make: Callable[[Manager], Coroutine[Any, Any, T]]) -> T:
        """Do what `call` does, from whichever loop."""
        return await self._running_host().acall(lambda: make(self.manager_here()))

    def on_fork(self) -> None:
        """In a forked child: go on from what is published, with nothing that was inherited.

        One that was forked by what a change waits for, by a veto say, keeps what is published and no more;
        so does one that was forked before a start was complete, since nobody goes on with that start here.
        """
        former, whole = self.manager, self._is_whole()
        follows = whole and not is_asked_by(self.host)
        if former is None:
            return
        park(former)
        former.preparers.over = True
        self.publisher.forked()
        for preparer in self.preparers:
            preparer.forked(follows=follows)
        if not follows:
            self.host = self.manager = None
            self.publisher.dispatcher.stopped()
            if not whole and self._before is not None:
                self._restore(Store(state=self._before.state))
            self._leave_at_rest()
            why = "by what a change waits for" if whole else "before its start was complete"
            logger.info("%s: forked %s; this process follows no changes", self.options.name, why)
            return
        host = Host.in_thread(
            self.options.name,
            delay=0.1,
            threads=self.options.callback_threads,
            on_fork=self.on_fork,
            on_exit=self._end,
        )
        self.host = host
        self.publisher.dispatcher.resumed(host)
        host.post(self._resume, host, former)
        for make_plan in list(self._leaving):  # nobody else will in this process
            host.post(self._leave, make_plan)
        logger.info("%s: forked; this process follows changes with its own connections", self.options.name)

    def _is_whole(self) -> bool:
        """Whether what the running core loads first is published, and not taken back."""
        store = self.publisher.store
        return self.host is not None and store is not self._before and store.state.loaded

    def _renew_locks(self) -> None:
        self._changing = threading.Lock()
        self._resting = threading.Lock()
        self._stranding = threading.RLock()  # what is let go of may stop it again
        if not self.running:
            self._strand(self.manager)  # in a child, where it is the parent's

    def _resume(self, host: Host, former: Manager) -> None:
        self.manager = Manager(host, self.publisher, self.options, self.roster, self.preparers)
        self.manager.resume(former)

    async def _begin(self, host: Host, watching: bool) -> None:
        with self._resting:
            self._before = before = self.publisher.rewind()
            self.manager = Manager(host, self.publisher, self.options, self.roster, self.preparers)
            self._adopt(host)
        try:
            await self.manager.start(watching=watching)
        except BaseException:
            if self.host is host:  # or it was given up long ago, and another start may have succeeded
                self._restore(before)
            raise
        self._before = None
        self.publisher.dispatcher.resumed(host)

    def _restore(self, before: Store) -> None:
        """Go back to what was before the start, without the overrides that have ended meanwhile."""
        still = {override.number for override in self.publisher.store.state.overrides}
        self.publisher.restore(before)
        gone = [one.number for one in self.publisher.store.state.overrides if one.number not in still]
        if gone:
            self.at_rest(lambda: self.publisher.store.plan_override(gone, None))

    async def _end(self) -> None:
        if self.manager is not None:
            await self.manager.stop()

    def _adopt(self, host: Host) -> None:
        self.host = self.publisher.dispatcher.host = host

    def _discard(self, host: Host) -> None:
        if self.host is host:
            self.host = None
            self.publisher.dispatcher.stopped()

    def _strand(self, manager: Manager | None) -> None:
        """See to what a stop has left, or a loop that ended without one; by now another manager may work."""
        if manager is not None:
            with self._stranding:  # a start waits for all of it
                manager.preparers.stranded()

    def _claim(self) -> threading.Lock:
        """Be the only one who starts it, until what is given is released; a fork replaces it."""
        claim = self._changing
        if not claim.acquire(blocking=False):
            raise UsageError(f"{self.options.name} is being started already")
        if self.running:
            claim.release()
            raise UsageError(f"{self.options.name} runs already; stop it before it is started again")
        if self.host is not None:  # its event loop was closed under it
            former = self.host
            self._discard(former)
            former.abort()
        self._strand(self.manager)
        return claim

    def _running_host(self) -> Host:
        if self.host is None or not self.host.alive:
            raise NotStarted(f"{self.options.name} does not run; start it first")
        refuse_to_answer_itself(self.host)
        return self.host

    def dismiss(self, preparer: Preparer) -> None:
        """Have a preparer asked no more; again is fine."""
        with suppress(ValueError):
            self.preparers.remove(preparer)

    def manager_here(self) -> Manager:
        """The manager, for code on its own loop."""
        assert self.manager is not None
        return self.manager


def _end_soon(host: Host, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def ending() -> None:
        await end()
        await host.close()

    with suppress(UsageError):  # the program's exit came first, which ends it as well
        host.spawn(ending(), "stop of a dropped Config")
