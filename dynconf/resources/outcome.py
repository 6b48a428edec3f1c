"""What an instance is to be built of, and what came of it."""

from dataclasses import dataclass
from operator import is_
from typing import Any, Generic, TypeVar

from dynconf._models.compare import equal
from dynconf.resources.instance import Instance

__all__ = ["Outcome", "Wanted"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What an instance is to be built of: what the selector picked, and the instances that it uses."""

    settings: Any
    uses: tuple[Instance[Any] | None, ...]

    def same(self, other: "Wanted | Instance[Any] | None") -> bool:
        """Whether another one is to be, or an instance was, built of the same."""
        if other is None or len(self.uses) != len(other.uses) or not all(map(is_, self.uses, other.uses)):
            return False
        return equal(self.settings, other.settings)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome(Generic[R]):
    """What serves; if that was not built of what was wanted, why not, and what that was."""

    instance: Instance[R] | None
    error: str = ""
    failed: Wanted | None = None
