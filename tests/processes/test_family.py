"""A program and its children, whichever way they are made: each reads at once and follows."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.processes.running import LOOK, Document, Program, alive
from tests.servers.process import until

CHILDREN = 2
FAMILY = ["-m", "tests.processes.programs.family"]

# How the children are made, and how many processes that have no work are configured: the parent, and a fork
# server that has imported the Config, which its children then inherit; else each of them imports it.
WAYS = {
    "os.fork": (["os.fork"], 1),
    "fork": (["fork"], 1),
    "spawn": (["spawn"], 1),
    "forkserver": (["forkserver"], 1),
    "forkserver, preloaded": (["forkserver", "tests.processes.programs.app"], 2),
}


@pytest.mark.parametrize(("way", "others"), WAYS.values(), ids=WAYS)
def test_children(start: Callable[..., Program], document: Document, way: list[str], others: int) -> None:
    """All follow a file, the death of one is nobody else's, and the parent ends itself and the rest well."""
    program = start(*FAMILY, *way, processes=CHILDREN + others)
    everyone = program.noted("first", 1)
    until(lambda: len(program.noted("works", 1)) == CHILDREN, "the children", LOOK)
    workers = program.noted("works")
    assert program.pid in everyone - workers

    document.save(2)
    program.all_note("told", 2, everyone)

    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    everyone -= {victim}
    document.save(3)
    program.all_note("told", 3, everyone)
    assert all(map(alive, everyone))
    program.ends()
