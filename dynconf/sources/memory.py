"""A document held in memory: for tests, and for programs that get their configuration elsewhere."""

import asyncio
import copy
import itertools
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from dynconf._values.snapshot import Update
from dynconf._values.source import Feed, Source
from dynconf.errors import SourceError, SourceUnavailable
from dynconf.sources._content import check_options, known_format, mount_point

__all__ = ["Memory"]


class Memory(Source):
    """One document that the program sets, from any thread and at any time.

    Several configurations may use the same one; each takes its latest state.

    Args:
        content: a tree or the bytes of a document; `None` for a document that is not there.
        name: what it is called in errors and in the status.
        format: what bytes are written in.
        optional: whether a start may go on without it.
        at: the dotted path that it is mounted at.
        on_missing: what becomes of it when it is deleted: `"keep"` its content or `"drop"` it.
        allow_empty: whether a document without content is taken as an empty one.
        settle: seconds of quiet that a change waits for.
        remote: whether a start waits for it, as it does for what a server has.

    Raises:
        UsageError: an option is not what it can be.
    """

    def __init__(
        self,
        content: Mapping[str, Any] | bytes | None = None,
        *,
        name: str = "memory",
        format: str | None = None,
        optional: bool = False,
        at: str = "",
        on_missing: Literal["keep", "drop"] = "keep",
        allow_empty: bool = False,
        settle: float = 0.0,
        remote: bool = False,
    ) -> None:
        self.name = name
        check_options(on_missing, settle)
        self.format: str | None = known_format(format)
        self.optional = optional
        self.at: str = mount_point(at)
        self.on_missing: Literal["keep", "drop"] = on_missing
        self.allow_empty = allow_empty
        self.settle = settle
        self.remote = remote
        self._revisions = itertools.count(1)
        # No lock: each of these is replaced as a whole, and a fork finds nothing locked.
        self._runs: dict[_Run, None] = {}
        self._error: SourceError | None = None
        self._latest = self._update(content)

    def set(self, content: Mapping[str, Any] | bytes) -> None:
        """Replace the whole document; a tree is copied, so that altering it later does nothing."""
        self._latest = self._update(content)
        self._wake()

    def delete(self) -> None:
        """Let the document be gone."""
        self._latest = self._update(None)
        self._wake()

    def fail(self, error: SourceError | None = None) -> None:
        """Let it be as if the server did not answer, until `recover`."""
        self._error = error or SourceUnavailable("made to fail")
        self._wake()

    def recover(self) -> None:
        """Answer again, with what was set last."""
        self._error = None
        self._wake()

    async def run(self, feed: Feed) -> None:
        """Report the document, then every state of it that is not overtaken by another."""
        run = _Run(asyncio.get_running_loop(), asyncio.Event(), os.getpid())
        self._runs[run] = None
        try:
            loaded = False
            while True:
                run.changed.clear()
                error = self._error
                if error is None:
                    feed.update(self._latest)
                    if not loaded:
                        feed.loaded()
                    loaded = True
                elif feed.watching:
                    feed.failed(error)
                else:
                    raise error
                if not feed.watching:
                    return
                await run.changed.wait()
        finally:
            del self._runs[run]

    def _update(self, content: Mapping[str, Any] | bytes | None) -> Update:
        revision = str(next(self._revisions))
        return Update(self.name, revision, copy.deepcopy(content), self.format)

    def _wake(self) -> None:
        for run in list(self._runs):
            run.wake()


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A configuration that follows the document, on a loop of its own."""

    loop: asyncio.AbstractEventLoop
    changed: asyncio.Event
    pid: int

    def wake(self) -> None:
        if self.pid == os.getpid():  # in a forked child, the parent's loop is not to be touched
            with suppress(RuntimeError):  # closed, and the run was never ended
                self.loop.call_soon_threadsafe(self.changed.set)
