"""What stands before a Nacos in many places: a proxy that ends TLS."""

import asyncio
import ssl
from typing import Self

from tests.servers.certificates import Certificates
from tests.servers.relay import Relay


class TlsRelay(Relay):
    """Ends TLS, and passes on what it is sent in plain text.

    Args:
        upstream: the server, as host:port.
        certificates: what it shows to clients.
        client: whether it wants theirs, of the same authority.
    """

    def __init__(self, upstream: str, certificates: Certificates, *, client: bool = False) -> None:
        super().__init__(upstream)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.ca))
        self._context.load_cert_chain(certificates.server, certificates.server_key)
        self._context.verify_mode = ssl.CERT_REQUIRED if client else ssl.CERT_NONE

    @property
    def url(self) -> str:
        """Where it listens, as clients write it."""
        return f"https://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self._port = self._server.sockets[0].getsockname()[1]
        return self
