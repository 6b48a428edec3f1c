"""Why a value is what it is: every layer's answer, and the one that won."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dynconf._origin import Origin
from dynconf._store.state import State, laid_over, place_in
from dynconf._values.merge import merged
from dynconf._values.provenance import said_of
from dynconf._values.secrets import masked
from dynconf._values.tree import MISSING, Path, dotted, find, nested


@dataclass(frozen=True, slots=True)
class Answer:
    """What one layer says of a path, masked; `used` tells whether it shows in the result."""

    origin: Origin
    value: Any
    used: bool

    def __str__(self) -> str:
        return f"{'*' if self.used else ' '} {self.value!r}  {self.origin}"

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {"origin": self.origin.to_dict(), "value": self.value, "used": self.used}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands at a path, masked, and what each layer says of it, highest first.

    `value` is the merged one; without any `answers` nobody says anything, and `default` holds
    what the class itself gives, if a class was asked.
    """

    path: str
    version: int
    value: Any
    answers: tuple[Answer, ...]
    default: bool = False

    def __str__(self) -> str:
        by = "the class's default" if self.default else "no layer says anything" if not self.answers else ""
        head = f"{self.path or '(everything)'} = {self.value!r} in version {self.version}"
        head = f"{head}, {by}" if by else head
        return "\n".join([head, *map(str, self.answers)])

    def below(self, values: Sequence[Any]) -> "Explanation":
        """The same where overrides say other values, masked, the highest first."""
        if not values:
            return self
        over = [Answer(Origin("override"), value, not number) for number, value in enumerate(values)]
        answers = (*over, *(replace(answer, used=False) for answer in self.answers))
        return replace(self, value=values[0], answers=answers, default=False)

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {
            "path": self.path,
            "version": self.version,
            "value": self.value,
            "default": self.default,
            "answers": [answer.to_dict() for answer in self.answers],
        }


def explain(state: State, path: Path, index: int | None = None) -> Explanation:
    """What every layer says of a path of the merged tree.

    Args:
        state: the current state.
        path: a path of the tree.
        index: the model whose own sources count as well; they are not part of the tree.
    """
    spec = None if index is None else state.specs[index]
    above = [(tree, Origin("override")) for tree in laid_over(state.overrides, spec)]
    if index is not None:
        at = state.specs[index].at
        own = [(nested(at, part.tree), part.origin(path[len(at) :])) for part in state.overlays[index].parts]
        above = [*own, *above]
    layers = list(state.layers.values())
    # Above the layers no policies hold: there lists replace.
    over = said_of([state.base, *(tree for tree, _ in above)], path)
    below = next((one for one in over if one.number == 0), None)
    said = [
        (layers[one.number].origin(one.path), one.value, one.shows and below is not None and below.shows)
        for one in said_of([layer.tree for layer in layers], path, state.rules)
    ]
    said += [(above[one.number - 1][1], one.value, one.shows) for one in over if one is not below]
    place = place_in(state.specs, path)
    answers = tuple(Answer(origin, masked(value, place), shows) for origin, value, shows in said[::-1])
    result = find(state.tree, path)
    if index is not None and state.overlays[index].tree:
        shown = [one.value for one in over if one.shows]
        result = merged(shown) if shown else MISSING
    value = None if result is MISSING else masked(result, place)
    return Explanation(dotted(path), state.version, value, answers)
