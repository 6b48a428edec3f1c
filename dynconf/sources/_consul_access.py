"""Where Consul is and how to get in: what is said, and for the rest Consul's own environment variables."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dynconf._http.endpoint import Endpoint, each_of
from dynconf._http.tls import TLS
from dynconf.errors import AccessDenied

PORT, SECURE_PORT = 8500, 8501
Consistency = Literal["default", "consistent", "stale"]


@dataclass(frozen=True, slots=True)
class Access:
    """All that tells one set of connections from another; equal ones are shared.

    Args:
        endpoints: the agents.
        tls: for https.
        token: the ACL token, or empty.
        token_file: a file that holds it, or empty; read for each request, as it may be renewed.
        log_in: `user:password` for a gateway in front, or empty.
    """

    endpoints: tuple[Endpoint, ...]
    tls: TLS = field(repr=False)
    token: str = field(repr=False, default="")
    token_file: str = ""
    log_in: str = field(repr=False, default="")

    def headers(self) -> Mapping[str, str]:
        """The credentials, as a request carries them.

        Raises:
            AccessDenied: the token's file cannot be read, or what it holds is no token.
        """
        headers = {}
        token = _read(self.token_file) if self.token_file else self.token
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise AccessDenied("the token holds blanks or other characters that no token has")
        if token:
            headers["x-consul-token"] = token
        if self.log_in:
            headers["authorization"] = "Basic " + base64.b64encode(self.log_in.encode()).decode()
        return headers

    @property
    def anonymous(self) -> bool:
        """Whether requests carry no token."""
        return not (self.token or self.token_file)

    def __str__(self) -> str:
        return ", ".join(map(str, self.endpoints))


def endpoints(addresses: Sequence[str], *, secure: bool = False) -> tuple[Endpoint, ...]:
    """The agents at some addresses, each of which may be several with commas between.

    Raises:
        UsageError: one is no address.
    """
    port = SECURE_PORT if secure else PORT
    found = (Endpoint.parse(part, port=port, secure=secure) for part in each_of(addresses))
    return tuple(dict.fromkeys(found))


def _read(path: str) -> str:
    """The token in a file; that it is empty is an error: without a token Consul may show only a part."""
    try:
        with open(path, encoding="utf-8") as file:
            token = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise AccessDenied(f"the token's file {path} cannot be read: {why}") from None
    if not token:
        raise AccessDenied(f"the token's file {path} is empty")
    return token
