"""Keeps what was applied of remote documents on disk, and has it at hand when a start needs it."""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from typing import Final, Protocol

from dynconf._cache.archive import Kept, Packer, Unreadable, unpack
from dynconf._cache.disk import SharedFile, Unusable
from dynconf._host.host import Host
from dynconf._manager.feed import SourceFeed
from dynconf._manager.roster import Place
from dynconf._origin import Problem, on_one_line
from dynconf._store.state import Candidate, Key
from dynconf._values.clock import Clock
from dynconf._values.merge import Rank
from dynconf._values.snapshot import Layer
from dynconf.errors import CacheUnusable, DynconfError, UsageError

PAUSE: Final = 1.0
"""Seconds between two writes."""
READ_TIME: Final = 2.0
"""Seconds that reading may take; a file system may hang."""
LAST_TIME: Final = 0.4
"""Seconds that the last write may take where the event loop ends without a stop."""

logger = logging.getLogger("dynconf.cache")


class CacheContext(Protocol):
    """What the cache needs of the manager."""

    host: Host
    clock: Clock

    def report(self, error: DynconfError) -> None:
        """Tell `on_error`."""
        ...


class Cache:
    """What one Config keeps; Configs of other sources, or of another name, keep theirs beside it.

    Args:
        folder: where; made when it is needed.
        name: the Config's.
        places: its sources.
        around: the manager.
    """

    def __init__(self, folder: str, name: str, places: Sequence[Place], around: CacheContext) -> None:
        self._identities = dict(_identities(places))
        digest = hashlib.sha256("\n".join(self._identities.values()).encode()).hexdigest()
        self._file = SharedFile(folder, f"{name}-{digest[:16]}.cache")
        self._packer = Packer()
        self._turn = threading.Lock()  # a write that was given up goes on
        self._around = around
        self._layers: Mapping[Rank, Layer] = {}
        self._since: dict[tuple[str, str, str], float] = {}
        self._task: asyncio.Task[None] | None = None
        self._rest: asyncio.Task[None] | None = None
        self._due = False
        self._closing = False
        self._own = False
        self._written: Sequence[Kept] = ()
        self._failed = False
        self._told: str | None = None

    def keeps(self, place: Place) -> bool:
        """Whether the documents of a source are kept; its place may have been another's."""
        return self._identities.get(place.position) in dict(_identities([place])).values()

    async def read(self, feeds: Sequence[SourceFeed]) -> None:
        """Give each source what is kept of it; what is no good is as if it were not there."""
        if not self._identities:
            return
        try:
            async with asyncio.timeout(READ_TIME):
                found = await self._around.host.run_work("reading the cache", self._load)
        except TimeoutError:
            self._complain("ignored", f"it could not be read within {READ_TIME:g} s")
            return
        except (Unusable, Unreadable) as error:
            self._complain("ignored", str(error))
            return
        for feed in feeds:
            identity = self._identities.get(feed.position)
            feed.reserve = {kept.update.document: kept for kept in found if kept.source == identity}
        self._written = found

    def _load(self) -> list[Kept]:
        data = self._file.read()
        return unpack(data) if data is not None else []

    def carry_over(self, former: "Cache") -> None:
        """Go on in a forked child, from what is written and since when each document serves."""
        self._layers, self._since, self._file = former._layers, dict(former._since), former._file
        self._own, self._written, self._failed = former._own, former._written, former._failed

    def applied(self, layers: Mapping[Rank, Layer]) -> None:
        """Something else serves now; it is written soon."""
        if not self._identities:
            return
        self._layers = layers
        self._own = self._own or any(one.update is not None and one.cached is None for one in layers.values())
        self._due = True
        if (self._task is None or self._task.done()) and not self._closing:
            self._task = self._around.host.spawn(self._write(), "writing the cache")

    async def close(self) -> None:
        """Write what is still to be written; what could not be is tried once more."""
        self._closing = True
        if self._rest is not None:
            self._rest.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
            if self._failed:
                await self._save(list(self._kept()))

    async def _write(self) -> None:
        try:
            await self._write_what_is_due()
        except asyncio.CancelledError:  # the event loop ends without a stop
            if (self._due or self._failed) and not self._closing:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_TIME):
                        await self._save_if_need_be()
            raise

    async def _write_what_is_due(self) -> None:
        while self._due:
            await self._save_if_need_be()
            if not self._closing:
                self._rest = asyncio.ensure_future(self._around.clock.sleep(PAUSE))
                await asyncio.wait([self._rest])

    async def _save_if_need_be(self) -> None:
        self._due = False
        kept = list(self._kept())
        if self._failed or (self._own and kept != self._written):
            await self._save(kept)

    async def _save(self, kept: Sequence[Kept]) -> None:
        partly_cached = any(one.cached is not None for one in self._layers.values())

        def save() -> list[str] | None:
            with self._turn:
                data, left_out = self._packer.pack(kept)
                # What came from the cache may be older than what another process has put there since, and
                # only what served together may stand there together.
                return left_out if self._file.write(data, over_others=not partly_cached) else None

        self._failed = True
        try:
            left_out = await self._around.host.run_work("writing the cache", save)
        except Unusable as error:
            self._complain("not written", str(error))
            return
        self._failed = False
        if left_out is None:
            return
        self._written = kept
        if left_out:
            names = on_one_line(", ".join(left_out))
            self._complain("incomplete", f"{names} cannot be kept: JSON cannot say what is there")
        else:
            self._told = None

    def _kept(self) -> Iterator[Kept]:
        now, since = self._around.clock.time(), self._since
        self._since = {}
        for rank, layer in self._layers.items():
            identity = self._identities.get(rank[0])
            if identity is None or layer.update is None:
                continue
            content = identity, layer.document, layer.revision
            at = since.get(content, now) if layer.cached is None else layer.cached
            self._since[content] = at
            yield Kept(identity, layer.update, at)

    def _complain(self, what: str, why: str) -> None:
        error = CacheUnusable(f"the cache {self._file.path} is {what}: {why}")
        if self._told != str(error):
            self._told = str(error)
            logger.warning("%s", error)
            self._around.report(error)


def instead(
    candidates: Sequence[Candidate], problems: Sequence[Problem], feeds: Sequence[SourceFeed]
) -> Iterator[list[Candidate]]:
    """Sets to try in place of one that was refused: what is to blame from the cache, then all of it."""
    by_position: dict[Fraction | float, SourceFeed] = {feed.position: feed for feed in feeds}
    blamed = {(one.origin.source, one.origin.document) for one in problems if one.origin is not None}
    kept: dict[Key, Candidate] = {}
    to_blame: dict[Key, Candidate] = {}
    for one in candidates:
        if isinstance(one.key, int) or not isinstance(one.content, Layer):
            continue
        found = by_position[one.key[0]].kept(one.content.document)
        if found is not None:
            kept[one.key] = found
            if (one.content.source, one.content.document) in blamed:
                to_blame[one.key] = found
    for choice in (to_blame, kept):
        if choice:
            yield [choice.get(one.key, one) for one in candidates]


def tell(feeds: Sequence[SourceFeed]) -> None:
    """Log what serves from the cache."""
    for feed in feeds:
        kept = {one.name: one.cached for one in feed.documents.values() if one.cached is not None}
        if kept:
            oldest = datetime.fromtimestamp(min(kept.values())).astimezone().isoformat(" ", "seconds")
            names = on_one_line(", ".join(sorted(kept)[:10])) + (", …" if len(kept) > 10 else "")
            logger.warning("%s: served from the cache, the oldest of %s: %s", feed.name, oldest, names)


def _identities(places: Sequence[Place]) -> Iterator[tuple[Fraction | float, str]]:
    for place in places:
        if place.source.remote:
            with suppress(UsageError):  # its run will tell
                yield place.position, f"{place.name} {place.source.place()}"
