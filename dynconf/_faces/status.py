"""How it stands with every source and document: what serves, what was refused, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from dynconf._manager.document import Document
from dynconf._manager.feed import SourceFeed
from dynconf._manager.manager import Manager
from dynconf._origin import Problem, on_one_line
from dynconf._values.prepare import Preparer
from dynconf.errors import SourceError
from dynconf.resources.preparer import ResourcePreparer
from dynconf.resources.serving import State

SourceState: TypeAlias = Literal[
    "starting", "live", "refused", "missing", "absent", "stale", "unavailable", "stopped"
]


@dataclass(frozen=True, slots=True)
class DocumentStatus:
    """One document: its state, the revision that serves, and one that was refused, with the reasons.

    An optional one that is not there is `absent`; one is `stale` that comes from the cache, or cannot be
    read at present, and `unavailable` if it never could. `missing_since`,
    and `cached_at`, when what comes from the cache was applied, are in seconds since the epoch.
    """

    document: str
    state: SourceState
    revision: str | None
    refused_revision: str | None
    problems: tuple[Problem, ...]
    missing_since: float | None
    cached_at: float | None = None

    def __str__(self) -> str:
        text = f"{on_one_line(self.document)}: {self.state}"
        if self.revision:
            text += f", serving revision {on_one_line(self.revision)}"
        if self.refused_revision:
            text += f", refused revision {on_one_line(self.refused_revision)}"
        if self.missing_since is not None:
            text += f", missing since {_when(self.missing_since)}"
        if self.cached_at is not None:
            text += f", from the cache, applied {_when(self.cached_at)}"
        return "\n    ".join([text, *map(str, self.problems)])

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {
            "document": self.document,
            "state": self.state,
            "revision": self.revision,
            "refused_revision": self.refused_revision,
            "problems": [problem.to_dict() for problem in self.problems],
            "missing_since": self.missing_since,
            "cached_at": self.cached_at,
        }


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source: its state, when it last answered, for how long that was, and what is wrong.

    States, worst first: `unavailable` (never answered), `stale` (does not answer, its last content
    serves), `missing` (a required document is gone, its content stays), `refused` (a document's
    newest content was not taken, the last good one serves), `starting`, `live`. Times are in
    seconds since the epoch, `age` is in seconds. `transport` tells how changes are noticed, as far as
    the source says it: `blocking query`, `long poll`, `polling`.
    """

    source: str
    state: SourceState
    last_success: float | None
    age: float | None
    failing_since: float | None
    error: str | None
    documents: tuple[DocumentStatus, ...]
    transport: str = ""

    def __str__(self) -> str:
        text = f"{self.source}: {self.state}"
        if self.age is not None:
            text += f", answered {self.age:.1f} s ago"
            text += f" by {self.transport}" if self.transport else ""
        if self.failing_since is not None:
            text += f", failing since {_when(self.failing_since)}"
        if self.error:
            text += f": {self.error}"
        return "\n  ".join([text, *map(str, self.documents)])

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {
            "source": self.source,
            "state": self.state,
            "last_success": self.last_success,
            "age": self.age,
            "failing_since": self.failing_since,
            "error": self.error,
            "transport": self.transport,
            "documents": [document.to_dict() for document in self.documents],
        }


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One resource: whether it is there, how often it was swapped, and who uses it.

    States: `ready`; `degraded`, built of former settings; `unavailable`; `declared`, before the start.
    `leases` counts those of former instances, too; `draining` is how many of these are still open.
    """

    resource: str
    state: State
    swaps: int
    leases: int
    draining: int
    error: str

    def __str__(self) -> str:
        text = f"{self.resource}: {self.state}, swapped {self.swaps} times, {self.leases} leases"
        text += f", {self.draining} former ones open" if self.draining else ""
        return f"{text}: {self.error}" if self.error else text

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a whole Config: the version that serves, every source, lowest first, and every resource.

    `problems` are those of what classes read themselves (environment, `.env`, secret files).
    """

    name: str
    running: bool
    version: int
    sources: tuple[SourceStatus, ...]
    problems: tuple[Problem, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether everything that is declared serves its newest content."""
        ready = all(resource.state == "ready" for resource in self.resources)
        live = all(source.state == "live" for source in self.sources)
        return self.running and not self.problems and live and ready

    def __str__(self) -> str:
        state = "running" if self.running else "stopped"
        head = f"{self.name}: {state}, version {self.version}"
        return "\n".join([head, *map(str, self.sources), *map(str, self.resources), *map(str, self.problems)])

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {
            "name": self.name,
            "running": self.running,
            "version": self.version,
            "healthy": self.healthy,
            "sources": [source.to_dict() for source in self.sources],
            "resources": [resource.to_dict() for resource in self.resources],
            "problems": [problem.to_dict() for problem in self.problems],
        }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")


def sources_status(manager: Manager, *, running: bool) -> tuple[SourceStatus, ...]:
    """How it stands with every source of a manager, lowest first."""
    now = manager.clock.time()
    feeds = sorted(manager.feeds.values(), key=lambda feed: feed.position)
    return tuple(_source(feed, now, running=running) for feed in feeds)


def resources_status(preparers: Iterable[Preparer]) -> tuple[ResourceStatus, ...]:
    """How it stands with every resource, in the order in which they were declared."""
    resources = [
        (one.name, one.serving) for one in preparers if isinstance(one, ResourcePreparer) and not one.closed
    ]
    return tuple(
        ResourceStatus(name, serving.state, serving.swaps, serving.leases, serving.draining, serving.error)
        for name, serving in resources
    )


def overlay_problems(manager: Manager) -> tuple[Problem, ...]:
    """Why what classes read themselves was not taken."""
    waiting = list(manager.transactions.waiting.items())
    refused = [problem for key, one in waiting if isinstance(key, int) for problem in one.problems]
    faults = [Problem("", fault.reason, origin=fault.origin) for fault in manager.overlays.faults]
    return (*faults, *refused)


def _source(feed: SourceFeed, now: float, *, running: bool) -> SourceStatus:
    # Both are read once, as the feed goes on meanwhile: what is told fits together.
    unread = feed.unread.copy()
    fault = feed.error or next(iter(unread.values()), None)
    documents = (
        *(_document(document, unread, fault) for document in list(feed.documents.values())),
        *(_never_read(name, error) for name, error in unread.items() if name not in feed.documents),
    )
    age = None if feed.last_success is None else max(0.0, now - feed.last_success)
    error = fault.reason if fault else None
    since = feed.failing_since
    if (since is None) != (fault is None):  # it fails, or recovers, at this moment
        since = now if fault else None
    state = _state(feed, fault, documents) if running else "stopped"
    return SourceStatus(feed.name, state, feed.last_success, age, since, error, documents, feed.transport)


def _state(feed: SourceFeed, fault: SourceError | None, documents: Sequence[DocumentStatus]) -> SourceState:
    if fault is not None:
        known = feed.is_loaded or any(document.revision is not None for document in documents)
        return "stale" if known else "unavailable"
    for state in ("missing", "refused"):
        if any(document.state == state for document in documents):
            return state
    if feed.is_loaded:
        return "live"
    return "stale" if any(document.cached_at is not None for document in documents) else "starting"


def _never_read(name: str, error: SourceError) -> DocumentStatus:
    return DocumentStatus(name, "unavailable", None, None, (_problem(error),), None)


def _problem(error: SourceError) -> Problem:
    return Problem("", error.reason, origin=error.origin)


def _document(
    document: Document, unread: Mapping[str, SourceError], fault: SourceError | None
) -> DocumentStatus:
    problems = document.problems
    if document.fault is not None:
        problems = (_problem(document.fault),)
    state: SourceState = "live" if document.applied is not None else "absent"
    if document.missing_since is not None:
        state = "missing"
    elif problems:
        state = "refused"
    elif document.cached is not None:
        state = "stale"
    refused = document.reported if problems and document.missing_since is None else None
    own = unread.get(document.name)
    if state == "live" and (own is not None or (fault is not None and not unread)):
        state = "stale"
    if own is not None:
        problems = (*problems, _problem(own))
    return DocumentStatus(
        document.name, state, document.applied, refused, problems, document.missing_since, document.cached
    )
