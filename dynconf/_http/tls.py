"""How servers prove who they are, and how we do."""

import logging
import ssl
from dataclasses import dataclass

from dynconf.errors import UsageError

_logger = logging.getLogger("dynconf.http")


@dataclass(frozen=True, slots=True)
class TLS:
    """What https needs to know; all of it has a default.

    Args:
        ca: a file of certificates (PEM) that are trusted instead of the customary ones.
        ca_path: a folder of them, hashed as OpenSSL wants it.
        cert: our own certificate (PEM), with its chain.
        key: its private key, if it is not in the same file; without a passphrase.
        verify: whether the server's certificate is checked. Without, anybody may read along.
        server_name: the name that the certificate is for, if it is not the address's.
    """

    ca: str | None = None
    ca_path: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files; blocks.

        Raises:
            UsageError: one cannot be read.
        """
        import httpx  # noqa: PLC0415 - costly to import

        if not self.verify:
            _logger.warning("certificates are not verified: whoever sits in between can read and alter all")
            context = httpx.create_ssl_context(verify=False)
        elif self.ca or self.ca_path:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(self.ca, self.ca_path)
            except (OSError, ssl.SSLError) as error:
                raise _unreadable("ca", self.ca or self.ca_path, error) from None
        else:
            context = httpx.create_ssl_context()
        if self.cert:
            try:
                context.load_cert_chain(self.cert, self.key, password=_no_passphrase)
            except (OSError, ssl.SSLError) as error:
                raise _unreadable("cert", self.cert, error) from None
        elif self.key:
            raise UsageError("there is a key= without the certificate that it is of: give cert= as well")
        return context


def _no_passphrase() -> bytes:
    """OpenSSL would ask at the terminal."""
    return b""


def _unreadable(option: str, path: str | None, error: OSError) -> UsageError:
    why = "no certificate, or not with its key" if isinstance(error, ssl.SSLError) else error.strerror
    return UsageError(f"{option}={path} cannot be read: {why}")
