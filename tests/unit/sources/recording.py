"""A feed that keeps what a source reports, for a test to wait for and to look at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from dynconf._values.clock import Clock, SystemClock
from dynconf._values.limits import Limits
from dynconf._values.snapshot import Update
from dynconf._values.source import Closable, Source
from dynconf.errors import SourceError

C = TypeVar("C", bound=Closable)


class RecordingFeed:
    """What one source reports; `until` waits for it."""

    def __init__(
        self,
        *,
        watching: bool = True,
        clock: Clock | None = None,
        limits: Limits | None = None,
        shared: dict[Hashable, Any] | None = None,
    ) -> None:
        self.watching = watching
        self.starting = True
        self.clock: Clock = clock or SystemClock()
        self.limits = limits or Limits()
        self.transport = ""
        self.awaited = ""
        self.unread: dict[str, SourceError] = {}
        self.updates: list[Update] = []
        self.failures: list[SourceError] = []
        self.alive_count = 0
        self.is_loaded = False
        self.failing: SourceError | None = None
        self.made: dict[Hashable, Any] = {} if shared is None else shared
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[None]]] = []

    def update(self, update: Update, *, answers: bool = True) -> None:
        self.updates.append(update)
        if answers:
            self.failing = None
        self._reported()

    def alive(self) -> None:
        self.alive_count += 1
        self.failing = None
        self._reported()

    def failed(self, error: SourceError, *, again: bool = False) -> None:
        if not again:
            self.failures.append(error)
        self.failing = error
        self._reported()

    def loaded(self) -> None:
        self.is_loaded = True
        self._reported()

    def shared(self, key: Hashable, make: Callable[[], C]) -> C:
        if key not in self.made:
            self.made[key] = make()
        made: C = self.made[key]
        return made

    def blocking(self, function: Callable[[], object]) -> Awaitable[object]:
        return asyncio.get_running_loop().run_in_executor(None, function)

    def last(self, document: str | None = None) -> Update | None:
        """The last update, of a document or of any."""
        found = [update for update in self.updates if document in {None, update.document}]
        return found[-1] if found else None

    def content(self, document: str | None = None) -> object:
        """The last reported content, of a document or of any."""
        update = self.last(document)
        return update and update.content

    def has_begun(self) -> bool:
        """Whether the first pass is over, well or not."""
        return self.is_loaded or self.failing is not None

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for reports until something holds."""
        if not true():
            holds = asyncio.get_running_loop().create_future()
            self._waiting.append((true, holds))
            await holds

    async def until_content(self, content: object, document: str | None = None) -> None:
        """Wait until the last reported content is the one given."""
        await self.until(lambda: (update := self.last(document)) and update.content == content)

    def _reported(self) -> None:
        for waiting in list(self._waiting):
            true, holds = waiting
            if true():
                self._waiting.remove(waiting)
                if not holds.done():
                    holds.set_result(None)


@asynccontextmanager
async def running(*sources: Source, **options: Any) -> AsyncIterator[list[RecordingFeed]]:
    """Run sources as one Config does; each feed is loaded or failing when the body begins."""
    shared: dict[Hashable, Any] = {}
    feeds = [RecordingFeed(shared=shared, **options) for _ in sources]
    try:
        async with asyncio.TaskGroup() as group:
            pairs = zip(sources, feeds, strict=True)
            tasks = [group.create_task(source.run(feed)) for source, feed in pairs]
            for feed in feeds:
                await feed.until(feed.has_begun)
            yield feeds
            for task in tasks:
                task.cancel()
    finally:
        for closable in shared.values():
            await closable.close()


class StandingClock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._asleep: list[tuple[float, asyncio.Future[None]]] = []
        self._awaited: list[tuple[float, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.get_running_loop().create_future()
        self._asleep.append((self._now + seconds, wake))
        _end(self._awaited, lambda awaited: awaited == seconds)
        await wake

    async def until_sleep(self, seconds: float) -> None:
        """Wait until somebody begins to sleep for just so long."""
        begun = asyncio.get_running_loop().create_future()
        self._awaited.append((seconds, begun))
        await begun

    def advance(self, seconds: float) -> None:
        """Let time pass, and end the sleeps that are over by then."""
        self._now += seconds
        _end(self._asleep, lambda until: until <= self._now)


def _end(waiting: list[tuple[float, asyncio.Future[None]]], due: Callable[[float], bool]) -> None:
    for pair in [pair for pair in waiting if due(pair[0])]:
        waiting.remove(pair)
        if not pair[1].done():
            pair[1].set_result(None)
