"""Sends a protocol's requests to whichever server is healthy, with the credentials."""

import asyncio
import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import Final, Protocol
from urllib.parse import quote

import httpx

from dynconf._http.circuits import Circuits
from dynconf._http.endpoint import Endpoint
from dynconf._http.exposed import warn_of_exposure
from dynconf._http.faults import CONNECT_TIME, unreachable, unresolved
from dynconf._http.tls import TLS
from dynconf._http.unlogged import unlogged
from dynconf.errors import LimitExceeded, SourceUnavailable, UnexpectedReply
from dynconf.protocols.exchange import Reply, Request
from dynconf.protocols.failures import busy_in

BODY_TIME: Final = 60.0
"""Seconds that a reply's body may take, once it has begun."""

MOST_PARTS: Final = 20_000
LEAST_PART: Final = 64
"""Parts that a reply's body may come in if they are smaller than that many bytes on average: each costs
a processor some 30 microseconds, however small it is."""

NAME_TIME: Final = 10.0
"""Seconds that a name's addresses are taken for what they were, while they can be connected to; also once
more each time that the name service fails."""

_FAILING: Final = frozenset({429, 500, 502, 503, 504})
"""What one server may say, and another one not."""
_PLAIN = httpx.Limits(max_connections=20, max_keepalive_connections=8, keepalive_expiry=30.0)
_HELD = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=30.0)
# So that the kernel notices a peer that has gone without a word.
_KEEP_ALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]


class Blocking(Protocol):
    """Runs what may block on a thread that never holds up the program's exit."""

    def __call__(self, function: Callable[[], object], /) -> Awaitable[object]: ...


class Client:
    """The connections to one cluster of servers.

    Redirects are never followed, proxies and log-ins of the environment never used, so credentials
    go to the configured servers alone.

    Args:
        endpoints: the servers; the first is asked first, and kept while it is healthy.
        tls: for those of https.
        credentials: gives the headers that every request has; called for each, as they may be renewed.
        blocking: where name resolution and reading of certificates happen.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        tls: TLS,
        credentials: Callable[[], Mapping[str, str]],
        blocking: Blocking,
    ) -> None:
        self._circuits = Circuits(endpoints, time.monotonic, random.random)
        self._credentials = credentials
        self._blocking = blocking
        self._tls = tls
        self._secure = any(endpoint.scheme == "https" for endpoint in endpoints)
        self._pools: dict[bool, httpx.AsyncHTTPTransport] = {}
        self._opening = asyncio.Lock()
        self._addresses: dict[Endpoint, list[str]] = {}
        self._fresh_until: dict[Endpoint, float] = {}
        self._worked: dict[Endpoint, str] = {}
        self._lookups: dict[Endpoint, asyncio.Future[object]] = {}

    async def send(self, request: Request) -> Reply:
        """Ask the servers in turn until one answers.

        Raises:
            SourceUnavailable: none does; told of each that was asked.
            Busy: none is asked, as all want to be left alone.
            LimitExceeded: the reply is larger than the request allows.
        """
        errors: list[SourceUnavailable] = []
        failing: Reply | None = None
        for endpoint in self._circuits.candidates():
            asked = True
            try:
                reply = await self._ask(endpoint, request)
            except _NotAsked as error:
                errors.append(error.fault)
                asked = False
            except SourceUnavailable as error:
                errors.append(error)
            else:
                if self._answers(endpoint, reply):
                    return reply
                failing = reply
            # A write that is refused says so with 500, too.
            if failing is None or failing.status != 500 or request.repeatable:
                self._circuits.failed(endpoint)
            if asked and not request.repeatable:
                break
        if failing is not None:
            return failing
        if len(errors) == 1:
            raise errors[0]
        raise SourceUnavailable("no server answers: " + "; ".join(error.reason for error in errors))

    async def close(self) -> None:
        """Close every connection."""
        for lookup in self._lookups.values():
            lookup.cancel()
        pools, self._pools = self._pools, {}
        with unlogged():
            for pool in pools.values():
                await pool.aclose()

    # Inside

    def _answers(self, endpoint: Endpoint, reply: Reply) -> bool:
        """Whether that is an answer, and not one that is better asked of another server."""
        if busy := busy_in(reply):
            self._circuits.restrained(endpoint, busy)
        elif reply.status not in _FAILING:
            self._circuits.succeeded(endpoint)
            return True
        return False

    async def _ask(self, endpoint: Endpoint, request: Request) -> Reply:
        """Ask one server, at the first of its addresses that can be connected to."""
        pool = await self._pool(request.held)
        fault = unresolved(endpoint, OSError())
        for address in await self._resolved(endpoint):
            try:
                reply = await self._persist(pool, endpoint, address, request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = unreachable(endpoint, error, request.timeout)
                self._fresh_until[endpoint] = 0.0
            except (httpx.TransportError, ssl.SSLError) as error:
                # httpx lets TLS's own errors through that come after the handshake.
                raise unreachable(endpoint, error, request.timeout) from None
            else:
                self._worked[endpoint] = address
                return reply
        raise _NotAsked(fault)

    async def _persist(
        self, pool: httpx.AsyncHTTPTransport, endpoint: Endpoint, address: str, request: Request
    ) -> Reply:
        """Ask twice if need be: a connection that was kept may have been closed meanwhile."""
        with unlogged():
            try:
                return await self._exchange(pool, endpoint, address, request)
            except httpx.ConnectError:
                raise
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if not request.repeatable:
                    raise
            return await self._exchange(pool, endpoint, address, request)

    async def _exchange(
        self, pool: httpx.AsyncHTTPTransport, endpoint: Endpoint, address: str, request: Request
    ) -> Reply:
        response: httpx.Response | None = None
        try:
            # httpx's own time begins anew with every byte.
            async with asyncio.timeout(CONNECT_TIME + request.timeout) as limit:
                response = await pool.handle_async_request(self._http_request(endpoint, address, request))
                limit.reschedule(asyncio.get_running_loop().time() + BODY_TIME)
                body = await _body(response, endpoint, request.limit)
        except TimeoutError:
            if response is None:
                raise httpx.ReadTimeout("the headers drip") from None
            raise SourceUnavailable(
                f"{endpoint}: the answer began, but did not end within {BODY_TIME:g} s"
            ) from None
        finally:
            if response is not None:
                await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, body, str(endpoint), request.limit)

    def _http_request(self, endpoint: Endpoint, address: str, request: Request) -> httpx.Request:
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" if value else quote(name, safe="")
            for name, value in request.query.items()
        )
        target = f"{endpoint.path}{request.path}{'?' if query else ''}{query}"
        url = httpx.URL(scheme=endpoint.scheme, host=address, port=endpoint.port, raw_path=target.encode())
        headers = {
            "host": endpoint.netloc,
            "accept": "*/*",
            "accept-encoding": "identity",
            "user-agent": "dynconf",
            **request.headers,
            **self._log_in(endpoint, request),
        }
        name = self._tls.server_name or endpoint.host
        timeout = httpx.Timeout(request.timeout, connect=CONNECT_TIME, pool=request.timeout)
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            content=request.body,
            extensions={"timeout": timeout.as_dict(), "sni_hostname": name},
        )

    def _log_in(self, endpoint: Endpoint, request: Request) -> Mapping[str, str]:
        headers = {**self._credentials(), **request.credentials}
        if headers:
            warn_of_exposure(endpoint)
        return headers

    async def _pool(self, held: bool) -> httpx.AsyncHTTPTransport:
        async with self._opening:
            if held not in self._pools:
                context: object = False
                if self._secure:
                    context = await self._blocking(self._tls.context)
                assert context is False or isinstance(context, ssl.SSLContext)
                limits = _HELD if held else _PLAIN
                self._pools[held] = httpx.AsyncHTTPTransport(
                    verify=context, limits=limits, trust_env=False, socket_options=_KEEP_ALIVE
                )
            return self._pools[held]

    async def _resolved(self, endpoint: Endpoint) -> list[str]:
        """A server's IP addresses; the one that worked last comes first.

        A name service that fails does not make a server unreachable whose address was known, and one that
        hangs does not hold up every request.
        """
        if endpoint.is_ip:
            return [endpoint.host]

        def resolve() -> list[str]:
            found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(where[0]) for *_, where in found))

        if endpoint in self._addresses and time.monotonic() < self._fresh_until[endpoint]:
            return self._in_order(endpoint)
        lookup = self._lookups.get(endpoint)
        if lookup is None or lookup.done():  # one that hangs has a thread of its own until it ends
            lookup = self._lookups[endpoint] = asyncio.ensure_future(self._blocking(resolve))
            lookup.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(CONNECT_TIME):
                found = await asyncio.shield(lookup)
        except (OSError, UnicodeError) as error:
            if endpoint not in self._addresses:
                fault = unresolved(endpoint, error if isinstance(error, OSError) else OSError())
                raise _NotAsked(fault) from None
        else:
            assert isinstance(found, list)
            self._addresses[endpoint] = found
        self._fresh_until[endpoint] = time.monotonic() + NAME_TIME
        return self._in_order(endpoint)

    def _in_order(self, endpoint: Endpoint) -> list[str]:
        worked = self._worked.get(endpoint)
        return sorted(self._addresses[endpoint], key=lambda address: address != worked)


class _NotAsked(Exception):
    """No connection came about, so that no server has done anything yet."""

    def __init__(self, fault: SourceUnavailable) -> None:
        super().__init__()
        self.fault = fault


async def _body(response: httpx.Response, endpoint: Endpoint, limit: int) -> bytes:
    """The whole body, as it was sent; never more than the limit."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnexpectedReply(f"{endpoint} sends a compressed answer, which was not asked for")
    body = BytesIO()  # a list of parts would be many times as large as parts of two bytes
    parts = 0
    async for part in response.aiter_raw():
        parts += 1
        if parts > MOST_PARTS and body.tell() < LEAST_PART * parts:
            raise LimitExceeded(f"{endpoint} sends an answer in more than {MOST_PARTS} tiny parts")
        if body.tell() + len(part) > limit:
            raise LimitExceeded(f"{endpoint} sends an answer of more than {limit} bytes")
        body.write(part)
    return body.getvalue()
