"""A fork waits a moment until our threads are between two steps, or gone.

What a thread holds while the process is forked, nobody releases in the child: OpenSSL's locks, say, which
it takes when a TLS context is made, and once more while a thread that used it ends. The child would wait
for them for ever.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

_LONGEST: Final = 0.1  # seconds that a fork waits for threads; one that hangs holds up no fork
_SAFE: Final = 1.0  # seconds that a thread stands still at most, whatever becomes of the fork
_GLANCE: Final = 0.0002
_MANY: Final = 64

_departing: set[int] = set()


def depart() -> None:
    """Note that this thread is about to end; its own last words, from which on it holds nothing of ours."""
    if len(_departing) > _MANY:
        for thread in list(_departing):
            if not _is_there(thread):
                _departing.discard(thread)
    _departing.add(threading.get_native_id())


class Pause:
    """One loop's standing still for the time of one fork."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._over = threading.Event()

    def hold(self) -> None:
        """Stand still; called on the loop."""
        self._reached.set()
        self._over.wait(_SAFE)

    def wait_for(self, until: float) -> None:
        """Wait until it stands still, but no longer than until that moment."""
        self._reached.wait(max(0.0, until - time.monotonic()))

    def end(self) -> None:
        """Let it go on."""
        self._over.set()


_pauses: dict[int, list[Pause]] = {}


def before_fork(ask: Iterable[Callable[[Pause], bool]]) -> None:
    """Have every loop stand still, and threads that end be gone.

    Args:
        ask: for each loop what has it hold a pause soon; false if there is none to be had.
    """
    until = time.monotonic() + _LONGEST
    pauses = _pauses[threading.get_ident()] = []
    for one in ask:
        pause = Pause()
        if one(pause):
            pauses.append(pause)
    for pause in pauses:
        pause.wait_for(until)
    for thread in list(_departing):
        while _is_there(thread) and time.monotonic() < until:
            time.sleep(_GLANCE)
        _departing.discard(thread)


def after_fork_in_parent() -> None:
    """Let all go on."""
    for pause in _pauses.pop(threading.get_ident(), []):
        pause.end()


def after_fork_in_child() -> None:
    """Forget the parent's threads."""
    _pauses.clear()
    _departing.clear()


def _is_there(thread: int) -> bool:
    """Whether the system still has a thread; where it does not tell, no."""
    return Path(f"/proc/self/task/{thread}").exists()
