"""One source under supervision: it is run, run again when it fails, and its reports become layers."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from dynconf._cache.archive import Kept
from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._host.threads import ThreadKind
from dynconf._manager.document import Document
from dynconf._manager.layers import layer_of, placed
from dynconf._manager.supervisor import Supervisor
from dynconf._origin import Origin, Problem
from dynconf._store.state import Candidate
from dynconf._values.clock import Clock
from dynconf._values.limits import Limits
from dynconf._values.merge import Rank
from dynconf._values.snapshot import Layer, Update
from dynconf._values.source import C, Source
from dynconf._values.tree import copied
from dynconf.errors import (
    AccessDenied,
    DocumentMissing,
    DynconfError,
    SourceError,
    SourceUnavailable,
    UsageError,
)

logger = logging.getLogger("dynconf.sources")


class FeedContext(Protocol):
    """What a feed needs of the manager."""

    host: Host
    clock: Clock
    limits: Limits

    def shared(self, key: Hashable, make: Callable[[], C]) -> C:
        """The object that this Config's sources share under a key."""

    def arrived(self, feed: "SourceFeed", candidate: Candidate) -> None:
        """A document has new content."""

    def withdrawn(self, feed: "SourceFeed", rank: Rank) -> None:
        """A document's content that was not taken yet is no more."""

    def progressed(self) -> None:
        """A feed's state is another."""

    def report(self, error: DynconfError) -> None:
        """Tell `on_error`."""


class SourceFeed:
    """Runs one source and takes its reports; the `Feed` that the source sees."""

    def __init__(
        self, source: Source, name: str, position: Fraction, around: FeedContext, *, watching: bool = True
    ) -> None:
        self.source = source
        self.name = name
        self.position = position
        self.watching = watching
        self.clock: Clock = around.clock
        self.limits: Limits = around.limits
        self.transport: str = ""
        self.awaited: str = ""
        self.unread: dict[str, SourceError] = {}
        self.documents: dict[str, Document] = {}
        self.is_loaded: bool = False
        self.error: SourceError | None = None
        self.mistake: UsageError | None = None
        self.closed: bool = False
        self.keeps: bool = False
        self.reserve: Mapping[str, Kept] = {}
        self.stands_in: bool = False
        self._begun = False
        self._was_loaded = False
        self.failing_since: float | None = None
        self.last_success: float | None = None
        self._around = around
        self._run = 0
        self._began = 0
        self._failed_in = 0
        self._supervisor = Supervisor(self, around.host, around.clock)
        self._restart: asyncio.Task[None] | None = None

    @property
    def starting(self) -> bool:
        """See `Feed.starting`; the cache's content makes up for no answer."""
        return not (self._begun and self._was_loaded)

    # What the manager calls

    def start(self) -> None:
        """Run the source, from the beginning; on the core's loop.

        What went wrong before is known until there is news of it, but is no answer any more.
        """
        self.is_loaded = self.stands_in = False
        self.mistake = None
        self._began = self._run + 1
        self._supervisor.start()

    def begin(self) -> None:
        """What it said at first serves, or what the cache keeps: documents come and go from now on."""
        self._begun = True
        self.reserve = {}

    async def stop(self) -> None:
        """End the run and wait for that."""
        await self._supervisor.stop()

    def restart(self) -> asyncio.Task[None]:
        """Run the source anew once it has ended, unless it is closed; whoever asks meanwhile shares that."""
        if self._restart is None or self._restart.done():
            self._restart = self._around.host.spawn(self._stop_and_start(), f"restart of {self.name}")
        return self._restart

    def close(self) -> None:
        """Have it end soon, and for good; it is not listened to any more."""
        self.closed = True
        self._supervisor.end()
        self._around.progressed()

    def carry_over(self, other: "SourceFeed") -> None:
        """Know what another feed of the same source knew; for a forked child."""
        # What the parent had read but not taken yet, or let go of in vain, is read again.
        self.documents = {
            name: replace(
                document,
                run=0,
                reported=document.applied if document.cached is None else None,
                offered=document.applied is not None,
            )
            for name, document in other.documents.items()
        }
        self.last_success = other.last_success
        self._begun, self._was_loaded = other._begun, other._was_loaded

    def fatal(self) -> DynconfError | None:
        """Why a start cannot succeed, as far as this source goes; waiting would not help."""
        for fault in self._faults():
            if not isinstance(fault, DocumentMissing):
                return fault
        error = self._failure()
        if (isinstance(error, AccessDenied) and not self.stands_in) or self.mistake is not None:
            return error
        if self.source.remote or self.source.optional:
            return None
        return self.lacking()

    def lacking(self) -> DynconfError | None:
        """What has not come of what must come; `None` if nothing, or if it need not."""
        if self.source.optional:
            return None
        error = self._failure()
        if error is not None and not self.is_loaded:
            return error
        return next(self._faults(), None)

    def forget(self, document: Document) -> None:
        """Know no more of a member that is gone, nor of what it held."""
        if self.source.members and not document.offered and document.applied is None:
            self.documents.pop(document.name, None)

    def problems(self) -> list[Problem]:
        """Why what this source has, or should have, is not what serves."""
        faults = [document.fault for document in self.documents.values()]
        if not self.source.optional:
            faults.append(self.error)
        return [Problem("", fault.reason, origin=fault.origin) for fault in faults if fault is not None]

    def answered(self) -> bool:
        """Whether all that there is has come."""
        if self.source.remote:
            return (self.is_loaded or self.stands_in) and next(self._faults(), None) is None
        return self._heard()

    def finished(self) -> bool:
        """Whether all has come that is worth waiting for, good or bad."""
        return self.closed or self.answered() or (self._heard() and self.fatal() is not None)

    def stand_in(self) -> None:
        """Have what the cache keeps stand in for what has not come, and for what fails to come from now on.

        All of it, or nothing: half of a source may be valid, and mean something else.
        """
        lacking = []
        for name, kept in self.reserve.items():
            if self.is_loaded and name not in self.documents:
                continue  # it went while nobody looked
            document = self._document(kept.update)
            if not document.offered and (document.fault is not None or not self.is_loaded):
                lacking.append((document, self.kept(name)))
        self.stands_in = bool(self.reserve) and all(candidate is not None for _, candidate in lacking)
        if self.stands_in:
            for document, candidate in lacking:
                self._offer_kept(document, candidate)
        self._around.progressed()

    def kept(self, document: str) -> Candidate | None:
        """What the cache keeps of a document, if that is readable."""
        if document not in self.reserve:
            return None
        kept = self.reserve[document]
        try:
            layer = layer_of(self.source, self.name, kept.update, self.limits)
        except SourceError as error:
            logger.warning("what the cache keeps is not taken: %s", error)
            return None
        rank = self._document(kept.update).rank
        return Candidate(rank, replace(layer, update=kept.update, cached=kept.at))

    # What the supervisor calls

    async def run_source(self) -> None:
        """See `Work`."""
        self._run += 1
        await self.source.run(self)

    def broke_off(self, error: BaseException) -> None:
        """See `Work`."""
        if isinstance(error, SourceError):
            self.failed(error)
        elif isinstance(error, UsageError):  # what only showed now: a variable, a certificate's file
            self.mistake = error
            self.failed(SourceUnavailable(str(error)))
        else:
            logger.error("the source %s failed; it is run again\n%s", self.name, trace(error))
            self.failed(SourceUnavailable(f"its code failed with {type(error).__name__}; it is run again"))

    # What the source calls

    def update(self, update: Update, *, answers: bool = True) -> None:
        """See `Feed.update`."""
        if self.closed:
            return
        if answers:
            self.alive()
        document = self._document(update)
        document.run = self._run
        if update.content is None:
            self._gone(document, update.note)
            return
        if update.revision == document.reported and document.missing_since is None:
            return
        document.reported = update.revision
        document.missing_since = None
        try:
            layer = layer_of(self.source, self.name, update, self.limits)
        except SourceError as error:
            self._faulty(document, error)
            return
        document.fault = None
        document.offered = True
        if self.keeps:
            layer = replace(layer, update=_own(update))
        self._around.arrived(self, Candidate(document.rank, layer))
        self._around.progressed()

    def alive(self) -> None:
        """See `Feed.alive`."""
        self.last_success = self.clock.time()
        if self.error is not None:
            logger.info("%s answers again", self.name)
            self.error = self.failing_since = None
            self._around.progressed()

    def failed(self, error: SourceError, *, again: bool = False) -> None:
        """See `Feed.failed`."""
        if self.closed:
            return
        error = placed(error, Origin(self.name))
        news = not again and (self.error is None or str(self.error) != str(error))
        if self.error is None:
            self.failing_since = self.clock.time()
        self.error = error
        self._failed_in = self._run
        if news:  # whoever is told looks at the status
            logger.warning("%s", error)
            self._around.report(error)
        if isinstance(error, AccessDenied) and not self.stands_in:
            self.stand_in()
        self._around.progressed()

    def loaded(self) -> None:
        """See `Feed.loaded`."""
        if self.closed:
            return
        if self._failed_in < self._run:  # in an earlier run
            self.alive()
        for document in list(self.documents.values()):
            if document.run != self._run:
                document.run = self._run
                self._gone(document, "it is not there any more")
        self._was_loaded = True
        if not self.is_loaded:
            self.is_loaded = True
            self._around.progressed()

    def shared(self, key: Hashable, make: Callable[[], C]) -> C:
        """See `Feed.shared`."""
        return self._around.shared(key, make)

    def blocking(self, function: Callable[[], Any]) -> "asyncio.Future[Any]":
        """See `Feed.blocking`; another's function that hangs must not keep dynconf's from reading."""
        ours = str(getattr(function, "__module__", "")).startswith("dynconf.")
        kind: ThreadKind = "work" if ours else "source"
        return self._around.host.run_work(f"reading {self.name}", function, kind)

    # Inside

    def _heard(self) -> bool:
        return self.is_loaded or self._failure() is not None

    def _failure(self) -> SourceError | None:
        """What keeps the source from answering, if that showed since the start."""
        return self.error if self._failed_in >= self._began else None

    def _faults(self) -> Iterator[SourceError]:
        """What is wrong with the documents, as far as that was seen since the start."""
        for document in self.documents.values():
            if document.fault is not None and document.run >= self._began and document.cached is None:
                yield document.fault

    async def _stop_and_start(self) -> None:
        await self.stop()
        if not self.closed:
            self.start()

    def _document(self, update: Update) -> Document:
        document = self.documents.get(update.document)
        if document is None:
            rank = (self.position, update.order, update.document)
            document = self.documents[update.document] = Document(update.document, rank)
        return document

    def _faulty(self, document: Document, error: SourceError) -> None:
        document.fault = error
        document.problems = ()
        self._around.withdrawn(self, document.rank)
        stays = ", the last good content stays" if document.applied is not None else ""
        logger.warning("not taken%s: %s", stays, error)
        self._around.report(error)
        if document.applied is None:
            self._offer_kept(document, self.kept(document.name))
        self._around.progressed()

    def _gone(self, document: Document, note: str) -> None:
        document.reported = None
        if document.applied is None and document.cached is not None:
            document.offered, document.cached = False, None
            self._around.withdrawn(self, document.rank)
        if self.source.members or self.source.optional or self.source.on_missing == "drop":
            self._let_go(document, note)
        elif document.missing_since is None:
            document.problems = ()
            document.missing_since = self.clock.time()
            self._around.withdrawn(self, document.rank)
            stays = "; its last content stays" if document.applied is not None else ""
            document.fault = self._missing(document, note, stays)
            logger.warning("%s", document.fault)
            self._around.report(document.fault)
            if self.stands_in and document.applied is None:
                self._offer_kept(document, self.kept(document.name))
        self._around.progressed()

    def _let_go(self, document: Document, note: str) -> None:
        document.fault = None
        document.problems = ()
        if document.offered:
            document.offered = False
            self._around.arrived(self, Candidate(document.rank, None))
        elif self.starting and not (self.source.members or self.source.optional):
            document.fault = self._missing(document, note)
        self.forget(document)

    def _offer_kept(self, document: Document, candidate: Candidate | None) -> None:
        if candidate is not None:
            assert isinstance(candidate.content, Layer)
            document.offered, document.cached = True, candidate.content.cached
            self._around.arrived(self, candidate)

    def _missing(self, document: Document, note: str, stays: str = "") -> DocumentMissing:
        reason = (note or "there is no such document") + stays
        return DocumentMissing(reason, Origin(self.name, document.name))


def _own(update: Update) -> Update:
    """The update with a tree that nobody else alters."""
    content = update.content
    return replace(update, content=copied(content)) if isinstance(content, Mapping) else update
