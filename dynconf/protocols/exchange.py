"""What a protocol asks for and what it is given: requests, replies, pauses."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from dynconf.errors import SourceError, SourceUnavailable

__all__ = [
    "ANSWER_TIME",
    "Busy",
    "ConnectionLost",
    "Pause",
    "Reply",
    "Request",
    "Rest",
    "Steps",
    "UnderWay",
]

T = TypeVar("T")

ANSWER_TIME = 5.0
"""Seconds that a server may take to begin to answer a request that it need not hold."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, to whichever of the configured servers is healthy.

    Args:
        method: of HTTP.
        path: from the server's root, percent-encoded.
        query: parameters; a text that is empty is sent as a name alone.
        body: the content.
        headers: those that belong to the protocol.
        credentials: headers that must not be shown.
        timeout: seconds until the reply has to begin.
        held: whether the server keeps it until something happens, so that it needs a connection
            of its own for long.
        patience: seconds after which a held one is given up; that is no failure, `None` comes instead.
        repeatable: whether another server may be asked, and a lost connection tried again, although
            the first may have acted on it.
        limit: bytes that the reply's body may have.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = ANSWER_TIME
    held: bool = False
    patience: float | None = None
    repeatable: bool = True
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    Args:
        status: of HTTP.
        headers: with names in lower case.
        body: the content.
        server: the address that answered.
        limit: bytes that the body might have had.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    server: str = ""
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait until there is something new to do, at most that many seconds; `None` is for ever."""

    seconds: float | None


@dataclass(eq=False, slots=True)
class UnderWay:
    """Stands for the reply to one of several requests that takes longer than the others may wait for it.

    Args:
        reply: what came in the end, or why nothing did; `None` until then. That it is there is something
            new to do.
    """

    reply: "Reply | SourceError | None" = None


Steps: TypeAlias = Generator[Any, Any, T]
"""A protocol at work; it returns `T`.

| it yields | and is sent |
| --- | --- |
| a `Request` | the `Reply`; `None` if it was held and is given up, as patience ends or there is more to do |
| a list of `Request`s | a list with the `Reply`, the `SourceError`, or `UnderWay` if it takes long, of each |
| a `Pause` or a `Rest` | nothing, when that is over |
| anything else | nothing: it is news |

Where a request has no reply, its `SourceError` is thrown.
"""


class ConnectionLost(SourceUnavailable):
    """The connection ended before the answer was complete; whether anything was done is not known."""


class Busy(SourceUnavailable):
    """The server asks to be left alone for a while.

    Args:
        reason: what it said.
        seconds: how long; 0 if it did not say.
    """

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds
