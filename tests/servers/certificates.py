"""Certificates for servers and clients, made when a test needs them and good for two days."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.servers.builds import BuildFailed, Unavailable, run

NO_DEFAULTS = "[req]\ndistinguished_name = dn\n[dn]\n"
CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
END = [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "authorityKeyIdentifier=keyid",
]


class ServerTls(NamedTuple):
    """What a server needs for TLS; all paths are of PEM files."""

    ca: Path
    cert: Path
    key: Path
    verify_incoming: bool = False  # refuse clients without a certificate of the same authority


@dataclass(frozen=True)
class Certificates:
    """An authority, and what it signed: for a server on 127.0.0.1 and localhost, and for a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    def server_tls(self, *, verify_incoming: bool = False) -> ServerTls:
        """What `ConsulAgent(tls=...)` takes."""
        return ServerTls(self.ca, self.server, self.server_key, verify_incoming)

    def context(self, *, client: bool = False) -> ssl.SSLContext:
        """What a client needs that trusts this authority alone, with or without a certificate of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if client:
            context.load_cert_chain(self.client, self.client_key)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Make a new authority and its certificates with the `openssl` command.

    Raises:
        Unavailable: there is no `openssl`, or one that is too old (before 3.0).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(NO_DEFAULTS)
    try:
        _certificate(folder, "ca", [*CA, "subjectKeyIdentifier=hash"])
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        _certificate(
            folder, "server", [*END, "extendedKeyUsage=serverAuth,clientAuth", names], signed_by="ca"
        )
        _certificate(folder, "client", [*END, "extendedKeyUsage=clientAuth"], signed_by="ca")
    except BuildFailed as error:
        raise Unavailable(f"certificates are made with OpenSSL 3: {error}") from None
    files = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
    return Certificates(*(folder / file for file in files))


def _certificate(folder: Path, name: str, extensions: list[str], signed_by: str = "") -> None:
    """Make `name.pem` and `name.key`."""
    options = ["-subj", f"/CN=dynconf tests: {name}", "-days", "2", "-config", "openssl.cnf"]
    options += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    if signed_by:
        options += ["-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key"]
    for extension in extensions:
        options += ["-addext", extension]
    run("openssl", "req", "-x509", *options, "-out", f"{name}.pem", "-keyout", f"{name}.key", cwd=folder)
