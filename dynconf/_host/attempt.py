"""User code that is waited for only so long; left to itself, it counts as running until it has ended."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from dynconf._host.host import Host

T = TypeVar("T")

_MOMENT = 0.05  # seconds in which what was cancelled should have ended
_GLANCE = 0.1  # seconds until the first look at whether it still matters how a call ends; then ever more
_logger = logging.getLogger("dynconf.host")


class Attempt(Generic[T]):
    """A coroutine in a task of its own, which holds up nobody who waits for it no longer.

    Args:
        host: where it runs.
        coroutine: what runs.
        name: the task's.

    Attributes:
        left: whether nobody waits for it any more.

    Raises:
        asyncio.CancelledError: the host has stopped.
    """

    def __init__(self, host: Host, coroutine: Coroutine[Any, Any, T], name: str) -> None:
        self.left: bool = False
        if not host.alive:
            coroutine.close()
            raise asyncio.CancelledError
        self.task: asyncio.Task[tuple[T | None, BaseException | None]]
        self.task = host.spawn(_outcome(coroutine), name)

    async def result(self) -> T:
        """Wait for it. Cancelled, this cancels it too, but does not wait for its end.

        Raises:
            BaseException: whatever it raises.
        """
        try:
            await asyncio.wait([self.task])
        except asyncio.CancelledError:
            self.left = True
            self.task.cancel()
            raise
        value, error = self.task.result()
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback holds this frame
        return value  # type: ignore[return-value]

    async def ends(self) -> bool:
        """Whether it ends within a moment."""
        await asyncio.wait([self.task], timeout=_MOMENT)
        return self.task.done()


async def on_a_thread(host: Host, name: str, function: Callable[[], T]) -> T:
    """Call a synchronous function of the user's that something waits for.

    Cancelled, this ends with the function, so that it is known whether that hangs; cancelled again, or with
    all else that the host runs, as `asyncio.run` does at its end, soon.

    Args:
        host: where this runs.
        name: whose function it is, for warnings.
        function: not called if this was cancelled before a thread had time for it.

    Raises:
        Exception: whatever the function raises.
        UsageError: the host has stopped.
    """
    wanted = True
    future = host.run_work(name, lambda: function() if wanted else None, "prepare")
    try:
        await asyncio.wait([future])
    except asyncio.CancelledError:
        wanted, glance = False, _GLANCE
        while not future.done() and not host.deserted():
            await asyncio.wait([future], timeout=glance)
            glance *= 2  # what has begun to hang long before the end is cancelled again by that
        if future.done() and not future.cancelled() and (error := future.exception()):
            _logger.warning("%s: %s raised %s after it was given up", host.name, name, type(error).__name__)
        raise
    finally:
        future.cancel()
    return future.result()  # type: ignore[return-value]


async def _outcome(coroutine: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """Whatever it ends in, even a wish to exit, is for whoever asks for it."""
    try:
        return await coroutine, None
    except BaseException as error:  # noqa: BLE001
        return None, error
