"""Callbacks: serial, on a thread or the core's loop, told of the latest change or of every error."""

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

from dynconf._dispatch.dispatcher import Dispatcher
from dynconf._dispatch.watch import Selector, Watch
from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._values.snapshot import Snapshot
from dynconf._values.tree import Path
from dynconf.errors import DynconfError

T = TypeVar("T")

logger = logging.getLogger("dynconf.subscriptions")

_caller: ContextVar["Subscription[Any] | None"] = ContextVar("dynconf_caller", default=None)
"""The subscription whose function the running code belongs to, on whichever thread."""


class Slot(Protocol):
    """What a subscriber has still to be told."""

    def take(self) -> Any:
        """Empty it, or of several take the oldest; `None` if there is nothing to tell."""
        ...

    def told(self) -> None:
        """What was taken has been seen."""
        ...

    def untake(self) -> None:
        """What was taken has not been seen."""
        ...


class Subscription(ABC, Generic[T]):
    """A callback that is told of changes; call it like the function that it was made from.

    It is serial: the function is never called again while it still runs. It ends with `close()`,
    or as a context manager, and is kept when the Config stops and starts again.
    """

    _slot: Slot

    def __init__(self, dispatcher: Dispatcher, function: Callable[..., Any]) -> None:
        self.name: str = getattr(function, "__qualname__", type(function).__name__)
        self.closed: bool = False
        self._dispatcher = dispatcher
        self._function = function
        self._is_async = is_async(function)
        self._teller: Host | None = None  # where it is being told; one whose loop was closed stays here
        self._inside = False
        self._lingers: asyncio.AbstractEventLoop | None = None
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

    def _wake(self) -> None:
        host = self._dispatcher.host
        if host is not None:
            host.post(self._start, host)

    def _start(self, host: Host) -> None:
        busy = self._inside or (self._lingers is not None and not self._lingers.is_closed())
        if self._teller is not host and not busy and not self.closed and host.alive:
            self._teller = host
            host.spawn(self._deliver(host), f"subscription {self.name}")

    async def _deliver(self, host: Host) -> None:
        _caller.set(self)
        try:
            while not self.closed and host.alive and (item := self._next()) is not None:
                try:
                    if self._is_async:
                        await self._await(item)
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
                except (KeyboardInterrupt, GeneratorExit):
                    raise
                except BaseException as error:  # noqa: BLE001 - one subscriber's failure is nobody else's
                    logger.error("%s failed\n%s", self.name, trace(error))
        finally:
            if self._teller is host:
                self._teller = None

    def _next(self) -> Any:
        with self._dispatcher.lock:
            return self._slot.take()

    def _told(self) -> None:
        with self._dispatcher.lock:
            self._slot.told()

    async def _await(self, item: Any) -> None:
        """Await an async function; one that cleans up over a stop is not called beside itself."""
        self._lingers = asyncio.get_running_loop()
        try:
            await self._function(item)
        finally:
            self._lingers = None
            self._told()
            if self._teller is not self._dispatcher.host:
                self._wake()

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
            self._told()
            self._inside = False
            if self._teller is not self._dispatcher.host:
                self._wake()

    def _give_back(self, item: Any) -> None:
        """Keep what a stop dropped before the function was called."""
        with self._dispatcher.lock:
            if self._queued is item:
                self._queued = None
                self._slot.untake()

    def _forked(self) -> None:
        """In a forked child: what was under way is told again, as its thread or loop is no more.

        A function that forked itself does go on; told again it might fork again, and so on.
        """
        self._teller = None
        self._inside = False
        self._lingers = None
        self._queued = None
        if _caller.get() is self:
            self._slot.told()
        else:
            self._slot.untake()


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
        self._slot: _ChangeSlot[T] = _ChangeSlot(self, index, path, select)

    def begin(self, *, immediate: bool) -> None:
        """Start being told."""
        self._dispatcher.add(self._slot, immediate=immediate)

    def _leave(self) -> None:
        self._dispatcher.discard(self._slot)


class ErrorSubscription(Subscription[DynconfError]):
    """A callback on errors; unlike changes, they queue up, to a thousand."""

    def __init__(self, dispatcher: Dispatcher, function: Callable[..., Any]) -> None:
        super().__init__(dispatcher, function)
        self._slot: _ErrorSlot = _ErrorSlot(self)
        dispatcher.add_errors(self._slot)

    def _leave(self) -> None:
        self._dispatcher.discard_errors(self._slot)


class _ChangeSlot(Watch[T]):
    """What a callback on changes has still to be told."""

    def __init__(
        self, subscription: Subscription[T], index: int, path: Path, select: Selector | None
    ) -> None:
        super().__init__(index, subscription._wake, subscription.name, path, select)
        self._subscription = subscription

    def resumed(self) -> None:
        self._subscription._wake()

    def forked(self, snapshot: Snapshot | None) -> None:
        self._subscription._forked()
        super().forked(snapshot)


class _ErrorSlot:
    """The errors that one subscriber was not told of yet."""

    def __init__(self, subscription: Subscription[Any]) -> None:
        self.resumed = subscription._wake
        self.forked = subscription._forked
        self._wake = subscription._wake
        self._waiting: deque[DynconfError] = deque(maxlen=1000)
        self._taken: DynconfError | None = None

    def put(self, error: DynconfError) -> None:
        """Queue an error."""
        self._waiting.append(error)
        self._wake()

    def take(self) -> DynconfError | None:
        """The oldest; `None` if there is none."""
        self._taken = self._waiting.popleft() if self._waiting else None
        return self._taken

    def told(self) -> None:
        """What was taken has been seen."""
        self._taken = None

    def untake(self) -> None:
        """What was taken has not been seen."""
        if self._taken is not None:
            self._waiting.appendleft(self._taken)
            self._taken = None


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    while isinstance(function, partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its kind is asked, not whether it is there
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
