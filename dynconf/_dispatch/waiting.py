"""Being told without a callback: an async iterator, and waiting for a condition."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Generic, TypeVar

from dynconf._dispatch.dispatcher import Dispatcher
from dynconf._dispatch.watch import Watch
from dynconf._values.snapshot import Change, Snapshot
from dynconf._values.tree import Path
from dynconf.errors import UsageError

T = TypeVar("T")


class Changes(AsyncIterator[Change[T]]):
    """An async iterator over the changes of one model, for one consumer in one loop, whichever.

    It begins with what holds when it is made, skips what came while its consumer was busy but for
    the latest, and ends when the Config stops.
    """

    def __init__(self, dispatcher: Dispatcher, index: int) -> None:
        me = weakref.ref(self)
        self._dispatcher = dispatcher
        self._watch: Watch[T] = Watch(index, lambda: _wake(me), "changes()")
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
                self._watch.told()
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
            except StopIteration as error:  # which no future of asyncio's carries
                failure = RuntimeError("the condition raised StopIteration")
                failure.__cause__ = error
                self.future.set_exception(failure)
            except BaseException as error:  # noqa: BLE001 - whoever waits is to get it
                self.future.set_exception(error)

    def stopped(self) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(
                UsageError("the configuration was stopped while something waited for it")
            )

    def resumed(self) -> None:
        pass

    def forked(self, snapshot: Snapshot | None) -> None:
        pass
