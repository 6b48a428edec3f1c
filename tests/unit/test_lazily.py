"""Attributes that are computed when they are asked for."""

import subprocess
import sys

from dynconf._values.lazily import lazily


class Counter:
    """Counts how often its attribute is computed."""

    times = 0

    @lazily
    def value(self) -> int:
        """How often."""
        self.times += 1
        return self.times


def test_it_is_computed_once() -> None:
    """Each instance has its own."""
    one, other = Counter(), Counter()
    assert (one.value, one.value, other.value) == (1, 1, 1)
    assert Counter.value.__doc__ == "How often."


FORK = """
import os, threading
from dynconf._values.lazily import lazily

inside, go_on = threading.Event(), threading.Event()

class Slow:
    @lazily
    def value(self):
        if not inside.is_set():
            inside.set()
            go_on.wait()
        return 1

threading.Thread(target=lambda: Slow().value).start()
inside.wait()
child = os.fork()
if not child:
    os._exit(Slow().value)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
go_on.set()
"""


def test_a_fork_meanwhile() -> None:
    """While a thread computes it a child is forked; that one computes its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "1\n"
