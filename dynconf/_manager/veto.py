"""Functions that are asked before a change is published, and may refuse it."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dynconf._dispatch.subscriptions import is_async
from dynconf._host.asking import asking
from dynconf._host.attempt import on_a_thread
from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._origin import on_one_line
from dynconf._values.prepare import PrepareRefused
from dynconf._values.secrets import Quotes
from dynconf._values.snapshot import Change, View
from dynconf._values.tree import delta_paths, diff, dotted, find, parse_path
from dynconf.errors import UsageError, Veto

ANSWER_TIME: Final = 5.0
"""Seconds that a function may take, unless it was given others."""

logger = logging.getLogger("dynconf.config")


class BeforeChange:
    """A function that is asked before each change, and refuses it by raising `Veto`.

    It is asked about one change at a time. Call it like the function that it was made from;
    `close()` has it asked no more.

    Args:
        function: sync or async; takes a `Change` of views, of which `new` is not published yet.
        timeout: seconds that it may take; a change that it is not done with by then is refused.
        host: where it runs; asked for each time.
        leave: takes it off the list of those that are asked.
    """

    def __init__(
        self,
        function: Callable[[Change[View]], Any],
        timeout: float,
        host: Callable[[], Host],
        leave: Callable[["BeforeChange"], object],
    ) -> None:
        if not callable(function):
            raise UsageError(f"before_change takes a function, not {type(function).__name__}")
        if not 0 < timeout < float("inf"):
            raise UsageError("timeout is a number of seconds above 0")
        self.name: str = getattr(function, "__qualname__", type(function).__name__)
        self.timeout = timeout
        self._function = function
        self._is_async = is_async(function)
        self._host = host
        self._leave = leave

    def __call__(self, change: Change[View]) -> Any:
        """Call the function itself."""
        return self._function(change)

    def __repr__(self) -> str:
        return f"<BeforeChange {self.name}>"

    def close(self) -> None:
        """Be asked no more. May be called from anywhere, and again."""
        self._leave(self)

    async def prepare(self, old: View | None, new: View, until: float | None = None) -> None:
        """See `Preparer`."""
        change = _change(old, new)
        if change is None:
            return
        try:
            answer = await self._ask(change)
        except Veto as veto:
            raise _refusal(self.name, veto, change) from None
        except Exception as error:
            logger.error("%s failed\n%s", self.name, trace(error))
            raise
        if answer is not None:
            raise PrepareRefused(
                f"{self.name} returned a {type(answer).__name__}: it is to raise Veto, or to return nothing"
            )

    def commit(self) -> None:
        """See `Preparer`."""

    def abandon(self) -> None:
        """See `Preparer`."""

    async def try_again(self, since: float, tries: object) -> None:
        """See `Preparer`."""

    async def stop(self, until: float) -> None:
        """See `Preparer`."""

    def stranded(self) -> None:
        """See `Preparer`."""

    def forked(self, *, follows: bool) -> None:
        """See `Preparer`."""

    async def _ask(self, change: Change[View]) -> object:
        """Call the function, a sync one on a thread."""
        host = self._host()
        with asking(host):
            if self._is_async:
                return await self._function(change)
            return await on_a_thread(host, self.name, partial(self._function, change))


def _change(old: View | None, new: View) -> Change[View] | None:
    """What differs, as the function sees it; `None` if nothing does, as when a class is bound."""
    if old is None:
        return Change(new, new, frozenset(), new.version, new, initial=True)
    before, after = old._snapshot, new._snapshot
    paths = frozenset(map(dotted, delta_paths(diff(before.tree, after.tree))))
    same = all(one is other for one, other in zip(before.models, after.models, strict=False))
    return None if same and not paths else Change(old, new, paths, new.version, new)


def _refusal(name: str, veto: Veto, change: Change[View]) -> PrepareRefused:
    """A veto as the manager understands it: it concerns what is at its path, if that is what changed."""
    try:
        path = parse_path(veto.path)
    except UsageError as mistake:
        path = ()
        logger.warning("%s: %s", name, on_one_line(str(mistake)))

    def select(view: View) -> Any:
        return find(view._snapshot.tree, path)

    about = bool(path) and select(change.old) != select(change.new)
    reason = _told(name, str(veto.reason), change) or f"{name} refuses it"
    return PrepareRefused(reason, select if about else None, dotted(path))


def _told(name: str, reason: str, change: Change[View]) -> str:
    """The reason, unless it quotes what must not be shown."""
    snapshots = {id(view): view._snapshot for view in (change.old, change.new)}.values()
    secrets = (text for snapshot in snapshots for text in snapshot.secrets())
    if Quotes(secrets)(reason):
        return f"{name} refuses it; its reason is not shown because it quotes a secret"
    return reason
