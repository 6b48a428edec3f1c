"""The one way in which anything is measured here: side by side, in turns, as medians."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from timeit import Timer

Subject = Callable[[], float]
"""Does its thing once, and says what that took or cost."""


def in_turns(rounds: int, subjects: Mapping[str, Subject]) -> dict[str, list[float]]:
    """What each subject said in each round: A B A B, so that a busy moment meets all alike.

    One round more is run before, which does not count.
    """
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(rounds + 1):
        for name, subject in subjects.items():
            gc.collect()
            figure = subject()
            if turn:
                figures[name].append(figure)
    return figures


def medians(rounds: int, subjects: Mapping[str, Subject]) -> dict[str, float]:
    """The median of what each subject said, measured in turns."""
    return {name: median(figures) for name, figures in in_turns(rounds, subjects).items()}


def seconds(work: Callable[[], object]) -> Subject:
    """The subject that does some work and says how many seconds went by."""

    def subject() -> float:
        before = time.perf_counter()
        work()
        return time.perf_counter() - before

    return subject


def seconds_each(expression: str, *, loops: int = 2_000, **names: object) -> Subject:
    """The subject that evaluates an expression, and says how many seconds once takes.

    The names are local variables, and the expression stands many times in the loop's body, so that
    the loop weighs next to nothing: it is evaluated fifty times as often as there are loops.
    """
    unrolled = 50
    setup = "\n".join(f"{name} = _{name}" for name in names)
    known = {f"_{name}": value for name, value in names.items()}
    timer = Timer("\n".join([expression] * unrolled), setup, globals=known)
    return lambda: timer.timeit(loops) / loops / unrolled
