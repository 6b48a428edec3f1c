"""A Nacos server: where it is, how to get in, and its configurations by plain calls."""

import math
import random
import time
from collections.abc import Sequence
from typing import TypeVar

from dynconf._host.host import Host
from dynconf._http.client import Client
from dynconf._http.tls import TLS
from dynconf._values.source import Feed
from dynconf.errors import UsageError
from dynconf.protocols.nacos import operations
from dynconf.protocols.nacos.identity import DEFAULT_GROUP, NacosConfig, NacosKey, public
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.operations import NacosRevision
from dynconf.sources._connection import Connectable
from dynconf.sources._nacos_access import Access, NacosClient, endpoints
from dynconf.sources._nacos_hub import NacosHub
from dynconf.sources._variables import from_variable, variable

__all__ = ["NacosConfig", "NacosKey", "NacosRevision", "NacosServer"]

T = TypeVar("T")


class NacosServer(Connectable):
    """The servers of one Nacos, for sources and for plain calls; 1.x, 2.x and 3.x.

    What is not given comes from environment variables, each time that a connection is opened.
    Several addresses are of one cluster: the first is asked, the others when it does not answer.
    Each call opens a connection, unless the server is open in a `with` or `async with`.

    Args:
        *addresses: `host:port` or `http(s)://host:port`, also several with commas between;
            `NACOS_SERVER_ADDR`, else `http://127.0.0.1:8848`. Without a port it is 8848.
        namespace: the id (not the name) of the namespace; `NACOS_NAMESPACE`, else the public one.
        username: for the log-in; `NACOS_USERNAME`.
        password: of that user; `NACOS_PASSWORD`.
        wait: seconds that a server holds a long poll while nothing changes, 10 to 60.
        interval: seconds between two looks at a server that has no long poll (3.2 and later, and
            others where it is switched off).
        context_path: what the server's paths begin with, if an address has none of its own.
        ca: a file of certificates (PEM) to trust.
        cert: our own certificate (PEM).
        key: its private key.
        verify: whether the server's certificate is checked.
        server_name: the name that its certificate is for, if it is not the address's.

    Raises:
        UsageError: an argument is not what it can be.
    """

    def __init__(
        self,
        *addresses: str,
        namespace: str | None = None,
        username: str | None = None,
        password: str | None = None,
        wait: float = 30.0,
        interval: float = 15.0,
        context_path: str = "/nacos",
        ca: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        verify: bool = True,
        server_name: str | None = None,
    ) -> None:
        super().__init__()
        if not 10 <= wait <= 60:
            raise UsageError("wait is a number of seconds, 10 to 60: Nacos holds no long poll for less")
        if not 0 < interval < math.inf:
            raise UsageError("interval is a number of seconds above 0")
        endpoints(addresses, context_path)
        self._addresses = addresses
        self._namespace = namespace
        self._username = username
        self._password = password
        self._wait = wait
        self._interval = interval
        self._context_path = context_path
        self._tls = TLS(ca, None, cert, key, verify, server_name)
        self._last: tuple[Access, Login] | None = None

    def __repr__(self) -> str:
        return f"<NacosServer {', '.join(self._addresses)}>" if self._addresses else "<NacosServer>"

    # Configurations

    def get(
        self, data_id: str, *, group: str = DEFAULT_GROUP, namespace: str | None = None
    ) -> NacosConfig | None:
        """Read a configuration; `None` if there is none.

        Args:
            data_id: its name.
            group: the group that it is in.
            namespace: the id of its namespace, if not the server's.

        Raises:
            AccessDenied: the log-in, or its rights, are refused.
            SourceUnavailable: no Nacos answers.
            BlockingCall: called on the event loop that this is open in.
        """
        key = self.name(data_id, group, namespace)
        return self._call(lambda: operations.get(self._login(), key), instead="await server.aget(...)")

    async def aget(
        self, data_id: str, *, group: str = DEFAULT_GROUP, namespace: str | None = None
    ) -> NacosConfig | None:
        """Do what `get` does."""
        key = self.name(data_id, group, namespace)
        return await self._acall(lambda: operations.get(self._login(), key))

    def publish(
        self,
        data_id: str,
        content: str,
        *,
        group: str = DEFAULT_GROUP,
        namespace: str | None = None,
        type: str = "",
        cas_md5: str = "",
        wait: bool = False,
    ) -> bool:
        """Write a configuration, making it if need be.

        Args:
            data_id: its name.
            content: what it is to be; Nacos takes no empty one.
            group: the group that it is in.
            namespace: the id of its namespace, if not the server's.
            type: the format that readers are told: `yaml`, `json`, `properties`, `xml`, `html`,
                `toml` or `text`; Nacos takes none for `text`, whatever it was before.
            cas_md5: write only if the content's `md5` is still this one, and never what is not there.
                The latter is looked for before, as Nacos itself does not: one that is removed in
                that very moment is made anew.
            wait: whether to wait until readers get it, which takes Nacos some 60 ms.

        Returns:
            Whether it was written; false only if it was not as `cas_md5` says.

        Raises:
            AccessDenied: the log-in, or its rights, are refused.
            SourceUnavailable: no Nacos answers. It is not sent twice.
            UsageError: the content is empty or no text, or `cas_md5` is no md5.
            BlockingCall: called on the event loop that this is open in.
        """
        key = self.name(data_id, group, namespace)
        return self._call(
            lambda: operations.publish(self._login(), key, content, type, cas_md5, wait=wait),
            instead="await server.apublish(...)",
        )

    async def apublish(
        self,
        data_id: str,
        content: str,
        *,
        group: str = DEFAULT_GROUP,
        namespace: str | None = None,
        type: str = "",
        cas_md5: str = "",
        wait: bool = False,
    ) -> bool:
        """Do what `publish` does."""
        key = self.name(data_id, group, namespace)
        return await self._acall(
            lambda: operations.publish(self._login(), key, content, type, cas_md5, wait=wait)
        )

    def remove(
        self,
        data_id: str,
        *,
        group: str = DEFAULT_GROUP,
        namespace: str | None = None,
        wait: bool = False,
    ) -> bool:
        """Remove a configuration; that there is none is no error.

        Args:
            data_id: its name.
            group: the group that it is in.
            namespace: the id of its namespace, if not the server's.
            wait: whether to wait until readers get it no more.

        Raises:
            AccessDenied: the log-in, or its rights, are refused.
            SourceUnavailable: no Nacos answers.
            BlockingCall: called on the event loop that this is open in.
        """
        key = self.name(data_id, group, namespace)
        return self._call(
            lambda: operations.remove(self._login(), key, wait=wait), instead="await server.aremove(...)"
        )

    async def aremove(
        self,
        data_id: str,
        *,
        group: str = DEFAULT_GROUP,
        namespace: str | None = None,
        wait: bool = False,
    ) -> bool:
        """Do what `remove` does."""
        key = self.name(data_id, group, namespace)
        return await self._acall(lambda: operations.remove(self._login(), key, wait=wait))

    def list(self, data_id: str = "", *, group: str = "", namespace: str | None = None) -> Sequence[NacosKey]:
        """The configurations of a namespace whose names match.

        3.x lists them to a log-in only.

        Args:
            data_id: a name, in which `*` stands for anything; empty for any.
            group: likewise.
            namespace: the id of the namespace, if not the server's.

        Raises:
            AccessDenied: the log-in, or its rights, are refused.
            SourceUnavailable: no Nacos answers.
            BlockingCall: called on the event loop that this is open in.
        """
        where = self.name(data_id, group, namespace)
        return self._call(
            lambda: operations.list_keys(self._login(), where.namespace, data_id, group),
            instead="await server.alist(...)",
        )

    async def alist(
        self, data_id: str = "", *, group: str = "", namespace: str | None = None
    ) -> Sequence[NacosKey]:
        """Do what `list` does."""
        where = self.name(data_id, group, namespace)
        return await self._acall(lambda: operations.list_keys(self._login(), where.namespace, data_id, group))

    def history(
        self, data_id: str, *, group: str = DEFAULT_GROUP, namespace: str | None = None
    ) -> Sequence[NacosRevision]:
        """What was done to a configuration, the newest first, as far back as the server keeps it.

        3.x tells it to a log-in only.

        Args:
            data_id: its name.
            group: the group that it is in.
            namespace: the id of its namespace, if not the server's.

        Raises:
            AccessDenied: the log-in, or its rights, are refused.
            SourceUnavailable: no Nacos answers.
            BlockingCall: called on the event loop that this is open in.
        """
        key = self.name(data_id, group, namespace)
        return self._call(
            lambda: operations.history(self._login(), key), instead="await server.ahistory(...)"
        )

    async def ahistory(
        self, data_id: str, *, group: str = DEFAULT_GROUP, namespace: str | None = None
    ) -> Sequence[NacosRevision]:
        """Do what `history` does."""
        key = self.name(data_id, group, namespace)
        return await self._acall(lambda: operations.history(self._login(), key))

    # For sources

    def access(self) -> Access:
        """Where it is and how to get in, with the environment as it is now.

        Raises:
            UsageError: a variable of the environment is not what it can be.
        """
        found = endpoints(self._addresses, self._context_path)
        if not found and variable("NACOS_SERVER_ADDR"):
            found = from_variable("NACOS_SERVER_ADDR", lambda text: endpoints([text], self._context_path))
        return Access(
            found or endpoints(["127.0.0.1"], self._context_path),
            self._tls,
            variable("NACOS_USERNAME") if self._username is None else self._username,
            variable("NACOS_PASSWORD") if self._password is None else self._password,
            self._wait,
            self._interval,
        )

    def name(self, data_id: str, group: str, namespace: str | None) -> NacosKey:
        """What a configuration is called, with the server's namespace if none is said."""
        if namespace is None:
            namespace = variable("NACOS_NAMESPACE") if self._namespace is None else self._namespace
        return NacosKey(data_id, group, public(namespace))

    def connect(self, feed: Feed) -> NacosHub:
        """What all sources of one Config share that get in by the same way."""
        access = self.access()

        def make() -> NacosHub:
            client = NacosClient(access, feed.blocking)
            return NacosHub(client, access, feed.clock, 4 * feed.limits.bytes + 65536)

        return feed.shared(("nacos", access), make)

    # Inside

    def _client(self, host: Host) -> Client:
        name = repr(self)
        return NacosClient(self.access(), lambda function: host.run_work(name, function))

    def _login(self) -> Login:
        """The log-in of plain calls, kept for the next ones."""
        access = self.access()
        if self._last is None or self._last[0] != access:
            login = Login(access.username, access.password, time.monotonic, random.random)
            self._last = (access, login)
        return self._last[1]
