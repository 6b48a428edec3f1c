"""Where each value of a document stands: a tree of the same shape, with offsets for values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from dynconf._values.limits import Limits
from dynconf._values.tree import Path

NO_LIMITS: Final = Limits(*[2**62] * 4)
"""For a document that kept its limits when it was parsed."""


@dataclass(frozen=True, slots=True)
class Places:
    """The offsets of one document's values.

    Args:
        tree: the document's shape; an offset, counted from 0, stands for each scalar.
        position: turns an offset into line and column, both counted from 1.
        starts: the offset of each mapping and list in `tree`, by its `id`.
    """

    tree: Any
    position: Callable[[int], tuple[int, int]]
    starts: dict[int, int] = field(default_factory=dict)

    def find(self, path: Path) -> tuple[int, int]:
        """Line and column of what stands at `path`, or of its nearest ancestor that is there."""
        node = self.tree
        offset = self._offset(node)
        for step in path:
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and (index := _index(step)) < len(node):
                node = node[index]
            else:
                break
            offset = self._offset(node)
        return self.position(offset)

    def _offset(self, node: Any) -> int:
        return node if isinstance(node, int) else self.starts.get(id(node), 0)


def _index(step: str | int) -> int:
    digits = str(step)
    # Longer than any list; a number of thousands of digits would not even convert.
    return int(digits) if digits.isdecimal() and len(digits) < 12 else 10**12
