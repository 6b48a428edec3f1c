"""Why a value is what it is: every layer's answer, and the one that won."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from dynconf._models.schema import secrets_of
from dynconf._origin import Origin
from dynconf._store.state import State
from dynconf._values.merge import Rules, merged
from dynconf._values.secrets import masked
from dynconf._values.snapshot import Layer
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

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {
            "path": self.path,
            "version": self.version,
            "value": self.value,
            "default": self.default,
            "answers": [answer.to_dict() for answer in self.answers],
        }


def secret_in(state: State, path: Path) -> bool:
    """Whether some bound class declares the value at a path of the tree to be secret."""
    for spec in state.specs:
        inner = path[len(spec.at) :]
        if path[: len(spec.at)] == spec.at and any(
            len(inner) >= len(secret) and all(a in ("*", str(b)) for a, b in zip(secret, inner, strict=False))
            for secret in secrets_of(spec.cls)
        ):
            return True
    return False


def explain(state: State, path: Path, index: int | None = None) -> Explanation:
    """What every layer says of a path of the merged tree.

    Args:
        state: the current state.
        path: a path of the tree.
        index: the model whose own sources count as well; they are not part of the tree.
    """
    said = [(override.tree, Origin("override")) for override in reversed(state.overrides)]
    if index is not None:
        at = state.specs[index].at
        own = reversed(state.overlays[index].parts)
        said += [(nested(at, part.tree), part.origin(path[len(at) :])) for part in own]
    said += [(layer.tree, _origin(layer, path)) for layer in reversed(state.layers.values())]
    showing = _showing([tree for tree, _ in said], path, state.rules, len(said) - len(state.layers))
    answers = tuple(
        Answer(origin, _mask(state, value, path), number in showing)
        for number, (tree, origin) in enumerate(said)
        if (value := find(tree, path)) is not MISSING
    )
    result = find(state.tree, path)
    if index is not None and state.overlays[index].tree:
        shown = [
            value
            for n, (tree, _) in enumerate(said)
            if n in showing and (value := find(tree, path)) is not MISSING
        ]
        result = merged(shown[::-1]) if shown else MISSING
    value = None if result is MISSING else _mask(state, result, path)
    return Explanation(dotted(path), state.version, value, answers)


def _origin(layer: Layer, path: Path) -> Origin:
    """Where a layer speaks of a path; its lines are looked for only if it does."""
    return layer.origin(path) if find(layer.tree, path) is not MISSING else Origin(layer.source)


def _showing(trees: Sequence[Any], path: Path, rules: Rules | None, own: int) -> set[int]:
    """Which of the trees, highest first, show in what is merged at a path.

    The first `own` of them are overrides and a class's own sources, whose lists replace.
    """
    open_here = list(enumerate(trees))
    for step in path:
        inner = (
            (number, find(value, (step,)))
            for number, value in _adding_up(open_here, rules, own)
            if isinstance(value, (dict, list))
        )
        open_here = [(number, value) for number, value in inner if value is not MISSING]
        rules = rules.child(str(step)) if rules else None
    return {number for number, _ in _adding_up(open_here, rules, own)}


def _adding_up(values: Sequence[tuple[int, Any]], rules: Rules | None, own: int) -> Sequence[tuple[int, Any]]:
    """Those, highest first, that make the result together: mappings do, lists only by policy."""
    how = rules.here if rules else None
    if values and values[0][0] < own:
        rules = how = None
    top = values[0][1] if values else None
    kind: type | None = dict if isinstance(top, dict) else list if isinstance(top, list) and how else None
    if kind is None or (how is not None and how.how == "replace"):
        return values[:1]
    return list(takewhile(lambda item: isinstance(item[1], kind), values))


def _mask(state: State, value: Any, path: Path) -> Any:
    return masked(value, path, lambda at: secret_in(state, at))
