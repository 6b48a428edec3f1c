"""An index from paths to whoever is interested in them, asked with what changed."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from dynconf._values.tree import Delta, Path

T = TypeVar("T")


class PathIndex(Generic[T]):
    """Who is interested in which path; the cost of a question goes with the change alone."""

    __slots__ = ("_below", "_here")

    def __init__(self) -> None:
        self._here: dict[T, None] = {}
        self._below: dict[str, PathIndex[T]] = {}

    def add(self, path: Path, who: T) -> None:
        """Note that `who` is interested in everything at `path`."""
        node = self
        for step in path:
            node = node._below.setdefault(str(step), PathIndex())
        node._here[who] = None

    def discard(self, path: Path, who: T) -> None:
        """Forget that `who` was."""
        if not path:
            self._here.pop(who, None)
        elif below := self._below.get(str(path[0])):
            below.discard(path[1:], who)
            if not below._here and not below._below:
                del self._below[str(path[0])]

    def touched(self, delta: Delta) -> Iterator[T]:
        """Everyone whose path lies on, above or below a path that the delta names."""
        if not delta:
            return
        yield from self._here
        for key, deeper in delta.items():
            below = self._below.get(key)
            if below is not None:
                yield from below._all() if deeper is True else below.touched(deeper)

    def _all(self) -> Iterator[T]:
        yield from self._here
        for below in self._below.values():
            yield from below._all()
