"""Where Nacos is and how to get in: what is said, and for the rest the customary environment variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dynconf._http.endpoint import Endpoint
from dynconf._http.tls import TLS
from dynconf.errors import SourceError, SourceUnavailable, UsageError

PORT: Final = 8848


@dataclass(frozen=True, slots=True)
class Access:
    """All that tells one set of connections from another; equal ones are shared.

    Args:
        endpoints: the servers of one cluster; the context path is part of each.
        tls: for https.
        username: empty if there is no log-in.
        password: of that user.
        wait: seconds that a server may hold a long poll.
        interval: seconds between two looks where there is no long poll.
    """

    endpoints: tuple[Endpoint, ...]
    tls: TLS = field(repr=False)
    username: str = ""
    password: str = field(repr=False, default="")
    wait: float = 30.0
    interval: float = 15.0

    def __str__(self) -> str:
        return ", ".join(map(str, self.endpoints))


def endpoints(addresses: Sequence[str], context_path: str) -> tuple[Endpoint, ...]:
    """The servers at some addresses, each of which may be several with commas between.

    Raises:
        UsageError: one is no address.
    """
    each = [part for address in addresses for part in address.split(",") if part.strip()]
    if addresses and not each:
        raise UsageError("a server's address is empty")
    ports = {"http": PORT, "https": PORT}
    found = (Endpoint.parse(part, port=PORT, ports=ports) for part in each)
    path = "/" + context_path.strip("/") if context_path.strip("/") else ""
    return tuple(dict.fromkeys(one if one.path else replace(one, path=path) for one in found))


def explained(error: SourceError) -> SourceError:
    """The same error, and if nobody answers, how to find out whether the server is ready."""
    if type(error) is not SourceUnavailable:
        return error
    return SourceUnavailable(
        f"{error.reason}; a Nacos that is ready says so at /v1/console/health/readiness (1.x and 2.x) or"
        " /v3/admin/core/state/readiness (3.x), below its context path",
        error.origin,
    )


def no_headers() -> Mapping[str, str]:
    """The credentials of all requests: none, as each one's token is its own."""
    return {}
