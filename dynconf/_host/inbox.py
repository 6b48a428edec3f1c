"""How work gets from any thread onto one event loop, and its outcome back."""

import asyncio
import contextvars
import logging
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from dynconf.errors import UsageError

T = TypeVar("T")

_logger = logging.getLogger("dynconf.host")


def trace(error: BaseException) -> str:
    """An error's type and where it was raised, without its text: that may hold a configured value."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


class Inbox:
    """Calls for a loop that may not be there yet, in order; takes no lock, so finalizers may use it.

    Attributes:
        loop: where the calls are made; None before there is one, and after the end.
        taking: whether new work is taken.
        closed: whether nothing is passed on any more.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: deque[tuple[contextvars.Context, Callable[..., object], tuple[object, ...]]] = deque()
        self._calls: set[Future[Any]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.taking = True
        self.closed = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the calls on this loop, those first that have been waiting."""
        self.loop = loop
        loop.call_soon_threadsafe(self._drain)

    def close(self) -> None:
        """Pass nothing on, and fail every call that has no answer yet."""
        self.taking = False
        self.closed = True
        self.loop = None
        for future in list(self._calls):
            self.fail(future)

    def forsake(self) -> None:
        """In a child forked on the loop: have code that returns to the parent's loop leave it, silently."""
        if self.loop:
            # From Python 3.14 on, it complains of the step that forked, as no loop runs in the child.
            self.loop.set_exception_handler(lambda *_: None)
            self.loop.stop()  # touches no descriptor

    def here(self) -> bool:
        """Whether the calling code runs on the loop; a forked child runs on none."""
        loop = self.loop
        return loop is not None and asyncio._get_running_loop() is loop

    def send(self, function: Callable[..., object], /, *args: object) -> bool:
        """Have a function called on the loop, or later if there is none yet; false if never."""
        if self.closed:
            return False
        self._items.append((contextvars.copy_context(), function, args))
        # Appending before looking: what `open` does not see here, its drain finds.
        try:
            if loop := self.loop:
                loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def submit(
        self,
        future: Future[T],
        make: Callable[[], Coroutine[Any, Any, T]],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        """Have a coroutine made and run on the loop, for this future; cancelling that cancels it."""
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        if not (self.taking and self.send(self._begin, future, make, spawn)):
            self.fail(future)

    def fail(self, future: Future[Any]) -> None:
        """Tell whoever waits for it that there will be no answer."""
        with suppress(InvalidStateError):
            future.set_exception(self.stopped())

    def stopped(self) -> UsageError:
        """The error for work that is not taken, or not finished."""
        return UsageError(f"{self._name} has stopped, or the event loop that it lived in")

    def _drain(self) -> None:
        """Make the calls here: a handle of the loop for each would log its arguments."""
        for _ in range(len(self._items)):
            context, function, args = self._items.popleft()
            try:
                context.run(function, *args)
            except Exception as error:  # noqa: BLE001
                _logger.error("%s: a posted call failed: %s", self._name, trace(error))

    def _begin(
        self,
        future: Future[T],
        make: Callable[[], Coroutine[Any, Any, T]],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        if future.done():
            return
        if not self.taking:
            self.fail(future)
            return
        task = spawn(self._answer(make, future), f"{self._name}: call")
        future.add_done_callback(lambda done: self.send(task.cancel) if done.cancelled() else None)

    async def _answer(self, make: Callable[[], Coroutine[Any, Any, T]], future: Future[T]) -> None:
        """Whatever comes of it, even a wish to exit, belongs to the caller."""
        with suppress(InvalidStateError):  # the caller went away
            try:
                future.set_result(await make())
            except asyncio.CancelledError:
                future.set_exception(CancelledError() if self.taking else self.stopped())
            except BaseException as error:  # noqa: BLE001
                future.set_exception(error)
            finally:
                del future  # an error's traceback holds this frame
