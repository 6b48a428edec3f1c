"""Whose question the running code answers: what a change waits for may fork, and its child answers nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asker: ContextVar[object] = ContextVar("dynconf_asker", default=None)


@contextmanager
def asking(host: object) -> Iterator[None]:
    """Mark what runs meanwhile, on this task and on threads that it waits for, as asked by a host."""
    before = _asker.set(host)
    try:
        yield
    finally:
        _asker.reset(before)


def is_asked_by(host: object) -> bool:
    """Whether the calling code answers that host.

    A child that it forks must not follow changes: it would ask the same again, and fork again, without end.
    """
    return host is not None and _asker.get() is host
