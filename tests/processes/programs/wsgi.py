"""A WSGI application that shows who answers and what holds there."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from tests.processes.programs.app import settings


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Show it, on a connection that is for this request only."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Connection", "close")])
    return [json.dumps([os.getpid(), settings.current.n]).encode()]
