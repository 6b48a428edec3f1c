"""What the end of the process, and a fork of it, do to the hosts that are running."""

import atexit
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Protocol

from dynconf._host import stillness
from dynconf._host.inbox import trace
from dynconf.errors import UsageError

_EXIT_BUDGET, _CLOSING = 1.0, 0.6  # seconds in all, and of these for the owners at most
_logger = logging.getLogger("dynconf.host")


class Resident(Protocol):
    """What lives on a thread or a loop, and so does not live through a fork."""

    name: str

    def begin_exit(self) -> Future[object] | None:
        """Have the owner close what it has; what tells when that is done, if there is anything to do."""

    def abort(self, budget: float) -> None:
        """Begin to end within that many seconds, and wait for nothing."""

    def wait_until_gone(self, budget: float) -> None:
        """Wait, at most that many seconds."""

    def stand_still(self, pause: stillness.Pause) -> bool:
        """Hold the pause soon, on its own thread; false if it has none, or this is it."""

    def leave_behind(self) -> Callable[[], object] | None:
        """In a forked child: be dead, close nothing, and give what starts the owner anew."""


# Not a WeakSet: listing a plain set is atomic, whatever other threads do meanwhile.
_living: set[weakref.ref[Resident]] = set()
_locked: set[weakref.WeakMethod[Callable[[], object]]] = set()
_parked: list[object] = []


def enlist(resident: Resident) -> None:
    """Stop this one when the program exits, and tell it of forks."""
    _living.add(weakref.ref(resident, _living.discard))


def discharge(resident: Resident) -> None:
    """Forget it."""
    _living.discard(weakref.ref(resident))


def renew_in_children(renew: Callable[[], object]) -> None:
    """Have a bound method, held weakly, called first of all in every forked child, also where nothing runs.

    It makes locks anew: the thread that held one is not there.
    """
    _locked.add(weakref.WeakMethod(renew, _locked.discard))


def park(*inherited: object) -> None:
    """Keep what a forked child inherited from ever being closed or finalized there.

    A loop, a selector, a connection and a suspended coroutine share their descriptors with the
    parent's: closing them here would take the parent's out of its selector, or end its TLS sessions.
    """
    _parked.append(inherited)


def _residents() -> list[Resident]:
    return [resident for reference in list(_living) if (resident := reference())]


def _before_fork() -> None:
    stillness.before_fork([resident.stand_still for resident in _residents()])


def _after_fork_in_child() -> None:
    """Leave all behind first, so that no owner begins anew while another's host looks alive."""
    stillness.after_fork_in_child()
    for renew in [method() for method in list(_locked)]:
        if renew:
            renew()
    for restart in [resident.leave_behind() for resident in _residents()]:
        if restart:
            try:
                restart()
            except Exception as error:  # noqa: BLE001
                _logger.error("could not start anew in the forked process: %s", trace(error))


@atexit.register
def _at_exit() -> None:
    """Stop, within a second in all, what the program did not stop."""
    residents, begun = _residents(), time.monotonic()
    _let_owners_close(residents)
    rest = max(_EXIT_BUDGET - _CLOSING, begun + _EXIT_BUDGET - time.monotonic())
    for resident in residents:
        resident.abort(rest)
    deadline = time.monotonic() + rest
    for resident in residents:
        resident.wait_until_gone(max(0.0, deadline - time.monotonic()))
    if _parked:
        # The interpreter empties its modules now, which would run what was parked never to run.
        with suppress(ImportError):
            import ctypes  # noqa: PLC0415 - only where there is something to keep

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(_parked))


def _let_owners_close(residents: Iterable[Resident]) -> None:
    """All side by side: one that hangs costs the others nothing."""
    closing = {future: one.name for one in residents if (future := one.begin_exit())}
    done, late = wait(closing, timeout=_CLOSING)
    for future in late:
        _logger.warning("%s: not all of it could be closed in time before the program ends", closing[future])
    for future in done:
        error = future.exception()
        if error and not isinstance(error, UsageError):  # that would be another's stop, which came first
            _logger.error("%s: closing failed: %s", closing[future], trace(error))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=stillness.after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
