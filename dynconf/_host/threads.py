"""Where synchronous user code runs: daemon threads that hold up neither the loop nor the program's exit."""

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from typing import Any, Generic, Protocol, TypeVar

from dynconf._host.stillness import depart

T = TypeVar("T")

_PATIENCE = 1.0
_logger = logging.getLogger("dynconf.host")


class Send(Protocol):
    """How a thread hands something to the loop; false if the loop is gone."""

    def __call__(self, function: Callable[..., object], /, *args: object) -> bool: ...


class CallbackThreads:
    """Threads that grow with what is asked of them, up to a cap; all methods are the loop's only.

    They know the queue and the callback that they are running and nothing else, so an idle thread
    keeps nobody alive.

    Args:
        name: what the threads' names and the warnings start with.
        cap: how many threads there may be.
        kind: what the threads are for, in a word.
    """

    def __init__(self, name: str, cap: int, kind: str = "callback") -> None:
        self._name = name
        self._kind = kind
        self._cap = cap
        # Its put() may be called from a finalizer, and its lock is not Python's.
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._threads: set[Thread] = set()
        self._jobs: dict[_Job[Any], None] = {}
        self._full: asyncio.TimerHandle | None = None
        self._change: asyncio.Future[None] | None = None
        self.closed = False

    def run(self, name: str, function: Callable[[], T], send: Send) -> asyncio.Future[T]:
        """Run the function in a copy of the caller's context; a cancelled answer abandons it.

        Args:
            name: what a warning calls it.
            function: what to call.
            send: how its thread hands the outcome to the loop.
        """
        job = _Job(name, function, send, self._finished)
        if len(self._jobs) >= len(self._threads) < self._cap:
            self._start_thread()
        self._jobs[job] = None
        self._queue.put(job)
        if len(self._jobs) >= self._cap and self._full is None:
            self._full = asyncio.get_running_loop().call_later(_PATIENCE, self._warn)
        answer: asyncio.Future[T] = job.answer
        return answer

    def excuse(self, thread: Thread) -> None:
        """Don't wait for what runs on this thread: it is the one that waits for the close."""
        for job in self._jobs:
            if job.thread is thread:
                job.excused = True
        self._changed()

    def dismiss(self) -> None:
        """Let every thread end after what it is running; from any thread, waits for nothing."""
        if not self.closed:
            self.closed = True
            for _ in list(self._threads):
                self._queue.put(None)

    async def close(self, until: float) -> list[str]:
        """Drop what has not begun, wait for the rest, and name what did not end.

        Args:
            until: the loop's time, in seconds, after which nothing is waited for.
        """
        loop = asyncio.get_running_loop()
        self._drop_queued()
        self.dismiss()
        while (hung := [job.name for job in self._jobs if not job.excused]) and loop.time() < until:
            self._change = loop.create_future()
            await asyncio.wait((self._change,), timeout=until - loop.time())
        if self._full:
            self._full.cancel()
        # What is left of these threads is the way out, so this is a matter of microseconds.
        for thread in self._threads - {job.thread for job in self._jobs}:
            thread.join(max(0.0, until - loop.time()))
        return hung

    def _start_thread(self) -> None:
        name = f"{self._name}-{self._kind}-{len(self._threads)}"
        thread = Thread(target=_work, args=(self._queue,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads, or the interpreter is on its way out
            if not self._threads:
                raise
        else:
            self._threads.add(thread)

    def _drop_queued(self) -> None:
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job:
                job.answer.cancel()
                self._jobs.pop(job, None)

    def _finished(self, job: "_Job[Any]", value: object, error: Exception | None) -> None:
        self._jobs.pop(job, None)
        if self._full and len(self._jobs) < self._cap:
            self._full.cancel()
            self._full = None
        self._changed()
        if not job.answer.done():
            if error:
                job.answer.set_exception(error)
            else:
                job.answer.set_result(value)
        elif error:
            _logger.warning(
                "%s: %s raised %s after it was given up", self._name, job.name, type(error).__name__
            )

    def _changed(self) -> None:
        if self._change and not self._change.done():
            self._change.set_result(None)

    def _warn(self) -> None:
        slow = Counter(job.name for job in self._jobs if job.thread)
        names = ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in slow.items())
        _logger.warning(
            "%s: all %d %s threads have been busy for a second, others wait; running: %s",
            self._name,
            self._cap,
            self._kind,
            names,
        )


class _Job(Generic[T]):
    """One call of a function on a callback thread."""

    def __init__(
        self,
        name: str,
        function: Callable[[], T],
        send: Send,
        finished: Callable[["_Job[T]", T | None, Exception | None], None],
    ) -> None:
        self.name = name
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.thread: Thread | None = None
        self.excused = False
        self._function = function
        self._context = contextvars.copy_context()
        self._send = send
        self._finished = finished

    def run(self) -> bool:
        """Call the function unless it was given up; false when nobody is left to take the outcome."""
        self.thread = current_thread()
        value: T | None = None
        error: Exception | None = None
        try:
            if not self.answer.cancelled():
                value = self._context.run(self._function)
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the awaiter
            error = _bearable(raised, self.name)
        try:
            return self._send(self._finished, self, value, error)
        finally:
            error = None  # its traceback holds this frame


def _work(queue: "SimpleQueue[_Job[Any] | None]") -> None:
    while job := queue.get():
        wanted = job.run()
        del job  # or an idle thread would keep the callback's objects alive
        if not wanted:
            break
    depart()


def _bearable(error: BaseException, name: str) -> Exception:
    """The error as one that an awaiter can be given: no request to exit, to cancel or to stop iterating."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    replacement = RuntimeError(f"{name} raised {type(error).__name__}")
    replacement.__cause__ = error
    return replacement
