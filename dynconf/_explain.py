"""Why a value is what it is: every layer's answer, and the one that won."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dynconf._merge import merged
from dynconf._origin import Origin
from dynconf._schema import secrets_of
from dynconf._secrets import masked
from dynconf._state import State
from dynconf._tree import MISSING, Path, dotted, find


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
    said = [(find(override.tree, path), Origin("override")) for override in reversed(state.overrides)]
    if index is not None:
        inner = path[len(state.specs[index].at) :]
        said += [
            (find(part.tree, inner), part.origin(inner)) for part in reversed(state.overlays[index].parts)
        ]
    for layer in reversed(state.layers.values()):
        value = find(layer.tree, path)
        said.append((value, layer.origin(path) if value is not MISSING else Origin("")))
    answers = [(value, origin) for value, origin in said if value is not MISSING]
    shown = [
        Answer(origin, _mask(state, value, path), used)
        for (value, origin), used in zip(answers, _used(v for v, _ in answers), strict=True)
    ]
    result: Any = None
    if answers:
        overlaid = index is not None and bool(state.overlays[index].tree)
        found = merged([value for value, _ in reversed(answers)]) if overlaid else find(state.tree, path)
        result = _mask(state, found, path)
    return Explanation(dotted(path), state.version, result, tuple(shown))


def _used(values: Iterable[Any]) -> list[bool]:
    """Which answers, highest first, show in the result: mappings add up until something else comes."""
    used, showing = [], True
    for number, value in enumerate(values):
        mapping = isinstance(value, dict)
        used.append(showing and (mapping or number == 0))
        showing = showing and mapping
    return used


def _mask(state: State, value: Any, path: Path) -> Any:
    return masked(value, path, lambda at: secret_in(state, at))
