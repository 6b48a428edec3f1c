"""Callbacks: serial, on a thread or the core's loop, told of the latest change or of every error."""

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Self, TypeVar

from dynconf._dispatch.dispatcher import Dispatcher
from dynconf._dispatch.watch import Selector, Watch
from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._values.snapshot import Change
from dynconf._values.tree import Path
from dynconf.errors import DynconfError

T = TypeVar("T")

logger = logging.getLogger("dynconf.subscriptions")


class Subscription(ABC, Generic[T]):
    """A callback that is told of changes; call it like the function that it was made from.

    It is serial: the function is never called again while it still runs. It ends with `close()`,
    or as a context manager, and is kept when the Config stops and starts again.
    """

    def __init__(self, dispatcher: Dispatcher, function: Callable[..., Any]) -> None:
        self.name: str = getattr(function, "__qualname__", type(function).__name__)
        self.closed: bool = False
        self._dispatcher = dispatcher
        self._function = function
        self._is_async = _is_async(function)
        self._running = False
        self._inside = False
        self._queued: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscription {self.name}{' (closed)' if self.closed else ''}>"

    def close(self) -> None:
        """Be told no more; a call under way goes on. May be called from anywhere, and again."""
        self.closed = True
        self._leave()

    @abstractmethod
    def _leave(self) -> None:
        """Have nothing put into the slot any more."""

    @abstractmethod
    def _next(self) -> Any:
        """Empty the slot."""

    def _wake(self) -> None:
        host = self._dispatcher.host
        if host is not None:
            host.post(self._start, host)

    def _start(self, host: Host) -> None:
        if not self._running and not self._inside and not self.closed and host.alive:
            self._running = True
            host.spawn(self._deliver(host), f"subscription {self.name}")

    async def _deliver(self, host: Host) -> None:
        try:
            while not self.closed and host.alive and (item := self._next()) is not None:
                try:
                    if self._is_async:
                        await self._function(item)
                    else:
                        self._queued = item
                        try:
                            await host.run_callback(self.name, partial(self._call, item))
                        finally:
                            self._give_back(item)
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():
                        raise
                    logger.error("%s cancelled itself\n%s", self.name, trace(error))
                except Exception as error:  # noqa: BLE001 - one subscriber's failure is nobody else's
                    logger.error("%s failed\n%s", self.name, trace(error))
        finally:
            self._running = False

    def _call(self, item: Any) -> None:
        """Call a sync function, on its thread; one that hangs over a stop is not called beside itself."""
        with self._dispatcher.lock:
            if self._queued is not item:  # given back: it is told after the next start
                return
            self._queued = None
            self._inside = True
        try:
            self._function(item)
        finally:
            self._inside = False
            if not self._running:
                self._wake()

    def _give_back(self, item: Any) -> None:
        """Keep what a stop dropped before the function was called."""
        with self._dispatcher.lock:
            if self._queued is item:
                self._queued = None
                self._untake(item)

    @abstractmethod
    def _untake(self, item: Any) -> None:
        """Undo the last `_next`, which gave that; what came since is newer and stays."""

    def _resumed(self) -> None:
        self._running = False
        self._wake()

    def _forked(self) -> None:
        self._running = self._inside = False
        self._queued = None


class ChangeSubscription(Subscription[T]):
    """A callback on changes of what it looks at."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        function: Callable[..., Any],
        index: int,
        path: Path,
        select: Selector | None,
    ) -> None:
        super().__init__(dispatcher, function)
        self._watch: Watch[T] = Watch(index, self._wake, self.name, path, select)
        self._watch.resumed = self._resumed  # type: ignore[method-assign]
        self._watch.forked = self._forked  # type: ignore[method-assign]

    def begin(self, *, immediate: bool) -> None:
        """Start being told."""
        self._dispatcher.add(self._watch, immediate=immediate)

    def _leave(self) -> None:
        self._dispatcher.discard(self._watch)

    def _next(self) -> Change[T] | None:
        with self._dispatcher.lock:
            return self._watch.take()

    def _untake(self, item: Any) -> None:
        self._watch.untake()


class ErrorSubscription(Subscription[DynconfError]):
    """A callback on errors; unlike changes, they queue up, to a thousand."""

    def __init__(self, dispatcher: Dispatcher, function: Callable[..., Any]) -> None:
        super().__init__(dispatcher, function)
        self._queue = _Errors(self._wake, self._resumed, self._forked)
        dispatcher.add_errors(self._queue)

    def _leave(self) -> None:
        self._dispatcher.discard_errors(self._queue)

    def _next(self) -> DynconfError | None:
        return self._queue.waiting.popleft() if self._queue.waiting else None

    def _untake(self, item: Any) -> None:
        self._queue.waiting.appendleft(item)


class _Errors:
    """The errors that one subscriber was not told of yet."""

    def __init__(
        self, wake: Callable[[], object], resumed: Callable[[], None], forked: Callable[[], None]
    ) -> None:
        self.waiting: deque[DynconfError] = deque(maxlen=1000)
        self.resumed = resumed
        self.forked = forked
        self._wake = wake

    def put(self, error: DynconfError) -> None:
        """Queue an error."""
        self.waiting.append(error)
        self._wake()


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its kind is asked, not whether it is there
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
