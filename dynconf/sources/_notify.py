"""The one thread that waits for something to happen in some folders."""

import asyncio
import atexit
import os
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

# Milliseconds. watchfiles looks every step for what happened, and gives it out when a step brought
# nothing more, or after the debounce. A look costs some 40 µs, so the step weighs speed against rest.
_STEP = 25
_DEBOUNCE = 100
# Seconds: how long to leave folders alone whose events cannot be read.
_PAUSE = 1.0
# Seconds that the program's exit gives the thread; it takes one step.
_EXIT = 0.5


class _LoopGone(Exception):
    """The event loop to report to is closed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    folders: frozenset[str]
    stop: Event = field(default_factory=Event)


class Notifier:
    """Says, on the loop that it is made on, in which of the watched folders something happened.

    watchfiles is not used through its `awatch`, whose thread holds up the program's exit when
    nobody stops it. Folders are watched themselves, and in their parents for their own going.

    Args:
        armed: called when folders given to `watch` are being watched, so that whatever happened
            before can be looked for; with what went wrong, if not all of them are.
        changed: called with the folders in which something happened, and whether one of the
            folders itself went or came, so that `watch` is needed again.
    """

    def __init__(
        self, armed: Callable[[str], None], changed: Callable[[AbstractSet[str], bool], None]
    ) -> None:
        self._armed = armed
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._order = _Order(frozenset())
        self._thread: Thread | None = None
        self._ended = asyncio.Event()
        self.pid = os.getpid()

    def watch(self, folders: AbstractSet[str]) -> None:
        """Watch these real paths from now on, and no others."""
        self._order.stop.set()
        self._order = _Order(frozenset(folders))
        self._orders.put(self._order)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="dynconf-watch", daemon=True)
            self._thread.start()
            _notifiers.add(self)

    async def close(self) -> None:
        """End the thread; if the operating system holds it, leave it behind."""
        self._dismiss()
        if self._thread is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _EXIT)
                self._thread.join(_EXIT)

    def halt(self) -> None:
        """End the thread from any other one, without the loop."""
        self._dismiss()
        if self._thread is not None:
            self._thread.join(_EXIT)

    def _dismiss(self) -> None:
        self._order.stop.set()
        self._orders.put(None)

    def _run(self) -> None:
        with suppress(_LoopGone):
            while (order := self._orders.get()) is not None:
                if not order.stop.is_set():
                    self._follow(order)
            self._post(self._ended.set)

    def _follow(self, order: _Order) -> None:
        folders = order.folders
        parents = {os.path.dirname(folder) for folder in folders}
        notify, trouble = _notify(sorted(folders | parents))
        self._post(self._armed, trouble)
        if notify is None:
            return
        with notify:
            while True:
                try:
                    # Never with a time-out: what happens just as it runs out is thrown away.
                    found = notify.watch(_DEBOUNCE, _STEP, 0, order.stop)
                except RuntimeError:  # events are lost, as by a file's name that is no text
                    order.stop.wait(_PAUSE)
                    self._post(self._changed, folders, True)
                    return
                if isinstance(found, str):
                    return
                paths = {path for _, path in found}
                moved = paths & folders
                touched = moved | ({os.path.dirname(path) for path in paths} & folders)
                if touched:
                    self._post(self._changed, touched, bool(moved))

    def _post(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            raise _LoopGone from None


def rust_notify() -> "type[RustNotify]":
    """The class that waits for events; slow to import, so only who watches does.

    It must be imported before a start is done: a fork in the middle of an import leaves the
    module locked in the child.
    """
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415

    return RustNotify


def _notify(paths: list[str]) -> tuple["RustNotify | None", str]:
    """What waits for events in these folders, or in as many of them as can be, and what went wrong."""
    try:
        RustNotify = rust_notify()  # noqa: N806 - it is a class
    except ImportError as error:
        return None, str(error)
    trouble = ""
    try:
        return RustNotify(paths, False, False, 0, False, False), ""
    except (FileNotFoundError, PermissionError):
        pass  # it has just gone, which the look after arming finds; or is nobody's but the poll's
    except (OSError, RuntimeError) as error:  # as a rule, one of the limits on inotify
        trouble = str(error)
    try:
        return RustNotify(paths, False, False, 0, False, True), trouble
    except (OSError, RuntimeError) as error:
        return None, str(error)


_notifiers: WeakSet[Notifier] = WeakSet()


def _halt_all() -> None:
    """End this process's threads: coming back from Rust to an interpreter that goes is undefined."""
    for notifier in list(_notifiers):
        if notifier.pid == os.getpid():
            notifier.halt()


atexit.register(_halt_all)
