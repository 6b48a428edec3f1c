"""A server's address, as people write it and as it is connected to."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from dynconf.errors import UsageError

URL_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one server is.

    Args:
        scheme: `http` or `https`.
        host: a name or an IP address, without brackets.
        port: 1 to 65535.
        path: what stands before every request's path, as behind a gateway; no slash at its end.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(
        cls, text: str, *, port: int, ports: Mapping[str, int] = URL_PORTS, secure: bool = False
    ) -> "Endpoint":
        """Read `host`, `host:port` or a URL with nothing behind its path.

        Args:
            text: the address.
            port: what holds for an address without a scheme and a port.
            ports: what holds for each scheme if it has no port.
            secure: whether an address without a scheme means https.

        Raises:
            UsageError: it is no such address; the text is not shown, as it may hold a log-in.
        """
        text = text.strip()
        if "://" not in text:
            text = f"{'https' if secure else 'http'}://{text}"
            ports = dict.fromkeys(ports, port)
        try:
            parts = urlsplit(text)
            host, given = parts.hostname or "", parts.port
        except ValueError:
            raise _mistake("is no host:port and no URL") from None
        if parts.scheme == "unix":
            raise _mistake("is a unix socket; give a host and a port")
        if parts.scheme not in {"http", "https"}:
            raise _mistake("begins with neither http:// nor https://")
        if "@" in parts.netloc:
            raise _mistake("holds a log-in, which would be shown with it; give it by an option of its own")
        if parts.query or parts.fragment or not (_is_ip(host) or _HOST.fullmatch(host)) or given == 0:
            raise _mistake("is no host:port and no URL")
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        return cls(
            scheme, host, given or ports[scheme], quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=")
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def netloc(self) -> str:
        """Host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        """Whether there is no name to resolve."""
        return _is_ip(self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there does not leave the machine."""
        if self.is_ip:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        return self.host == "localhost" or self.host.endswith(".localhost")


def each_of(addresses: Sequence[str]) -> list[str]:
    """The servers' addresses in some texts, each of which may be several with commas between.

    Raises:
        UsageError: one is no text, or there are texts and no address.
    """
    if not all(isinstance(address, str) for address in addresses):
        raise UsageError("servers' addresses are texts, one after the other: 'host-1:port', 'host-2:port'")
    each = [part for address in addresses for part in address.split(",") if part.strip()]
    if addresses and not each:
        raise UsageError("a server's address is empty")
    return each


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _mistake(what: str) -> UsageError:
    return UsageError(f"a server's address {what}")
