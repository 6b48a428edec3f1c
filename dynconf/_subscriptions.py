"""The ways to be told of changes: a callback, an async iterator, and waiting for a condition."""

import asyncio
import inspect
import logging
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Self, TypeAlias, TypeVar

from pydantic import BaseModel

from dynconf._dispatch import Dispatcher
from dynconf._host import Host
from dynconf._inbox import trace
from dynconf._models import USER_ERRORS, changed_fields, equal, field_value
from dynconf._snapshot import Change, Snapshot, View
from dynconf._tree import MISSING, Path, delta_paths, dotted
from dynconf.errors import DynconfError, UsageError

T = TypeVar("T")
Selector: TypeAlias = Callable[[Any], Any]

logger = logging.getLogger("dynconf.subscriptions")


class _Watch(Generic[T]):
    """What was seen last of one model, and a slot for what is new: the latest wins."""

    def __init__(
        self,
        index: int,
        wake: Callable[[], object],
        name: str,
        path: Path = (),
        select: Selector | None = None,
    ) -> None:
        self.index = index
        self.path = path
        self.ended = False
        self._wake = wake
        self._name = name
        self._select = select
        self._latest: Any = MISSING
        self._seen: tuple[Any, Any] = (None, MISSING)
        self._mail: tuple[Snapshot, bool] | None = None

    def begin(self, snapshot: Snapshot, *, tell: bool) -> None:
        model = snapshot.models[self.index]
        self._latest = self._value(model)
        self._seen = (model, self._latest)
        if tell and self._latest is not MISSING:
            self._mail = (snapshot, True)
            self._wake()

    def consider(self, snapshot: Snapshot) -> None:
        value = self._value(snapshot.models[self.index])
        if value is self._latest or equal(value, self._latest):
            return
        self._latest = value
        self._mail = (snapshot, False)
        self._wake()

    def stopped(self) -> None:
        self.ended = True
        self._wake()

    def resumed(self) -> None:
        pass

    def forked(self) -> None:
        pass

    def take(self) -> Change[T] | None:
        """Empty the slot; `None` if it was empty, or held what this subscriber saw already."""
        mail, self._mail = self._mail, None
        if mail is None:
            return None
        snapshot, initial = mail
        model, (old_model, old) = snapshot.models[self.index], self._seen
        value = self._value(model)
        if not initial and equal(value, old):
            return None
        self._seen = (model, value)
        old = value if old is MISSING else old
        differing = delta_paths(changed_fields(old_model, model))
        within = self.path or _place_of(value, model) or ()
        paths = frozenset(dotted(path) for path in differing if _meet(within, path))
        return Change(old, value, paths, snapshot.version, View(snapshot), initial)

    def _value(self, model: Any) -> Any:
        if self._select is None:
            return field_value(model, self.path) if self.path else model
        try:
            return self._select(model)
        except USER_ERRORS as error:
            logger.error("the selector of %s failed; its old value stands\n%s", self._name, trace(error))
            return self._latest


def _meet(a: Path, b: Path) -> bool:
    """Whether one path lies on, above or below the other."""
    return all(str(one) == str(other) for one, other in zip(a, b, strict=False))


def _place_of(value: Any, model: Any) -> Path | None:
    """Where in a model a selected sub-model stands; `None` for anything else."""
    if not isinstance(value, BaseModel) or not isinstance(model, BaseModel):
        return None
    for name, item in model.__dict__.items():
        if item is value:
            return (name,)
        below = _place_of(value, item)
        if below is not None:
            return (name, *below)
    return None


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
                        await host.run_callback(self.name, partial(self._call, item))
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
        self._inside = True
        try:
            self._function(item)
        finally:
            self._inside = False
            if not self._running:
                self._wake()

    def _resumed(self) -> None:
        self._running = False
        self._wake()

    def _forked(self) -> None:
        self._running = self._inside = False


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
        self._watch: _Watch[T] = _Watch(index, self._wake, self.name, path, select)
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


class Changes(AsyncIterator[Change[T]]):
    """An async iterator over the changes of one model, for one consumer in one loop, whichever.

    It begins with what holds when it is made, skips what came while its consumer was busy but for
    the latest, and ends when the Config stops.
    """

    def __init__(self, dispatcher: Dispatcher, index: int) -> None:
        me = weakref.ref(self)
        self._dispatcher = dispatcher
        self._watch: _Watch[T] = _Watch(index, lambda: _wake(me), "changes()")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None
        # An iterator that was broken off is just dropped: nothing then calls an aclose.
        self._finalizer = weakref.finalize(self, dispatcher.discard, self._watch)
        self._finalizer.atexit = False
        dispatcher.add(self._watch, immediate=False)

    async def __anext__(self) -> Change[T]:
        if self._event is None:
            self._event = asyncio.Event()
            self._loop = asyncio.get_running_loop()
        while True:
            self._event.clear()
            with self._dispatcher.lock:
                change = self._watch.take()
            if change is not None:
                return change
            if self._watch.ended:
                self._finalizer()
                raise StopAsyncIteration
            await self._event.wait()

    async def aclose(self) -> None:
        """Stop being told."""
        self._watch.ended = True
        self._finalizer()


def _wake(reference: "weakref.ref[Changes[Any]]") -> None:
    changes = reference()
    if changes is not None and changes._loop is not None and changes._event is not None:
        with suppress(RuntimeError):  # its loop is closed: nobody waits
            changes._loop.call_soon_threadsafe(changes._event.set)


class Until(Generic[T]):
    """Waits until a published model meets a condition; `future` then holds that model."""

    path: Path = ()

    def __init__(self, index: int, condition: Callable[[T], object]) -> None:
        self.index = index
        self.future: Future[T] = Future()
        self._condition = condition

    def begin(self, snapshot: Snapshot, *, tell: bool) -> None:
        self.consider(snapshot)

    def consider(self, snapshot: Snapshot) -> None:
        if self.future.done():
            return
        model = snapshot.models[self.index]
        with suppress(InvalidStateError):  # given up while the condition was asked
            try:
                if self._condition(model):
                    self.future.set_result(model)
            except USER_ERRORS as error:
                self.future.set_exception(error)

    def stopped(self) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(
                UsageError("the configuration was stopped while something waited for it")
            )

    def resumed(self) -> None:
        pass

    def forked(self) -> None:
        pass
