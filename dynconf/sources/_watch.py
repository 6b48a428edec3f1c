"""Looks at the files of a Config whenever something happened in their folders: all files, one watcher."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dynconf._values.clock import Clock, SystemClock
from dynconf._values.source import Feed
from dynconf.sources._links import Identity, Links
from dynconf.sources._notify import Notifier, rust_notify

T = TypeVar("T")

# Seconds between looks at everything, for what no event tells of (a network file system, say);
# and while folders cannot be watched and there is nothing else.
_POLL = 5.0
_POLL_ALONE = 1.0
# Every so many of them, what looks unchanged is read all the same.
_THOROUGH = 12
# Seconds after which a look is taken to hang, and what waits behind it gets another thread; how many.
_PATIENCE = 1.0
_LANES = 4
# How often to look again at once if links were swapped meanwhile, and after how many seconds then.
_ATTEMPTS = 3
_SOON = 0.02

_logger = logging.getLogger("dynconf.files")


class Follower(Generic[T]):
    """What one source's looks at its files bring.

    Args:
        feed: the source's.
        look: see `WatchHub.follow`.
        again: looks once more after some seconds.
    """

    def __init__(self, feed: Feed, look: Callable[[Links], T | None], again: Callable[[float], None]) -> None:
        self.feed = feed
        self.look = look
        self.again = again
        self._inbox: asyncio.Queue[T | Exception] = asyncio.Queue()

    async def next(self) -> T:
        """Wait for a look that brings something."""
        found = await self._inbox.get()
        if isinstance(found, Exception):
            raise found
        return found

    def deliver(self, found: T | Exception | None) -> None:
        """Hand over what a look brought."""
        if found is None:
            self.feed.alive()
        else:
            self._inbox.put_nowait(found)


class _Group:
    """The followers of files in one folder, which are always looked at together."""

    def __init__(self) -> None:
        self.followers: dict[Follower[Any], None] = {}  # in order
        self.folders: dict[str, Identity] = {}
        self.queued = False
        self.busy = False
        self.again = False
        self.thorough = False


@dataclass(frozen=True, slots=True)
class _Look:
    """What a group's followers found, the folders to watch, and whether to look again at once, or soon."""

    found: dict[Follower[Any], Any]
    folders: dict[str, Identity]
    unsettled: bool
    fresh: bool


class WatchHub:
    """Shared by the file sources of one Config: `feed.shared("files", WatchHub)`.

    Looks are made on one thread, folder by folder. Only if a file system hangs are there more, so
    that the rest goes on. An event says no more than where to look; and since events can be lost,
    everything is looked at now and then anyway.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock: Clock = SystemClock()
        self._notifier = Notifier(self._on_armed, self._on_changed)
        self._groups: dict[str, _Group] = {}
        self._queue: deque[_Group] = deque()
        self._hinted = asyncio.Event()
        self._watched: dict[str, Identity] = {}
        self._moved = False
        self._trouble = ""
        self._jobs: set[asyncio.Future[object]] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._later: set[asyncio.Task[None]] = set()

    @contextmanager
    def follow(self, folder: str, feed: Feed, look: Callable[[Links], T | None]) -> Iterator[Follower[T]]:
        """Look now, and whenever there may be something new.

        Args:
            folder: the absolute path that the files are named in. Those of one folder are looked at
                together, and what that brings is delivered together.
            feed: the source's; if it is not `watching` there is only the one look.
            look: looks at the files through the links given and alters nothing. It runs on some
                thread and gives back `None` if all is as it was, which the feed is told.
        """
        group = self._groups.setdefault(folder, _Group())
        follower = Follower(feed, look, lambda seconds: self._look_later(group, feed, seconds))
        group.followers[follower] = None
        self._start("work", self._work(feed))
        if feed.watching:
            with suppress(ImportError):  # the notifier tells of it
                rust_notify()
            self._clock = feed.clock
            self._start("poll", self._poll())
        self._hint(group)
        try:
            yield follower
        finally:
            del group.followers[follower]
            if not group.followers and self._groups.get(folder) is group:
                del self._groups[folder]
            self._hinted.set()

    async def close(self) -> None:
        """End the thread that watches; what hangs is left behind."""
        tasks: list[asyncio.Future[Any]] = [*self._tasks.values(), *self._later]
        self._tasks.clear()
        for work in [*tasks, *self._jobs]:
            work.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._notifier.close()

    def _start(self, name: str, work: Coroutine[None, None, None]) -> None:
        if name in self._tasks and not self._tasks[name].done():
            work.close()
        else:
            self._tasks[name] = asyncio.create_task(work)

    def _look_later(self, group: _Group, feed: Feed, seconds: float) -> None:
        async def look() -> None:
            await feed.clock.sleep(seconds)
            self._hint(group)

        task = asyncio.create_task(look())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _hint(self, group: _Group, *, thorough: bool = False) -> None:
        group.thorough |= thorough
        if group.busy:
            group.again = True
        elif not group.queued:
            group.queued = True
            self._queue.append(group)
            self._hinted.set()

    def _hint_all(self, *, thorough: bool = False) -> None:
        for group in self._groups.values():
            self._hint(group, thorough=thorough)

    async def _poll(self) -> None:
        count = 0
        while True:
            await self._clock.sleep(_POLL_ALONE if self._trouble else _POLL)
            count += 1
            self._hint_all(thorough=count % _THOROUGH == 0)

    async def _work(self, feed: Feed) -> None:
        try:
            while True:
                await self._hinted.wait()
                self._hinted.clear()
                while self._queue:
                    await self._look(feed)
                self._arm()
        except Exception as error:  # noqa: BLE001 - each source raises it, and is run again
            for group in self._groups.values():
                for follower in group.followers:
                    follower.deliver(error)

    async def _look(self, feed: Feed) -> None:
        job = asyncio.ensure_future(feed.blocking(self._drain))
        self._jobs.add(job)
        await asyncio.wait({job}, timeout=_PATIENCE)
        if len(self._jobs) == _LANES:
            await asyncio.wait(self._jobs, return_when=asyncio.FIRST_COMPLETED)
        for done in [job for job in self._jobs if job.done()]:
            self._jobs.discard(done)
            done.result()

    def _drain(self) -> None:
        """Look at every group that is queued; on a thread."""
        while True:
            try:
                group = self._queue.popleft()
            except IndexError:  # asking first would not do: there may be another thread at it
                return
            # In this order a hint that comes in between is one look too many, not one too few.
            group.busy, group.queued = True, False
            look = _look_at(group)
            try:
                self._loop.call_soon_threadsafe(self._deliver, group, look)
            except RuntimeError:  # the loop is closed, and nobody waits for this any more
                return

    def _deliver(self, group: _Group, look: _Look) -> None:
        group.busy = False
        group.folders = look.folders
        for follower, found in look.found.items():
            if follower in group.followers:
                follower.deliver(found)
        if (look.unsettled or look.fresh) and group.followers:
            # Real time, whatever a test's clock says: the file system does not go by that.
            self._loop.call_later(_SOON, self._hint, group)
        if group.again:
            group.again = False
            self._hint(group)
        self._hinted.set()

    def _arm(self) -> None:
        """Watch what the last looks say is to be watched."""
        wanted: dict[str, Identity] = {}
        for group in self._groups.values():
            # watchfiles holds up all threads while it begins to watch: keep it away from what hangs.
            if not group.busy and any(follower.feed.watching for follower in group.followers):
                wanted |= group.folders
        if wanted != self._watched or self._moved:
            self._watched, self._moved = wanted, False
            self._notifier.watch(wanted.keys())

    def _on_armed(self, trouble: str) -> None:
        worse, self._trouble = bool(trouble) and not self._trouble, trouble
        if worse:
            _logger.warning(
                "changes of files may be noticed only every %g s, as not all folders can be watched: %s",
                _POLL_ALONE,
                trouble,
            )
            if poll := self._tasks.pop("poll", None):  # it sleeps for as long as if all was well
                poll.cancel()
                self._start("poll", self._poll())
        self._hint_all()

    def _on_changed(self, folders: AbstractSet[str], moved: bool) -> None:
        self._moved |= moved
        for group in self._groups.values():
            if not folders.isdisjoint(group.folders):
                self._hint(group)


def _look_at(group: _Group) -> _Look:
    thorough, group.thorough = group.thorough, False
    look = _pass(list(group.followers), thorough)
    for _ in range(_ATTEMPTS - 1):
        if look.unsettled:
            look = _pass(list(group.followers), thorough)
    return look


def _pass(followers: list[Follower[Any]], thorough: bool) -> _Look:
    links = Links(thorough=thorough)
    found = {follower: _attempt(follower, links) for follower in followers}
    return _Look(found, links.folders(), links.unsettled or not links.hold(), links.fresh)


def _attempt(follower: Follower[Any], links: Links) -> Any:
    try:
        return follower.look(links)
    except Exception as error:  # noqa: BLE001 - on a thread there is nobody to raise it to
        return error
