"""Whose question the running code answers: a change waits for it, so it must wait for none; it may fork."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from dynconf.errors import BlockingCall


class _Question:
    """What a host asked; open as long as it waits for the answer."""

    def __init__(self, host: object, *, is_open: bool) -> None:
        self.host = host
        self.is_open = is_open


_question: ContextVar[_Question | None] = ContextVar("dynconf_question", default=None)


@contextmanager
def asking(host: object) -> Iterator[None]:
    """Mark what runs meanwhile, on this task and on all that it starts: a change of the host waits for it."""
    question = _Question(host, is_open=True)
    before = _question.set(question)
    try:
        yield
    finally:
        question.is_open = False  # what goes on beside and later, a closer say, is free again
        _question.reset(before)


@contextmanager
def working_for(host: object) -> Iterator[None]:
    """Mark what is started meanwhile as work of a host, unless it answers a question of it anyway."""
    if is_asked_by(host):
        yield
        return
    before = _question.set(_Question(host, is_open=False))
    try:
        yield
    finally:
        _question.reset(before)


def is_asked_by(host: object) -> bool:
    """Whether the calling code answers that host, or was started by what did.

    A child that it forks must not follow changes: it would ask the same again, and fork again, without end.
    """
    question = _question.get()
    return host is not None and question is not None and question.host is host


def refuse_to_answer_itself(host: object) -> None:
    """Raise `BlockingCall` where a change of the host waits for the calling code, and would for ever."""
    question = _question.get()
    if question is not None and question.host is host and question.is_open:
        raise BlockingCall(
            "a change, or the start, waits for the code that calls this, which would have to wait for another"
            " change; do it before, or when this one is published"
        )
