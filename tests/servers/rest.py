"""One HTTP request, made as an operator would: with the standard library, and past any proxy settings."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What a server answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Refused(Exception):
    """A server answered with an error status."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status}: {reply.body.decode(errors='replace').strip()[:500]}")
        self.reply = reply


def call(
    address: str,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Make one request on a connection of its own.

    Args:
        address: host:port.
        method: the verb.
        target: path and query, quoted already.
        body: what to send.
        headers: to send along.
        timeout: seconds that the server may be silent; `TimeoutError` beyond.
        tls: speak TLS, in this context.

    Raises:
        Refused: the status is 400 or above.
    """
    connection = (
        HTTPSConnection(address, timeout=timeout, context=tls)
        if tls
        else HTTPConnection(address, timeout=timeout)
    )
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        reply = Reply(
            response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        )
    finally:
        connection.close()
    if reply.status >= 400:
        raise Refused(reply)
    return reply
