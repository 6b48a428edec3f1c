"""How servers prove who they are, and how we do."""

import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

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

        for option in ("ca", "ca_path", "cert", "key"):
            _check(option, getattr(self, option))
        if not self.verify:
            _logger.warning("certificates are not verified: whoever sits in between can read and alter all")
            context = httpx.create_ssl_context(verify=False)
        elif self.ca or self.ca_path:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(self.ca, self.ca_path)
            except ssl.SSLError:
                raise UsageError(f"ca={self.ca} holds no certificate in PEM") from None
        else:
            context = httpx.create_ssl_context()
        if self.cert:
            try:
                context.load_cert_chain(self.cert, self.key, password=_no_passphrase)
            except ssl.SSLError:
                raise UsageError(
                    f"cert={self.cert} holds no certificate in PEM, or its key is missing, another one's,"
                    " or has a passphrase"
                ) from None
        elif self.key:
            raise UsageError("there is a key= without the certificate that it is of: give cert= as well")
        return context


def _no_passphrase() -> bytes:
    """OpenSSL would ask at the terminal."""
    return b""


def _check(option: str, path: str | None) -> None:
    """OpenSSL does not tell which file it cannot read, and takes a missing folder for an empty one."""
    if path is None:
        return
    try:
        if option == "ca_path":
            os.scandir(path).close()
        else:
            Path(path).open("rb").close()
    except OSError as error:
        raise UsageError(f"{option}={path} cannot be read: {error.strerror}") from None
