"""A program that runs others, with code of its own between the fork and the other program."""

from collections.abc import Callable

from tests.processes.running import LOOK, Document, Program
from tests.servers.process import until


def test_preexec(start: Callable[..., Program], document: Document) -> None:
    """The child reads, and follows if it stays; what it becomes inherits nothing; the parent goes on."""
    program = start("-m", "tests.processes.programs.starter")
    until(lambda: program.noted("waits", 1), "a child that stays", LOOK)
    document.save(2)
    program.all_note("done", 2, {program.pid})
    assert program.noted("ran", 0) == program.noted("ran") == {program.pid}
    # The program, 20 children that were gone at once, and the one that waited for the change.
    assert len(program.noted("first", 1)) == 1 + 20 + 1
    document.save(3)
    program.all_note("told", 3, {program.pid})
    program.ends()
