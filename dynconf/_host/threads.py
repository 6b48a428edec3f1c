"""Where synchronous user code runs: daemon threads that hold up neither the loop nor the program's exit."""

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any, Generic, Literal, Protocol, TypeVar

from dynconf._host.stillness import depart

T = TypeVar("T")

ThreadKind = Literal["callback", "work", "source", "prepare", "close"]

_PATIENCE = 1.0
_WORKERS = 16
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
        grows: whether others take the place of threads that have all been busy for a second; those end
            with what they run. For calls whose number is bounded otherwise.
    """

    def __init__(self, name: str, cap: int, kind: str = "callback", *, grows: bool = False) -> None:
        self._name = name
        self._kind = kind
        self._cap = cap
        self._grows = grows
        self._started = 0
        # Its put() may be called from a finalizer, and its lock is not Python's.
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._threads: set[Thread] = set()
        self._jobs: dict[_Job[Any], None] = {}
        self._slow: set[_Job[Any]] = set()
        self._full: asyncio.TimerHandle | None = None
        self._change: asyncio.Future[None] | None = None
        self.closed = False

    def __del__(self) -> None:
        self.dismiss()  # where the loop ended without a stop

    def run(self, name: str, function: Callable[[], T], send: Send) -> asyncio.Future[T]:
        """Run the function in a copy of the caller's context; a cancelled answer abandons it.

        Args:
            name: what a warning calls it.
            function: what to call.
            send: how its thread hands the outcome to the loop.
        """
        job = _Job(name, function, send, self._finished)
        if not (self.has_room() or self.has_any()):
            raise RuntimeError("can't start a thread for it")
        self._jobs[job] = None
        self._queue.put(job)
        self._look()
        answer: asyncio.Future[T] = job.answer
        return answer

    def has_room(self) -> bool:
        """See to a thread for one more call; false if all are busy, and another could not be started."""
        full = self.closed or len(self._threads) >= self._cap
        return len(self._jobs) < len(self._threads) or full or self._start_thread()

    def has_any(self) -> bool:
        """Whether a thread is there, which may be busy."""
        return bool(self._threads)

    def is_idle(self) -> bool:
        """Whether a thread that is there has nothing to do."""
        return len(self._jobs) < len(self._threads)

    def excuse(self, thread: Thread) -> None:
        """Don't wait for what runs on this thread: it is the one that waits for the close."""
        for job in (*self._jobs, *self._slow):
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
        while (hung := self._hung()) and loop.time() < until:
            self._change = loop.create_future()
            await asyncio.wait((self._change,), timeout=until - loop.time())
        if self._full:
            self._full.cancel()
        # What is left of these threads is the way out, so this is a matter of microseconds.
        for thread in self._threads - {job.thread for job in self._jobs}:
            thread.join(max(0.0, until - loop.time()))
        return hung

    def _start_thread(self) -> bool:
        name = f"{self._name}-{self._kind}-{self._started}"
        thread = Thread(target=_work, args=(self._queue,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads, or the interpreter is on its way out
            return False
        self._started += 1
        self._threads.add(thread)
        return True

    def _hung(self) -> list[str]:
        return [job.name for job in (*self._jobs, *self._slow) if not job.excused]

    def _look(self) -> None:
        """Look again in a second if all are busy now."""
        if len(self._jobs) >= self._cap and self._full is None and not self.closed:
            self._full = asyncio.get_running_loop().call_later(_PATIENCE, self._all_busy)

    def _all_busy(self) -> None:
        self._warn()
        if not self._grows or self.closed:
            return
        self._full = None
        for job in list(self._jobs):
            if job.thread and job.release():
                self._threads.discard(job.thread)
                del self._jobs[job]
                self._slow.add(job)
        for _ in range(min(len(self._jobs), self._cap) - len(self._threads)):
            self._start_thread()  # or the next call has one started
        self._look()

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
        self._slow.discard(job)
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
            "%s: all %d %s threads have been busy for a second, others %s; running: %s",
            self._name,
            self._cap,
            self._kind,
            "take their place" if self._grows else "wait",
            names,
        )


def all_kinds(name: str, callbacks: int) -> dict[ThreadKind, CallbackThreads]:
    """A host's threads, by what they are for: none of these kinds can keep another waiting.

    - callback: subscribers.
    - work: what dynconf itself does, which the user's code can never fill: reads, look-ups, the cache.
    - source: functions of others' that sources hand to `Feed.blocking`; dynconf's own are work, and bounded.
    - prepare: code of the user's that a change waits for. What hangs there is not called again, so the
      number of its calls is bounded.
    - close: what closes what that made.

    Args:
        name: the host's.
        callbacks: how many of the first kind there may be.
    """
    return {
        "callback": CallbackThreads(name, callbacks),
        "work": CallbackThreads(name, _WORKERS, "work"),
        "source": CallbackThreads(name, _WORKERS, "source"),
        "prepare": CallbackThreads(name, _WORKERS, "prepare", grows=True),
        "close": CallbackThreads(name, _WORKERS, "close"),
    }


def with_room(kinds: Mapping[ThreadKind, CallbackThreads], kind: ThreadKind) -> CallbackThreads:
    """The threads of a kind, or others that are idle if those are busy and no further one can be started.

    If none is idle, then some for which the call waits: its own kind's, if there are any. Python 3.12 starts
    no thread any more when a program ends, and that is when its resources are closed.
    """
    threads = kinds[kind]
    if threads.has_room():
        return threads
    there = [others for others in (threads, *kinds.values()) if others.has_any()]
    return next((others for others in there if others.is_idle()), there[0] if there else threads)


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
        self._turn = Lock()
        self._over = False
        self._released = False

    def release(self) -> bool:
        """Have its thread end with it; false if it is over."""
        with self._turn:
            self._released = not self._over
            return self._released

    def run(self) -> bool:
        """Call the function unless it was given up; false when its thread is not needed any more."""
        self.thread = current_thread()
        value: T | None = None
        error: Exception | None = None
        try:
            if not self.answer.cancelled():
                value = self._context.run(self._function)
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the awaiter
            error = _bearable(raised, self.name)
        with self._turn:
            self._over = True
        try:
            return self._send(self._finished, self, value, error) and not self._released
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
