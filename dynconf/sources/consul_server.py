"""A Consul server: where it is, how to get in, and its key-value store by plain calls."""

from collections.abc import Sequence

from dynconf._host.host import Host
from dynconf._http.client import Client
from dynconf._http.tls import TLS
from dynconf._values.source import Feed
from dynconf.errors import UsageError
from dynconf.protocols.consul import kv
from dynconf.protocols.consul.kv import ConsulEntry, ConsulOperation
from dynconf.sources._connection import Connectable
from dynconf.sources._consul_access import (
    Access,
    Consistency,
    endpoints,
)
from dynconf.sources._variables import from_variable, switch, variable

__all__ = ["ConsulEntry", "ConsulOperation", "ConsulServer"]


class ConsulServer(Connectable):
    """Consul's agents at some addresses, for sources and for plain calls.

    What is not given comes from Consul's own environment variables, each time that a connection is
    opened. Several addresses are of one cluster: the first is asked, the others when it does not
    answer. Each call opens a connection, unless the server is open in a `with` or `async with`.

    Args:
        *addresses: `host:port` or `http(s)://host:port`, also several with commas between;
            `CONSUL_HTTP_ADDR`, else `http://127.0.0.1:8500`. `CONSUL_HTTP_SSL=true` means https.
            Without a port it is 8500, of a URL that of its scheme.
        token: the ACL token; `CONSUL_HTTP_TOKEN`.
        token_file: a file that holds it; `CONSUL_HTTP_TOKEN_FILE`.
        datacenter: whose keys; that of the agent if not given.
        consistency: `"default"`, `"consistent"` (the leader asks the others first) or `"stale"` (any
            server answers).
        wait: seconds that an agent holds a query while nothing changes, 1 to 600. That nobody
            answers a query is noticed a little later than that.
        namespace: of Consul Enterprise; `CONSUL_NAMESPACE`.
        partition: of Consul Enterprise; `CONSUL_PARTITION`.
        basic_auth: user and password for a gateway in front; `CONSUL_HTTP_AUTH` (`user:password`).
        ca: a file of certificates (PEM) to trust; `CONSUL_CACERT`.
        ca_path: a folder of them; `CONSUL_CAPATH`.
        cert: our own certificate (PEM); `CONSUL_CLIENT_CERT`.
        key: its private key; `CONSUL_CLIENT_KEY`.
        verify: whether the server's certificate is checked; `CONSUL_HTTP_SSL_VERIFY`.
        server_name: the name that its certificate is for; `CONSUL_TLS_SERVER_NAME`.

    Raises:
        UsageError: an argument is not what it can be.
    """

    def __init__(
        self,
        *addresses: str,
        token: str | None = None,
        token_file: str | None = None,
        datacenter: str | None = None,
        consistency: Consistency = "default",
        wait: float = 60.0,
        namespace: str | None = None,
        partition: str | None = None,
        basic_auth: tuple[str, str] | None = None,
        ca: str | None = None,
        ca_path: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        verify: bool | None = None,
        server_name: str | None = None,
    ) -> None:
        super().__init__()
        if consistency not in {"default", "consistent", "stale"}:
            raise UsageError(f"consistency is 'default', 'consistent' or 'stale', not {consistency!r}")
        if not 1 <= wait <= 600:
            raise UsageError("wait is a number of seconds, 1 to 600")
        if token is not None and token_file is not None:
            raise UsageError("give token= or token_file=, not both")
        endpoints(addresses)
        self._addresses = addresses
        self._token = token
        self._token_file = token_file
        self._basic_auth = basic_auth
        self._tls = (ca, ca_path, cert, key, verify, server_name)
        self._namespace = namespace
        self._partition = partition
        self.datacenter = datacenter
        self.consistency: Consistency = consistency
        self.wait = wait

    def __repr__(self) -> str:
        return f"<ConsulServer {', '.join(self._addresses)}>" if self._addresses else "<ConsulServer>"

    # The key-value store

    def get(self, key: str) -> ConsulEntry | None:
        """Read a key; `None` if there is no such key.

        Raises:
            AccessDenied: the token, or its rights, are refused.
            SourceUnavailable: no Consul answers.
            BlockingCall: called on the event loop that this is open in.
        """
        return self._call(lambda: kv.get(key, self._reading()), instead="await server.aget(...)")

    async def aget(self, key: str) -> ConsulEntry | None:
        """Do what `get` does."""
        return await self._acall(lambda: kv.get(key, self._reading()))

    def list(self, prefix: str = "") -> Sequence[ConsulEntry]:
        """Read all keys that begin with a text, in the order of their names.

        Keys that the token may not read are left out.

        Raises:
            AccessDenied: the token, or its rights, are refused.
            SourceUnavailable: no Consul answers.
            BlockingCall: called on the event loop that this is open in.
        """
        return self._call(lambda: kv.list_keys(prefix, self._reading()), instead="await server.alist(...)")

    async def alist(self, prefix: str = "") -> Sequence[ConsulEntry]:
        """Do what `list` does."""
        return await self._acall(lambda: kv.list_keys(prefix, self._reading()))

    def put(self, key: str, value: bytes | str, *, cas: int | None = None) -> bool:
        """Write a key, making it if need be.

        Args:
            key: its full name.
            value: its content; text is written as UTF-8.
            cas: write only if the key's `modify_index` is still this one; 0 is "only if there is none".

        Returns:
            Whether it was written; false only if it was not as `cas` says.

        Raises:
            AccessDenied: the token, or its rights, are refused.
            RequestRefused: it is larger than the server takes: 512 KB by default.
            SourceUnavailable: no Consul answers. It is not sent twice; whether it arrived is unknown
                if the connection was lost meanwhile.
            BlockingCall: called on the event loop that this is open in.
        """
        return self._call(lambda: kv.put(key, value, cas, self._options()), instead="await server.aput(...)")

    async def aput(self, key: str, value: bytes | str, *, cas: int | None = None) -> bool:
        """Do what `put` does."""
        return await self._acall(lambda: kv.put(key, value, cas, self._options()))

    def delete(self, key: str, *, cas: int | None = None, recurse: bool = False) -> bool:
        """Delete a key, or with `recurse` all keys that begin so. That there is none is no error.

        Args:
            key: its full name, or how the names begin.
            cas: delete only if the key's `modify_index` is still this one.
            recurse: whether to delete all keys that begin so.

        Returns:
            Whether it was deleted; false only if it was not as `cas` says.

        Raises:
            AccessDenied: the token, or its rights, are refused.
            SourceUnavailable: no Consul answers.
            BlockingCall: called on the event loop that this is open in.
        """
        return self._call(
            lambda: kv.delete(key, cas, recurse, self._options()), instead="await server.adelete(...)"
        )

    async def adelete(self, key: str, *, cas: int | None = None, recurse: bool = False) -> bool:
        """Do what `delete` does."""
        return await self._acall(lambda: kv.delete(key, cas, recurse, self._options()))

    def transaction(self, operations: Sequence[ConsulOperation]) -> Sequence[ConsulEntry]:
        """Do all of several operations, or none.

        Args:
            operations: up to 128; 64 before Consul 1.14.

        Returns:
            What they read and wrote; of what is written, without its value.

        Raises:
            Conflict: an operation did not find what it expects; nothing was done.
            AccessDenied: the token, or its rights, are refused.
            UsageError: there are too many operations.
            SourceUnavailable: no Consul answers. It is not sent twice.
            BlockingCall: called on the event loop that this is open in.
        """
        return self._call(
            lambda: kv.transaction(operations, self._options()), instead="await server.atransaction(...)"
        )

    async def atransaction(self, operations: Sequence[ConsulOperation]) -> Sequence[ConsulEntry]:
        """Do what `transaction` does."""
        return await self._acall(lambda: kv.transaction(operations, self._options()))

    # For sources

    def access(self) -> Access:
        """Where it is and how to get in, with the environment as it is now.

        Raises:
            UsageError: a variable of the environment is not what it can be.
        """
        secure = switch("CONSUL_HTTP_SSL", default=False)
        found = endpoints(self._addresses, secure=secure)
        if not found and variable("CONSUL_HTTP_ADDR"):
            found = from_variable("CONSUL_HTTP_ADDR", lambda text: endpoints([text], secure=secure))
        ca, ca_path, cert, key, verify, server_name = self._tls
        tls = TLS(
            ca or variable("CONSUL_CACERT") or None,
            ca_path or variable("CONSUL_CAPATH") or None,
            cert or variable("CONSUL_CLIENT_CERT") or None,
            key or variable("CONSUL_CLIENT_KEY") or None,
            switch("CONSUL_HTTP_SSL_VERIFY", default=True) if verify is None else verify,
            server_name or variable("CONSUL_TLS_SERVER_NAME") or None,
        )
        said = self._token is not None or self._token_file is not None
        return Access(
            found or endpoints(["127.0.0.1"], secure=secure),
            tls,
            (self._token or "") if said else variable("CONSUL_HTTP_TOKEN"),
            (self._token_file or "") if said else variable("CONSUL_HTTP_TOKEN_FILE"),
            ":".join(self._basic_auth) if self._basic_auth else variable("CONSUL_HTTP_AUTH"),
        )

    def connect(self, feed: Feed) -> Client:
        """The connections that all sources of one Config share that get in by the same way."""
        access = self.access()
        return feed.shared(
            ("consul", access), lambda: Client(access.endpoints, access.tls, access.headers, feed.blocking)
        )

    def options(self, datacenter: str | None) -> dict[str, str]:
        """The query parameters of a source's every request."""
        options = self._reading()
        return options | {"dc": datacenter} if datacenter else options

    # Inside

    def _client(self, host: Host) -> Client:
        access = self.access()
        name = repr(self)
        return Client(
            access.endpoints, access.tls, access.headers, lambda function: host.run_work(name, function)
        )

    def _options(self) -> dict[str, str]:
        options = {
            "dc": self.datacenter or "",
            "ns": self._namespace or variable("CONSUL_NAMESPACE"),
            "partition": self._partition or variable("CONSUL_PARTITION"),
        }
        return {name: value for name, value in options.items() if value}

    def _reading(self) -> dict[str, str]:
        options = self._options()
        return options if self.consistency == "default" else {**options, self.consistency: ""}
