"""Where the one async core runs: the caller's own event loop, or one on a daemon thread."""

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from dynconf._host.asking import working_for
from dynconf._host.greenlets import refuse_greenlets
from dynconf._host.inbox import Inbox, trace
from dynconf._host.loop import Loop
from dynconf._host.process import discharge, enlist, park
from dynconf._host.stillness import Pause, depart
from dynconf._host.tasks import cancel_all
from dynconf._host.threads import ThreadKind, all_kinds, with_room
from dynconf.errors import BlockingCall

T = TypeVar("T")
OnFork = Callable[[], object] | None
OnExit = Callable[[], Coroutine[Any, Any, object]] | None
_BUDGET = 1.0  # seconds
_GLANCE = 1.0  # seconds between looks at whether a loop that is waited for still runs
_logger = logging.getLogger("dynconf.host")


class Host:
    """One place for coroutines, tasks and callbacks; made by `in_thread` or `in_loop`.

    `spawn` and `run_callback` are for code on the host's loop, all else for any thread. A host
    keeps its owner alive only through what the owner gave it to run.

    Attributes:
        name: what threads, tasks and log lines are named after.
        threaded: whether the loop is a daemon thread's, not the caller's.
    """

    @classmethod
    def in_thread(
        cls, name: str, *, delay: float = 0, threads: int = 16, on_fork: OnFork = None, on_exit: OnExit = None
    ) -> "Host":
        """Start a daemon thread with an event loop; work is taken at once.

        Args:
            name: the thread's name.
            delay: seconds in which the thread opens nothing, not even its loop, and work is only
                queued; for a forked child, which may be about to become another program.
            threads: how many synchronous callbacks may run side by side.
            on_fork: a bound method, held weakly; a forked child calls it once this host is dead there.
            on_exit: a bound method, held weakly; run on the loop, for 0.6 s at most, if the program ends.

        Raises:
            UsageError: gevent or eventlet has replaced what a host is made of, or will.
        """
        refuse_greenlets()
        host = cls(name, threaded=True, threads=threads, on_fork=on_fork, on_exit=on_exit)
        loop = None if delay else Loop()
        if loop:
            host._inbox.open(loop)
        host._thread = threading.Thread(target=host._run, args=(loop, delay), name=name, daemon=True)
        try:
            host._thread.start()
        except RuntimeError:
            host._finish()
            if loop:
                loop.close()
            raise
        return host

    @classmethod
    def in_loop(
        cls, name: str, *, threads: int = 16, on_fork: OnFork = None, on_exit: OnExit = None
    ) -> "Host":
        """Live in the caller's running loop, which is never closed nor otherwise disturbed.

        Raises:
            UsageError: as for `in_thread`.
        """
        refuse_greenlets()
        loop = asyncio.get_running_loop()
        host = cls(name, threaded=False, threads=threads, on_fork=on_fork, on_exit=on_exit)
        host._inbox.open(loop)
        return host

    def __init__(self, name: str, *, threaded: bool, threads: int, on_fork: OnFork, on_exit: OnExit) -> None:
        self.name = name
        self.threaded = threaded
        self._cap = threads
        self._on_fork = weakref.WeakMethod(on_fork) if on_fork else None
        self._on_exit = weakref.WeakMethod(on_exit) if on_exit else None
        self._hold_nothing()
        enlist(self)

    def _hold_nothing(self) -> None:
        self._inbox = Inbox(self.name)
        self._threads = all_kinds(self.name, self._cap)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._ending: asyncio.Task[None] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # nobody who waits for it can cancel it

    # Work

    @property
    def alive(self) -> bool:
        """Whether work is taken; not from the first request to stop on, and never in a forked child."""
        loop = self._inbox.loop
        return self._inbox.taking and not (loop is not None and loop.is_closed())

    def here(self) -> bool:
        """Whether the calling code is running on this host's loop."""
        return self._inbox.here()

    def call(
        self, make: Callable[[], Coroutine[Any, Any, T]], *, instead: str, timeout: float | None = None
    ) -> T:
        """Run a coroutine on the loop and wait for it; an interrupt or the timeout cancels it.

        Args:
            make: makes the coroutine, on the loop; not called if it cannot be run.
            instead: the call to await instead, as the error names it.
            timeout: seconds.

        Raises:
            BlockingCall: called on the very loop that would have to do the work.
            TimeoutError: the time is up.
            UsageError: the host has stopped, before or meanwhile.
        """
        self.refuse_to_block(instead)
        limit = None if timeout is None else time.monotonic() + timeout
        future: Future[T] = Future()
        try:  # from here on, because an interrupt may come as soon as the work has begun
            self._inbox.submit(future, make, self.spawn)
            while True:
                left = _GLANCE if limit is None else min(_GLANCE, limit - time.monotonic())
                if wait((future,), timeout=left).done:
                    return future.result()
                if limit is not None and time.monotonic() >= limit:
                    raise TimeoutError(f"{self.name}: no answer within {timeout:g} s")
                self._fail_if_lost(future)
        finally:
            future.cancel()
            del future  # an error's traceback holds this frame

    async def acall(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the host's loop, from whichever loop; cancelling this cancels it.

        On the host's own loop it is awaited directly, in the caller's task.

        Raises:
            UsageError: the host has stopped, before or meanwhile.
        """
        if self.here():
            if not self.alive:
                raise self._inbox.stopped()
            return await make()
        future: Future[T] = Future()
        self._inbox.submit(future, make, self.spawn)
        answer = asyncio.wrap_future(future)
        try:
            while not (await asyncio.wait((answer,), timeout=_GLANCE))[0]:
                self._fail_if_lost(future)
            return answer.result()
        finally:
            answer.cancel()
            del answer, future

    def post(self, function: Callable[..., object], *args: object) -> bool:
        """Call a function soon, on the loop; false if the host is gone. Fit for finalizers."""
        inbox = self._inbox
        return inbox.taking and inbox.send(function, *args)

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that lives as long as the host; an error that ends it is logged.

        Raises:
            UsageError: the host has stopped; the coroutine is closed.
        """
        if not self.alive:
            coroutine.close()
            raise self._inbox.stopped()
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def run_callback(self, name: str, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run a synchronous function on a callback thread, in a copy of the current context.

        Cancelling the future abandons the call, which goes on. Tasks that are being cancelled
        because the host stops may still use this.

        Args:
            name: whose callback it is, for the warnings about slow and hanging ones.
            function: what to call; what it raises is the awaiter's.

        Raises:
            UsageError: the host has stopped.
        """
        return self._run_on("callback", name, function)

    def run_work(self, name: str, function: Callable[[], T], kind: ThreadKind = "work") -> asyncio.Future[T]:
        """Do likewise on threads that no callback can keep busy; for the kinds see `all_kinds`."""
        with working_for(self):
            return self._run_on(kind, name, function)

    def reserve(self, kind: ThreadKind) -> None:
        """See to an idle thread for a later call: when a program ends, Python may start none any more."""
        self._threads[kind].has_room()

    def deserted(self) -> bool:
        """Whether all that runs here has been told to end: whoever runs the loop is about to close it."""
        return all(task.cancelling() for task in self._tasks)

    # Stopping

    def stop(self, budget: float = _BUDGET, *, instead: str = "await astop()") -> None:
        """Cancel everything and wait until it is gone, or the budget is used up.

        What hangs is abandoned and logged by name. May be called again, and from a callback, which
        isn't waited for.

        Args:
            budget: seconds.
            instead: the call to await instead, as the error names it.

        Raises:
            BlockingCall: called on the host's own loop.
        """
        self.refuse_to_block(instead)
        for threads in self._threads.values():
            self._inbox.send(threads.excuse, threading.current_thread())
        self.abort(budget)
        self.wait_until_gone(budget)

    async def close(self, budget: float = _BUDGET) -> None:
        """Do what `stop` does, from whichever loop; the calling task is neither cancelled nor waited for.

        Under `in_thread`, a task of the host that calls this has the rest of the budget to end in.
        """
        if self.here():
            caller = asyncio.current_task()
            under_way = self._ending is not None
            quiet = self._begin_ending(budget, caller)
            # A task of ours that comes second is being waited for itself.
            if not (under_way and caller in self._own_tasks()):
                await asyncio.shield(quiet)
            return
        self.abort(budget)
        ended = asyncio.wrap_future(self._ended)
        try:
            await asyncio.wait((ended,), timeout=budget)
        finally:
            ended.cancel()
        self.wait_until_gone(0.0)

    def abort(self, budget: float = _BUDGET) -> None:
        """Ask everything to end, and wait for nothing. Fit for finalizers."""
        self._inbox.taking = False
        self._hurry.put(None)
        if not self._inbox.send(self._begin_ending, budget) or self._idle():
            self._finish()

    def begin_exit(self) -> Future[object] | None:
        """Have the owner's `on_exit` run; none if there is nothing to run, or no loop that would run it."""
        make = self._on_exit() if self._on_exit else None
        if make is None or not self.alive or self._inbox.loop is None or self._idle():
            return None
        future: Future[object] = Future()
        self._inbox.submit(future, make, self.spawn)
        return future

    def wait_until_gone(self, budget: float) -> None:
        """Wait at most that many seconds after `abort`; if it was not enough, say so and give up."""
        loop, thread = self._inbox.loop, self._thread
        if wait((self._ended,), timeout=budget).done:
            if thread:
                thread.join(_BUDGET)  # on its way out
            return
        task = asyncio.current_task(loop) if loop else None
        culprit = task.get_name() if task else "a callback of it"
        _logger.warning("%s: its event loop did not stop in time, %s blocks it", self.name, culprit)
        self._finish()

    def stand_still(self, pause: Pause) -> bool:
        """Before a fork: have the thread be between two steps."""
        inbox = self._inbox  # without a loop, as at the beginning of a forked child, there is nothing to stop
        return self.threaded and inbox.loop is not None and not self.here() and inbox.send(pause.hold)

    def leave_behind(self) -> Callable[[], object] | None:
        """In a forked child: be dead, with everything inherited parked, and give the owner's `on_fork`."""
        restart = self._on_fork() if self._on_fork and self.alive else None
        if self._thread is threading.current_thread():
            self._inbox.forsake()
        park(dict(vars(self)))
        self._hold_nothing()
        self._finish()
        return restart

    def refuse_to_block(self, instead: str) -> None:
        """Raise `BlockingCall` on the host's own loop, naming the form to await."""
        if self.here():
            raise BlockingCall(f"this would wait for the event loop that it runs on; use `{instead}`")

    def _fail_if_lost(self, future: Future[Any]) -> None:
        """See what nobody tells: the caller's loop isn't run any more, or the end came between two steps."""
        if self._inbox.closed or self._idle():
            self._inbox.fail(future)

    def _idle(self) -> bool:
        """Whether the caller's loop isn't running, so that there is nothing to wait for."""
        loop = self._inbox.loop
        return not self.threaded and loop is not None and not loop.is_running()

    def _reap(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _logger.error("%s: %s failed: %s", self.name, task.get_name(), trace(error))

    def _run_on(self, kind: ThreadKind, name: str, function: Callable[[], T]) -> asyncio.Future[T]:
        if self._threads[kind].closed:
            raise self._inbox.stopped()
        return with_room(self._threads, kind).run(name, function, self._inbox.send)

    def _own_tasks(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() if self.threaded else set(self._tasks)

    def _begin_ending(self, budget: float, caller: asyncio.Task[Any] | None = None) -> asyncio.Future[None]:
        self._inbox.taking = False
        if self._quiet is None:
            loop = asyncio.get_running_loop()
            self._quiet = loop.create_future()
            self._ending = loop.create_task(self._end(budget, caller, self._quiet), name=f"{self.name}: stop")
        return self._quiet

    async def _end(
        self, budget: float, caller: asyncio.Task[Any] | None, quiet: asyncio.Future[None]
    ) -> None:
        """Each stage has a part of the budget to itself, should an earlier one take all it may."""
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        begun = loop.time()
        try:
            tasks = await cancel_all(self._own_tasks, {me, caller}, begun + 0.6 * budget)
            until = begun + 0.7 * budget
            busy = await asyncio.gather(*(threads.close(until) for threads in self._threads.values()))
            names = [name for names in busy for name in names]
            quiet.set_result(None)
            if self.threaded:
                if caller and not caller.done():
                    await asyncio.wait((caller,), timeout=begun + 0.8 * budget - loop.time())
                tasks = await cancel_all(self._own_tasks, {me}, begun + 0.85 * budget)
                park(*tasks)  # or they would be destroyed while pending
                generators = loop.create_task(loop.shutdown_asyncgens())
                await asyncio.wait((generators,), timeout=begun + 0.9 * budget - loop.time())
            names += [task.get_name() for task in tasks]
            if names:
                _logger.warning("%s: stopped without waiting for %s", self.name, ", ".join(names))
        finally:
            if not quiet.done():
                quiet.set_result(None)
            if self.threaded:
                loop.stop()
            else:
                self._finish()

    def _finish(self) -> None:
        """Be gone: whoever waits for anything hears of it."""
        discharge(self)
        for threads in self._threads.values():
            threads.dismiss()
        self._inbox.close()
        with suppress(InvalidStateError):
            self._ended.set_result(None)

    def _run(self, loop: asyncio.AbstractEventLoop | None, delay: float) -> None:
        """The thread. In a process forked from it, `self._thread` is None and the loop the parent's."""
        try:
            if loop is None:
                with suppress(Empty):
                    self._hurry.get(timeout=delay)
                if not self.alive:
                    return
                loop = Loop()
                self._inbox.open(loop)
            while self._thread is not None and not (self._ending and self._ending.done()):
                with suppress(SystemExit, KeyboardInterrupt):  # a task's wish to exit is logged, not granted
                    loop.run_forever()
        finally:
            depart()
            if loop is not None and self._thread is not None:
                loop.close()
            self._finish()
