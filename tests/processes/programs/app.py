"""What the programs import: a Config, started by the import if need be, and a journal of what is seen of it.

Each process writes into the journal what it reads first, in a forked child as soon as there is one, and each
change that it is told of.
"""

import os
from pathlib import Path

from dynconf import Change, Config, Settings


class App(Settings):
    n: int


config = Config(os.environ["APP_SOURCE"])
settings = config.bind(App)
starts_by_itself = os.environ["APP_START"] == "import"

_journal = os.open(Path(os.environ["APP_JOURNAL"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(event: str, n: int) -> None:
    """Append a line, which no other process's line gets mixed up with."""
    os.write(_journal, f"{os.getpid()} {event} {n}\n".encode())


def note_first() -> None:
    """Note what can be read."""
    note("first", settings.current.n)


@settings.on_change("n")
def note_change(change: Change[int]) -> None:
    """Note what a change brought."""
    note("told", change.new)


if starts_by_itself:
    config.start()
    note_first()
    os.register_at_fork(after_in_child=note_first)
