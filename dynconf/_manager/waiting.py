"""What was not taken, and why."""

from dataclasses import dataclass
from typing import Any

from dynconf._origin import Problem
from dynconf._store.state import Candidate
from dynconf._values.prepare import PrepareRefused

__all__ = ["Waiting"]


@dataclass(slots=True)
class Waiting:
    """A candidate that was not taken, and why.

    `held` means that a preparer refused what it leads to, and that it is not to be prepared again
    before its back-off is over or `value` is another: what the preparer would see with all that waits.
    `again` means that it is of the value that was refused: nobody's change is to wait for that once more.
    """

    candidate: Candidate
    problems: tuple[Problem, ...] = ()
    refusal: PrepareRefused | None = None
    value: Any = None
    attempts: int = 0
    held: bool = False
    again: bool = False
