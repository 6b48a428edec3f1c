"""What people ask of a Config, in a form to read and a form to send: history, unused keys."""

from dataclasses import dataclass
from typing import Any

from dynconf._manager.publisher import Applied
from dynconf._models.readers import unused
from dynconf._origin import Origin
from dynconf._store.state import State
from dynconf._values.tree import MISSING, Path, dotted, find


class History(tuple[Applied, ...]):
    """The last versions, oldest first."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "nothing was loaded yet"

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {"versions": [applied.to_dict() for applied in self]}


@dataclass(frozen=True, slots=True)
class UnusedKey:
    """A key that no bound class reads, what it may have been meant to be, and where it stands."""

    path: str
    near: tuple[str, ...]
    origin: Origin | None

    def __str__(self) -> str:
        text = f"{self.path} at {self.origin}" if self.origin else self.path
        return f"{text}; did you mean {' or '.join(self.near)}?" if self.near else text

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        origin = self.origin.to_dict() if self.origin else None
        return {"path": self.path, "near": list(self.near), "origin": origin}


class UnusedKeys(tuple[UnusedKey, ...]):
    """All of them; empty when every key is read by somebody."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "every key is read"

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        return {"unused": [key.to_dict() for key in self]}


def unused_keys(state: State) -> UnusedKeys:
    """The keys of the merged tree that no bound class reads."""
    found = unused(state.tree, [(spec.cls, spec.at) for spec in state.specs])
    return UnusedKeys(UnusedKey(dotted(item.path), item.near, _origin(state, item.path)) for item in found)


def _origin(state: State, path: Path) -> Origin | None:
    holders = (layer for layer in reversed(state.layers.values()) if find(layer.tree, path) is not MISSING)
    layer = next(holders, None)
    return layer.origin(path) if layer else None
