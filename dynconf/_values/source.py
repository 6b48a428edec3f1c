"""What a source of documents is: the interface that ours and third parties' implement."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Literal, Protocol, TypeVar

from dynconf._values.clock import Clock
from dynconf._values.limits import Limits
from dynconf._values.snapshot import Update
from dynconf.errors import SourceError


class Closable(Protocol):
    """What several sources of one Config may share: a connection, a watcher."""

    async def close(self) -> None:
        """Let go of everything; called once, when the Config stops."""
        ...


C = TypeVar("C", bound=Closable)


class Feed(Protocol):
    """The one way from a source to dynconf. Everything here is called on the core's loop."""

    watching: bool
    """False when one pass is wanted: report every document once, then return."""
    clock: Clock
    limits: Limits
    transport: str
    """How changes are noticed, in a word or two for the status; the source sets it when it knows."""
    awaited: str
    """What has yet to be read before `loaded()`, and from where, if the source can say; empty if not."""
    unread: dict[str, SourceError]
    """The documents that cannot be read at present, and why; kept by sources that ask for each by itself."""

    @property
    def starting(self) -> bool:
        """Whether no start, or `add`, has taken what the source says yet.

        Only then is it a failure that nothing is there: not on `reload()`, nor in a forked child.
        """
        ...

    def update(self, update: Update, *, answers: bool = True) -> None:
        """Report a document's complete state; the same revision again costs nothing.

        It also says that the source is answering, unless `answers` is false because another part
        of it is not.
        """
        ...

    def alive(self) -> None:
        """Say that the source answered, with nothing new."""
        ...

    def failed(self, error: SourceError, *, again: bool = False) -> None:
        """Say that the source does not answer, or not sensibly; what it last reported stays.

        With `again` it is shown in the status only: the user has been told of it before.
        """
        ...

    def loaded(self) -> None:
        """Say that every document that exists now has been reported at least once.

        Documents reported in an earlier run and not in this one are then taken as gone.
        """
        ...

    def shared(self, key: Hashable, make: Callable[[], C]) -> C:
        """The object under `key` that this Config's sources share; made once, closed at stop."""
        ...

    def blocking(self, function: Callable[[], object]) -> Awaitable[object]:
        """Run what may block on a thread that never holds up the program's exit."""
        ...


class Source(ABC):
    """Where documents come from.

    A subclass sets `name` and implements `run`. Its options are plain attributes:

    - `optional`: whether a start may go on without it;
    - `on_missing`: what becomes of a required document that goes: `"keep"` its content or
      `"drop"` it;
    - `allow_empty`: whether a document without content is taken as an empty one;
    - `at`: the dotted path that its documents are mounted at;
    - `settle`: seconds of quiet that a change waits for, so that several saves become one.
    """

    name: str
    optional: bool = False
    on_missing: Literal["keep", "drop"] = "keep"
    allow_empty: bool = False
    at: str = ""
    settle: float = 0.0

    remote: bool = False
    """Whether it is worth waiting, at start, for a document or a server that is not there yet."""
    members: bool = False
    """Whether its documents come and go freely, as the files of a glob do."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', '')}>"

    def place(self) -> str:
        """Which server and part of it the documents come from, beside what the name says.

        What the cache holds of one place never stands in for another.

        Raises:
            UsageError: that is not settled.
        """
        return ""

    def resolve(self, profiles: tuple[str, ...]) -> Sequence["Source"]:
        """The sources that stand in for this one under the given profiles; usually itself."""
        return (self,)

    @abstractmethod
    async def run(self, feed: Feed) -> None:
        """Report every document, say `feed.loaded()`, then follow changes until cancelled.

        It begins anew, on the same object, after every error, on `reload()` and in a forked
        child, so it keeps its state in local variables. If `feed.watching` is false, or nothing
        can ever change, it returns after `loaded()`. A `SourceError` raised here counts as
        `feed.failed(error)`, and it is run again after a back-off.
        """
