"""Keeps httpcore from logging what passes through dynconf's own requests.

At DEBUG it logs the headers of replies, in which Nacos sends tokens, and bytes that are no HTTP, which
may be a part of a document. What a program does with httpx itself is logged as ever.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_LOGGERS: Final = ("connection", "http11", "http2", "proxy", "socks")
_ours: Final = ContextVar("dynconf_http_unlogged", default=False)


@contextmanager
def unlogged() -> Iterator[None]:
    """Within, nothing of the current task's traffic is logged."""
    for name in _LOGGERS:
        logging.getLogger(f"httpcore.{name}").addFilter(_is_not_ours)  # only ever once
    before = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(before)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not _ours.get()
