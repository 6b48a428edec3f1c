"""Where Nacos is and how to get in: what is said, and for the rest the customary environment variables."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dynconf._http.client import Blocking, Client
from dynconf._http.endpoint import Endpoint, each_of
from dynconf._http.exposed import warn_of_exposure
from dynconf._http.tls import TLS
from dynconf.errors import SourceUnavailable
from dynconf.protocols.exchange import Reply, Request

PORT: Final = 8848
_READY: Final = (
    "a Nacos that is ready says so at /v1/console/health/readiness (1.x and 2.x) or"
    " /v3/admin/core/state/readiness (3.x), below its context path"
)


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
    ports = {"http": PORT, "https": PORT}
    found = (Endpoint.parse(part, port=PORT, ports=ports) for part in each_of(addresses))
    path = "/" + context_path.strip("/") if context_path.strip("/") else ""
    return tuple(dict.fromkeys(one if one.path else replace(one, path=path) for one in found))


class NacosClient(Client):
    """The connections to one Nacos; who reaches nobody is told how to find out whether it is ready.

    Args:
        access: where it is. Each request brings its own token.
        blocking: where name resolution and reading of certificates happen.
    """

    def __init__(self, access: Access, blocking: Blocking) -> None:
        super().__init__(access.endpoints, access.tls, dict, blocking)
        if access.username:  # the password goes in a body, of which the connections know nothing
            warn_of_exposure(*access.endpoints)

    async def send(self, request: Request) -> Reply:
        """See `Client`."""
        try:
            return await super().send(request)
        except SourceUnavailable as error:
            if type(error) is not SourceUnavailable:
                raise
            raise SourceUnavailable(f"{error.reason}; {_READY}", error.origin) from None
