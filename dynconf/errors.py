"""Everything that dynconf raises.

    DynconfError
    ├── UsageError               the program declares or calls something wrongly
    │   ├── NotStarted           read before the first load
    │   ├── BlockingCall         a call that would wait for itself
    │   └── BootstrapError       a mistake in a bootstrap file or a source's address
    ├── MissingExtra             an optional package is not installed (also an ImportError)
    ├── SourceError              something is wrong with a source or one of its documents
    │   ├── DocumentMissing      the document is not there
    │   ├── SourceUnavailable    nobody answers, or not sensibly
    │   │   └── UnexpectedReply  what answers is something else, or has a fault of its own
    │   ├── AccessDenied         credentials or rights are refused
    │   ├── RequestRefused       the server takes no such request: it is too large, or not understood
    │   ├── Conflict             somebody else has changed it meanwhile; nothing was done
    │   └── ParseError           the content cannot be read
    │       └── LimitExceeded    the content is larger or deeper than allowed
    ├── CacheUnusable            what is kept on disk for the next start cannot be read or written
    ├── ChangeRefused            a change was not taken; the last good values keep serving
    ├── Veto                     what a `before_change` function raises to refuse a change
    ├── ResourceUnavailable      what is built from settings is used, and is not there
    └── StartFailed              the first load did not succeed

No message ever holds a configuration value: paths, types, sources and places only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dynconf._origin import Origin, Problem, on_one_line

__all__ = [
    "AccessDenied",
    "BlockingCall",
    "BootstrapError",
    "CacheUnusable",
    "ChangeRefused",
    "Conflict",
    "DocumentMissing",
    "DynconfError",
    "LimitExceeded",
    "MissingExtra",
    "NotStarted",
    "Origin",
    "ParseError",
    "Problem",
    "RequestRefused",
    "ResourceUnavailable",
    "SourceError",
    "SourceUnavailable",
    "StartFailed",
    "UnexpectedReply",
    "UsageError",
    "Veto",
]


class DynconfError(Exception):
    """The root of the tree. All of them can be pickled, as they are on their way from another process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(cls: type[DynconfError], args: tuple[Any, ...], state: Mapping[str, Any]) -> DynconfError:
    """An error of that class, whatever its constructor takes: `args` are the finished text."""
    error = cls.__new__(cls)
    super(DynconfError, error).__init__(*args)
    error.__dict__.update(state)
    return error


class UsageError(DynconfError):
    """The program declares or calls something wrongly."""


class NotStarted(UsageError):
    """Settings were read before the configuration was loaded."""


class BlockingCall(UsageError):
    """A call would wait for itself: on the loop that has to answer it, or in what a change waits for."""


class BootstrapError(UsageError):
    """A mistake in a bootstrap file or in a source's one-line address."""


class MissingExtra(DynconfError, ImportError):
    """An optional package is not installed.

    Args:
        feature: what was asked for, as it stands in the message.
        extra: the name of the extra that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra '{extra}': pip install 'dynconf[{extra}]'")
        self.extra = extra


class SourceError(DynconfError):
    """Something is wrong with a source or with one of its documents.

    Args:
        reason: what happened and what to do, without any value.
        origin: where; its source and document are filled in where they are known.
    """

    def __init__(self, reason: str, origin: Origin | None = None) -> None:
        self.reason: str = on_one_line(reason)
        self.origin = origin
        super().__init__(self.reason)

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}" if self.origin else self.reason


class DocumentMissing(SourceError):
    """The document is not there: 404, deleted, or no such file."""


class SourceUnavailable(SourceError):
    """Nobody answers there, or what answers is not what was expected."""


class UnexpectedReply(SourceUnavailable):
    """What answers is no such server, or a server with a fault of its own."""


class AccessDenied(SourceError):
    """The credentials, or the rights that come with them, are refused."""


class RequestRefused(SourceError):
    """The server takes no such request: it is too large, or not one that it understands."""


class Conflict(SourceError):
    """Somebody else has changed it meanwhile; nothing was done."""


class ParseError(SourceError):
    """The content cannot be read as the format that it should be in."""


class LimitExceeded(ParseError):
    """The content is larger, deeper or richer than the limits allow."""


class CacheUnusable(DynconfError):
    """What is kept on disk for the next start cannot be read or written; nothing else suffers from it."""


class ChangeRefused(DynconfError):
    """A change was not taken; the last good values keep serving.

    Args:
        problems: why, one entry for each field or document at fault.
    """

    def __init__(self, problems: Sequence[Problem], what: str = "change refused") -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(on_one_line(what) + ": " + "; ".join(map(str, self.problems)))


class Veto(DynconfError):
    """Raised by a `before_change` function: the change is not to be published.

    Args:
        reason: why; it is logged and shown in the status, so it should hold no value that is secret.
        path: the dotted path, from the root of the merged tree, that it is about. Then only the documents
            that changed what is there are held back.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class ResourceUnavailable(DynconfError):
    """A resource that is used, or is to be, is not there: nothing is started, or it could not be built."""


class StartFailed(DynconfError):
    """The first load did not succeed.

    Args:
        failures: one error for each source that did not answer or was not acceptable.
    """

    def __init__(self, failures: Sequence[DynconfError]) -> None:
        self.failures: tuple[DynconfError, ...] = tuple(failures)
        lines = "".join(f"\n  - {failure}" for failure in self.failures)
        super().__init__(f"the configuration could not be loaded:{lines}")
