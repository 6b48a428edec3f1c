"""What https needs: errors name the option, and nothing is asked at the terminal."""

import logging
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dynconf._http.tls import TLS
from dynconf.errors import UsageError
from tests.servers.certificates import Certificates


def refused(tls: TLS) -> str:
    """The error that the options give."""
    with pytest.raises(UsageError) as caught:
        tls.context()
    return str(caught.value)


def test_default() -> None:
    """Certificates are verified, against what is customary."""
    context = TLS().context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] > 0


def test_authority(certificates: Certificates) -> None:
    """An authority that is given is trusted alone."""
    context = TLS(ca=str(certificates.ca)).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_folder_of_authorities(certificates: Certificates) -> None:
    """So is a folder; OpenSSL reads it when it has to."""
    context = TLS(ca_path=str(certificates.ca.parent)).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] == 0


def test_own_certificate(certificates: Certificates, tmp_path: Path) -> None:
    """Certificate and key may be two files or one."""
    cert, key = certificates.client, certificates.client_key
    TLS(cert=str(cert), key=str(key)).context()
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    TLS(cert=str(both)).context()


def test_not_verified(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever switches verification off is warned."""
    context = TLS(verify=False).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "not verified" in record.getMessage()


@pytest.mark.parametrize("option", ["ca", "ca_path", "cert", "key"])
def test_missing_file(option: str, certificates: Certificates) -> None:
    """The error names the option and the path."""
    options: dict[str, Any] = {
        "cert": str(certificates.client),
        "key": str(certificates.client_key),
        option: "/nowhere/x.pem",
    }
    text = refused(TLS(**options))
    assert text == f"{option}=/nowhere/x.pem cannot be read: No such file or directory"


def test_folder_for_a_file(tmp_path: Path) -> None:
    """A folder is no file, and a file no folder."""
    assert refused(TLS(ca=str(tmp_path))) == f"ca={tmp_path} cannot be read: Is a directory"
    file = tmp_path / "x"
    file.touch()
    assert refused(TLS(ca_path=str(file))) == f"ca_path={file} cannot be read: Not a directory"


@pytest.mark.parametrize(
    "content", [b"", b"hunter2", b"-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate(content: bytes, tmp_path: Path) -> None:
    """The error tells which file, and none of its content."""
    file = tmp_path / "x.pem"
    file.write_bytes(content)
    assert refused(TLS(ca=str(file))) == f"ca={file} holds no certificate in PEM"
    text = refused(TLS(cert=str(file)))
    assert text.startswith(f"cert={file} holds no certificate in PEM, or its key is missing")


def test_key_of_another(certificates: Certificates) -> None:
    """A key that does not belong to the certificate is refused before anything is sent."""
    tls = TLS(cert=str(certificates.client), key=str(certificates.server_key))
    assert "another one's" in refused(tls)


def test_key_alone(certificates: Certificates) -> None:
    """A key without its certificate is a mistake, and no silent one."""
    assert "give cert= as well" in refused(TLS(key=str(certificates.client_key)))


def test_passphrase(certificates: Certificates, tmp_path: Path) -> None:
    """A key with a passphrase is refused; nobody is asked for it at the terminal."""
    locked = tmp_path / "locked.key"
    subprocess.run(
        [
            "openssl",
            "pkey",
            "-in",
            certificates.client_key,
            "-aes256",
            "-passout",
            "pass:hunter2",
            "-out",
            locked,
        ],
        check=True,
        timeout=30,
    )
    assert "has a passphrase" in refused(TLS(cert=str(certificates.client), key=str(locked)))
