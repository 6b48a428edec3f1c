"""A WSGI application that keeps what it accepts in a resource, which passes it on when it is closed."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from tests.processes.programs.app import note, settings


class Buffer:
    """Accepts numbers."""

    def __init__(self, _: int) -> None:
        self.accepted: list[int] = []

    def flush(self) -> None:
        """Note how many."""
        note("flushed", len(self.accepted))


buffer = settings.resource("n", create=Buffer, close=Buffer.flush)


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Accept one, on a connection that is for this request only; say who did, and how many it has."""
    with buffer.lease() as mine:
        mine.accepted.append(1)
        accepted = len(mine.accepted)
    start_response("200 OK", [("Content-Type", "application/json"), ("Connection", "close")])
    return [json.dumps([os.getpid(), accepted]).encode()]
