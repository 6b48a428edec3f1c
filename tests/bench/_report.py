"""A measured thing as a line of the report."""

from dataclasses import dataclass
from typing import Literal

_SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_WIDTHS = (52, 10, 36, 11, 6, 19, 7)


@dataclass(frozen=True, slots=True)
class Line:
    """What dynconf took for something, and something else to hold against it.

    Args:
        what: what was done.
        ours: dynconf's figure.
        against: what else was measured, if anything; `theirs` is its figure.
        theirs: likewise.
        goal: what is to be at most `most`: the ratio of the two, dynconf's figure, or how much more
            it is than the other; nothing if the line is there for comparison only.
        most: likewise.
        unit: of both figures, and of the goal unless that is a ratio.
    """

    what: str
    ours: float
    against: str = ""
    theirs: float | None = None
    goal: Literal["ratio", "figure", "more"] | None = None
    most: float = 0.0
    unit: Literal["s", "%", "threads", "connections", "requests"] = "s"

    @property
    def ratio(self) -> float | None:
        """The first figure in terms of the other."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; nothing if there is none."""
        measured = {
            "ratio": self.ratio,
            "figure": self.ours,
            "more": None if self.theirs is None else self.ours - self.theirs,
        }
        reached = measured[self.goal] if self.goal else None
        return None if reached is None else reached <= self.most

    def __str__(self) -> str:
        goals = {
            "ratio": f"ratio {self.most:g}",
            "figure": self._shown(self.most),
            "more": f"{self._shown(self.most)} more",
        }
        cells = (
            self.what,
            self._shown(self.ours),
            self.against,
            "" if self.theirs is None else self._shown(self.theirs),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            f"at most {goals[self.goal]}" if self.goal else "",
            {True: "met", False: "NOT MET", None: ""}[self.met],
        )
        return row(*cells)

    def _shown(self, figure: float) -> str:
        if self.unit != "s":
            return f"{figure:.3g} {self.unit}"
        scale, name = next((pair for pair in _SCALES if abs(figure) >= pair[0]), _SCALES[-1])
        return f"{figure / scale:.3g} {name}"


def row(*cells: str) -> str:
    """One row of the table."""
    return " ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


HEADER = row("what", "dynconf", "against", "takes", "ratio", "goal", "")
