"""How one resource is made, checked and closed, by whichever kind of function the user has for it."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar

from dynconf._host.attempt import on_a_thread
from dynconf._host.host import Host
from dynconf.errors import UsageError

__all__ = ["Close", "Kind", "Recipe", "kind_of"]

R = TypeVar("R")
Kind = Literal["function", "async function", "generator", "async generator"]
Close = Callable[[], Awaitable[None]]

_NOTHING: Final = object()

_logger = logging.getLogger("dynconf.resources")


class Recipe(Generic[R]):
    """Makes, checks and closes. Sync code runs on threads of its own, async code on the core's loop.

    Args:
        name: for threads and tasks.
        create: a function, an async one, or a (async) generator or context-manager function, which
            gives the resource where it yields, and closes it after that.
        check: called with what was made; raises if it is no good.
        close: called with what is not used any more; none for a generator.

    Attributes:
        is_async: whether any of these is async.

    Raises:
        UsageError: they do not fit together.
    """

    def __init__(
        self,
        name: str,
        create: Callable[..., Any],
        check: Callable[[R], Any] | None,
        close: Callable[[R], Any] | None,
    ) -> None:
        for what, function in (("create", create), ("check", check), ("close", close)):
            if function is not None and not callable(function):
                raise UsageError(f"{what} is a function, not {type(function).__name__}")
        self.name: str = name
        self.kind: Kind = kind_of(create)
        if close is not None and "generator" in self.kind:
            raise UsageError("a generator closes what it made itself, after its yield: leave close= out")
        self._create = create
        self._check = check
        self._close = close
        self.is_async: bool = any(
            "async" in kind_of(one) for one in (create, check, close) if one is not None
        )

    async def make(self, host: Host, *arguments: Any) -> tuple[R, Close]:
        """Make one; what closes it comes with it. Cancelled, it leaves nothing open, and ends with `create`.

        Raises:
            UsageError: a function is async, and the core's loop is not the user's.
            Exception: whatever `create` raises.
        """
        if self.is_async:
            _refuse_foreign_loop(host)
        if self._closes_on_a_thread():
            host.reserve("close")
        name = f"create of {self.name}"
        if self.kind == "async generator":
            manager = self._create(*arguments)
            if inspect.isasyncgen(manager):
                manager = asynccontextmanager(lambda: manager)()
            return await _entered_in_a_task(host, f"life of {self.name}", manager)
        if self.kind == "generator":
            return await self._entered_on_a_thread(host, name, arguments)
        if self.kind == "async function":
            value = await self._create(*arguments)
        else:
            made = await _on_a_thread(host, name, partial(self._create, *arguments), self._late(host))
            value = await _own(host, made) if inspect.iscoroutine(made) else made

        async def close() -> None:
            if self._close is not None:
                closing = (
                    self._close(value)
                    if "async" in kind_of(self._close)
                    else await host.run_work(f"close of {self.name}", partial(self._close, value), "close")
                )
                if inspect.isawaitable(closing):
                    await closing

        return value, close

    async def check(self, host: Host, value: R) -> None:
        """Check one.

        Raises:
            Exception: it is no good; whatever `check` raises.
        """
        if self._check is not None:
            checking = (
                self._check(value)
                if "async" in kind_of(self._check)
                else await on_a_thread(host, f"check of {self.name}", partial(self._check, value))
            )
            if inspect.isawaitable(checking):
                await _own(host, checking)

    def _closes_on_a_thread(self) -> bool:
        if self._close is None:
            return self.kind == "generator"
        return "async" not in kind_of(self._close)

    def _late(self, host: Host) -> Callable[[R], object]:
        """Closes what came when nobody waited for it any longer; called on its thread."""

        def close(value: R) -> None:
            closing = self._close(value) if self._close is not None else None
            if not inspect.isawaitable(closing):
                return
            ending = _awaited(closing)

            def leave_behind() -> None:
                ending.close()
                if inspect.iscoroutine(closing):
                    closing.close()
                _logger.warning("%s: one came after the stop; it is left behind", self.name)

            def begin() -> None:
                try:
                    host.spawn(ending, f"close of {self.name}")
                except UsageError:  # it has stopped since
                    leave_behind()

            if not host.post(begin):
                leave_behind()

        return close

    async def _entered_on_a_thread(
        self, host: Host, name: str, arguments: tuple[Any, ...]
    ) -> tuple[R, Close]:
        def enter() -> tuple[Any, Any]:
            made = self._create(*arguments)
            manager = contextmanager(lambda: made)() if inspect.isgenerator(made) else made
            return manager, manager.__enter__()

        def leave(entered: tuple[Any, Any]) -> None:
            entered[0].__exit__(None, None, None)

        entered: tuple[Any, R] = await _on_a_thread(host, name, enter, leave)

        async def close() -> None:
            await host.run_work(f"close of {self.name}", partial(leave, entered), "close")

        return entered[1], close


def kind_of(function: Callable[..., Any]) -> Kind:
    """What a function is, seen through `partial`, `contextmanager` and other wrappers."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if not inspect.isroutine(function) and not inspect.isclass(function):
        function = inspect.unwrap(type(function).__call__)
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "async function" if inspect.iscoroutinefunction(function) else "function"


class _Call(Generic[R]):
    """One call on a thread; if nobody waits for it any longer, what it gives is closed."""

    def __init__(self, function: Callable[[], R], late: Callable[[R], object]) -> None:
        self._function = function
        self._late = late
        self._given_up = False
        self._value: Any = _NOTHING
        self._turn = threading.Lock()

    def __call__(self) -> R:
        value = self._function()
        with self._turn:
            self._value = value
            late = self._given_up
        if late:
            self._late(value)
        return value

    def give_up(self) -> Callable[[], object] | None:
        """Do without it; what is to be called if it is there already."""
        with self._turn:
            self._given_up = True
            return None if self._value is _NOTHING else partial(self._late, self._value)


async def _on_a_thread(host: Host, name: str, function: Callable[[], R], late: Callable[[R], object]) -> R:
    call = _Call(function, late)
    try:
        return await on_a_thread(host, name, call)
    except asyncio.CancelledError:
        left = call.give_up()
        if left is not None:
            host.run_work(name, left, "close")
        raise


async def _entered_in_a_task(host: Host, name: str, manager: Any) -> tuple[Any, Close]:
    """Enter an async context manager in a task that leaves it, too, as some must be."""
    entered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    wanted = asyncio.Event()

    async def live() -> None:
        try:
            async with manager as value:
                entered.set_result(value)
                await wanted.wait()
        except BaseException as error:
            if entered.done():
                raise
            if isinstance(error, asyncio.CancelledError):
                entered.cancel()
                raise
            entered.set_exception(error)

    task = host.spawn(live(), name)

    async def close() -> None:
        wanted.set()
        await asyncio.wait([task])

    try:
        return await asyncio.shield(entered), close
    except asyncio.CancelledError:
        wanted.set()  # it leaves like any other if it has been entered
        if not entered.done():
            entered.add_done_callback(lambda _: entered.cancelled() or entered.exception())  # nobody asks
            task.cancel()
        await asyncio.wait([task])
        raise


async def _awaited(awaitable: Awaitable[R]) -> R:
    return await awaitable


async def _own(host: Host, awaitable: Awaitable[R]) -> R:
    """Await what a function gave, if the loop is the user's own."""
    try:
        _refuse_foreign_loop(host)
    except UsageError:
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise
    return await awaitable


def _refuse_foreign_loop(host: Host) -> None:
    if host.threaded:
        raise UsageError("its functions are async, so the Config has to be started by `async with`")
