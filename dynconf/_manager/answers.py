"""Waiting for sources: until each has answered, or was given its time."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress

from dynconf._manager.feed import SourceFeed
from dynconf._origin import Origin
from dynconf.errors import DynconfError, SourceUnavailable, StartFailed, UsageError


class Answers:
    """What whoever waits for sources looks at again whenever one of them gets on.

    Args:
        name: the Config's, for errors.
        patience: seconds that sources are waited for.
    """

    def __init__(self, name: str, patience: float) -> None:
        self._name = name
        self._patience = patience
        self._progress = asyncio.Event()
        self._over = False

    def progressed(self) -> None:
        """Let everyone who waits look again."""
        self._progress.set()

    def give_up(self) -> None:
        """Let nobody wait any longer; the Config is stopped."""
        self._over = True
        self._progress.set()

    def check(self) -> None:
        """Raise if nobody is waited for any longer.

        Raises:
            UsageError: the Config was stopped.
        """
        if self._over:
            raise UsageError(f"{self._name} was stopped while it loaded")

    async def come(self, feeds: Sequence[SourceFeed], seconds: float, *, everyone: bool = False) -> bool:
        """Wait for so long at most, or until one cannot answer well unless `everyone` is waited for.

        Returns:
            Whether the time was enough.

        Raises:
            UsageError: the Config was stopped meanwhile.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(map(SourceFeed.finished, feeds)):
                    if not everyone and any(map(SourceFeed.fatal, feeds)):
                        break
                    self._progress.clear()
                    await self._progress.wait()
                    self.check()
                return True
        return False

    async def wait(self, feeds: Sequence[SourceFeed], *, everyone: bool = False) -> None:
        """Wait until the sources have answered; in the end those that need not are forgiven.

        Args:
            feeds: whom to wait for.
            everyone: wait for the others, too, when one cannot succeed.

        Raises:
            StartFailed: naming each that has not answered, or not well.
            UsageError: the Config was stopped meanwhile.
        """
        late = not await self.come(feeds, self._patience, everyone=everyone)
        feeds = [feed for feed in feeds if not feed.closed]
        failures = [failure for feed in feeds if (failure := feed.fatal())]
        if late:
            failures += [failure for feed in feeds if not feed.fatal() and (failure := self._lacking(feed))]
        if failures:
            raise StartFailed(failures)

    def _lacking(self, feed: SourceFeed) -> DynconfError | None:
        if feed.answered() or feed.source.optional:
            return None
        reason = f"no answer within {self._patience:g} s (start_timeout)"
        if feed.awaited:
            reason += f": {feed.awaited}"
        return feed.lacking() or SourceUnavailable(reason, Origin(feed.name))


async def unfinished(
    tasks: Collection[asyncio.Task[None]], patience: float | None = None
) -> set[asyncio.Task[None]]:
    """Wait for tasks, for so many seconds; those that are not done by then."""
    return (await asyncio.wait(tasks, timeout=patience))[1] if tasks else set()
