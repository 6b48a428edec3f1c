"""A program that runs others, each after some code of its own in the forked child, until it is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

from tests.processes.programs import app

# Says how many descriptors it was given beside the usual three; it closes none, but for what lists them.
COUNT = """
import os
print(sum(os.path.exists(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")) - 3)
"""
LOOK = 30.0  # seconds


def end(*_: object) -> NoReturn:
    """Take the request to end as an ordinary exit, with all that is done then."""
    sys.exit(0)


def at_once() -> None:
    """Be quicker than what a forked child begins by itself."""
    os.setsid()


def follow() -> None:
    """Stay, as no such function should, until the child has connections of its own and a change has come."""
    app.note("waits", app.settings.current.n)
    app.settings.until(lambda now: now.n == 2, LOOK)


def run(before: Callable[[], None]) -> None:
    """Run a program, and note how many descriptors it was given that it should not have been."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        check=True,
        capture_output=True,
        close_fds=False,
        preexec_fn=before,
    )
    app.note("ran", int(done.stdout))


signal.signal(signal.SIGTERM, end)
for _ in range(20):
    run(at_once)
run(follow)
app.note("done", app.settings.current.n)
while True:
    signal.pause()
