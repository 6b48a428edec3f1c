"""`python -m tests.bench [name ...]`: measure everything, or what is named, and say which goals are met."""

import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib import import_module
from multiprocessing import get_context
from os import sched_getaffinity

from tests.bench._report import HEADER, Line

SUBJECTS = (
    "reading",
    "first_load",
    "saving",
    "one_key",
    "subscribers",
    "flags",
    "importing",
    "threads",
    "consul",
    "nacos",
)


def main(names: list[str]) -> None:
    """Measure and print."""
    if unknown := set(names) - set(SUBJECTS):
        sys.exit(f"there is no {', '.join(sorted(unknown))}; known are {', '.join(SUBJECTS)}")
    cores = len(sched_getaffinity(0))
    print(f"{date.today()}, Python {platform.python_version()}, {platform.machine()}, {cores} cores")  # noqa: DTZ011
    print("Medians of runs in turns; what a figure is of stands in docs/benchmarks.md.\n")
    print(HEADER)
    goals: list[bool] = []
    # Each module begins with a clean process: no threads, caches or garbage of another.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as processes:
        for name in names or SUBJECTS:
            lines: list[Line] = processes.submit(import_module(f"tests.bench.{name}").measure).result()
            for line in lines:
                print(line, flush=True)
                goals += [] if line.met is None else [line.met]
    print(f"\n{sum(goals)} of {len(goals)} goals are met.")


if __name__ == "__main__":
    main(sys.argv[1:])
