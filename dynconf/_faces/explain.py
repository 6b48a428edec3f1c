"""Why a value is what it is: every layer's answer, and the one that won."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dynconf._models.overlay import Part
from dynconf._origin import Origin
from dynconf._store.seen import seen, steps_to
from dynconf._store.state import State, laid_over, place_in
from dynconf._values.provenance import Steps, place_of, said_of
from dynconf._values.secrets import masked
from dynconf._values.tree import MISSING, Path, Tree, dotted, find, nested


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

    `value` is the merged one. Where none of the `answers` shows, and a class was asked, it is what the
    class itself gives, and `default` is true.
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
    steps: Steps = path
    result = find(state.tree, path)
    over = laid_over(state.overrides, None if index is None else state.specs[index])
    above: list[tuple[Tree, Callable[[Path], Origin]]] = [(tree, _by_override) for tree in over]
    if index is not None:
        at = state.specs[index].at
        steps, result = steps_to(state, index, path), find(seen(state, index), path[len(at) :])
        own = state.overlays[index].parts
        above = [*((nested(at, part.tree), partial(_by_own, part, len(at))) for part in own), *above]
    layers = list(state.layers.values())
    # Above the layers no policies hold: there lists replace.
    highest = said_of([state.base, *(tree for tree, _ in above)], steps)
    below = any(one.shows for one in highest if one.number == 0)
    told = [
        (one, layers[one.number].origin(one.path), one.shows and below)
        for one in said_of([layer.tree for layer in layers], steps, state.rules)
    ]
    told += [(one, above[one.number - 1][1](one.path), one.shows) for one in highest if one.number]
    # Another class may read another key of the field, and declare secret what stands there.
    places = {one.path: place_in(state.specs, one.path) for one, _, _ in told}
    answers = tuple(
        Answer(origin, masked(one.value, places[one.path]), shows) for one, origin, shows in told[::-1]
    )
    value = None if result is MISSING else result
    for place in (place_in(state.specs, path), *places.values()):
        value = masked(value, place)
    winner = next((one for one, _, shows in told[::-1] if shows), None)
    spelt = place_of(path, steps, winner) if winner else path
    return Explanation(dotted(spelt), state.version, value, answers)


def _by_override(_: Path) -> Origin:
    return Origin("override")


def _by_own(part: Part, above: int, path: Path) -> Origin:
    return part.origin(path[above:])
