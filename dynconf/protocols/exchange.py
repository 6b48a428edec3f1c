"""What a protocol asks for and what it is given: requests, replies, pauses."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from dynconf.errors import SourceUnavailable

__all__ = [
    "ANSWER_TIME",
    "Busy",
    "Pause",
    "Reply",
    "Request",
    "Steps",
]

T = TypeVar("T")

ANSWER_TIME = 10.0
"""Seconds that a server may take to begin to answer a request that it need not hold."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, to whichever of the configured servers is healthy.

    Args:
        method: of HTTP.
        path: from the server's root, percent-encoded.
        query: parameters; a text that is empty is sent as a name alone.
        body: the content.
        headers: those that belong to the protocol; never credentials.
        timeout: seconds until the reply has to begin.
        held: whether the server keeps it until something happens, so that it needs a connection
            of its own for long.
        repeatable: whether another server may be asked, and a lost connection tried again, although
            the first may have acted on it.
        limit: bytes that the reply's body may have.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = ANSWER_TIME
    held: bool = False
    repeatable: bool = True
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `headers` has names in lower case; `server` is the address that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    server: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait that many seconds."""

    seconds: float


Steps: TypeAlias = Generator[Any, Reply | None, T]
"""A protocol at work: yields a `Request`, a `Pause` or news, and returns `T`."""


class Busy(SourceUnavailable):
    """The server asks to be left alone for a while.

    Args:
        reason: what it said.
        seconds: how long; 0 if it did not say.
    """

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds
