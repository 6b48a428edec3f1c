"""What went wrong on the way to a server, in words for whoever has to mend it."""

import re
import socket
import ssl
from typing import Final

import httpx

from dynconf._http.endpoint import Endpoint
from dynconf.errors import SourceUnavailable
from dynconf.protocols.exchange import ConnectionLost

CONNECT_TIME: Final = 3.0
"""Seconds that a connection, with TLS, may take."""

_LOST: Final = "the connection was lost before the answer was complete"

_GONE: Final = re.compile("disconnected|closed connection")


def unreachable(endpoint: Endpoint, error: Exception, timeout: float) -> SourceUnavailable:
    """The error to tell; none of httpx's own text, but for what TLS says of a certificate.

    Args:
        endpoint: who was asked.
        error: what httpx raised, or TLS beneath it.
        timeout: seconds that the reply was waited for.
    """
    reason = _reason(endpoint, error, timeout)
    kind = ConnectionLost if reason is _LOST else SourceUnavailable
    return kind(f"{endpoint}: {reason}")


def unresolved(endpoint: Endpoint, error: OSError) -> SourceUnavailable:
    """The error for a name that has no address."""
    why = "there is no such host" if _is_unknown(error) else "the name service does not answer"
    return SourceUnavailable(f"{endpoint}: the name '{endpoint.host}' cannot be resolved: {why}")


def _is_unknown(error: OSError) -> bool:
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def _reason(endpoint: Endpoint, error: Exception, timeout: float) -> str:
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not accepted: {cause.verify_message}; give the CA that signed it (ca=),"
            " or the name that it is for (server_name=)"
        )
    if isinstance(cause, ssl.SSLError):
        if cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
            return "it does not speak https; is it http:// there?"
        if cause.reason and "ALERT" in cause.reason:
            return f"it refuses us over TLS ({cause.reason}); it may want a client certificate (cert=, key=)"
        return f"TLS fails ({cause.reason or 'no reason given'})"
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIME:g} s; is it down, or a firewall in between?"
    if isinstance(error, httpx.TimeoutException):
        return f"connected, but no answer within {timeout:g} s"
    if isinstance(error, httpx.ConnectError):
        return _refused(cause)
    if isinstance(error, httpx.RemoteProtocolError) and not _GONE.search(str(error)):
        return "what answers does not speak HTTP; is it https:// there, or another port?"
    return _LOST


def _refused(cause: BaseException) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there (connection refused): is it running, is the port right?"
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else "no connection"
    return f"no connection ({text})"


def _root(error: BaseException) -> BaseException:
    """The operating system's or TLS's own error, if there is one beneath."""
    found: BaseException | None = error
    seen = error
    # That TLS waits for more bytes is raised as an error and is none.
    while found is not None and not isinstance(found, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        seen = found
        if isinstance(seen, (ssl.SSLError, ConnectionRefusedError)):
            break
        if isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        else:
            found = found.__cause__ or found.__context__
    return seen
