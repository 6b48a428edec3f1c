"""Which models read what: so that a change touches those alone, and unread keys can be told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from dynconf._models.schema import Model, Reads, opened
from dynconf._values.tree import Delta, Path, Tree


class Readers:
    """An index from keys to the models that read them.

    It is built out only as far as changes have reached: most keys of a large model never change.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, number: int, model: Model, at: Path) -> None:
        """Learn what the model with that number, bound at `at`, reads."""
        self._root.waiting.append((number, frozenset({(at, model)})))

    def touched(self, delta: Delta) -> set[int]:
        """The models that read anything of what a delta names."""
        found: set[int] = set()
        if delta:
            self._root.gather(delta, found)
        return found


class _Node:
    """A key: who reads all that stands there is `here`, who reads further keys is `below`.

    Of those who are `waiting` nobody has asked yet.
    """

    __slots__ = ("below", "here", "waiting")

    def __init__(self) -> None:
        self.here: set[int] = set()
        self.below: dict[str, _Node] = {}
        self.waiting: list[tuple[int, Reads]] = []

    def gather(self, delta: Delta, found: set[int]) -> None:
        self._open()
        found |= self.here
        for key, deeper in delta.items():
            below = self.below.get(key)
            if below is None:
                continue
            if deeper is True:
                below.gather_all(found)
            else:
                below.gather(deeper, found)

    def gather_all(self, found: set[int]) -> None:
        found |= self.here
        found.update(number for number, _ in self.waiting)
        for below in self.below.values():
            below.gather_all(found)

    def _open(self) -> None:
        waiting, self.waiting = self.waiting, []
        for number, reads in waiting:
            keys = opened(reads)
            if keys is True or "*" in keys:
                self.here.add(number)
                continue
            # A model without fields reads nothing, but wants a mapping there.
            for key, below in (keys or {"": True}).items():
                if key not in self.below:
                    self.below[key] = _Node()
                self.below[key].waiting.append((number, below))


@dataclass(frozen=True, slots=True)
class Unused:
    """A key that no model reads, with the names that it may have been meant to be."""

    path: Path
    near: tuple[str, ...]


MOST_GUESSED: Final = 100
"""Of how many keys it is told what they may have been meant to be: to find that out takes long."""


def unused(tree: Tree, models: Iterable[tuple[Model, Path]]) -> list[Unused]:
    """The keys of a tree that no model's fields name."""
    reads: Reads = frozenset((at, model) for model, at in models)
    return [
        Unused(path, _near(str(path[-1]), names) if number < MOST_GUESSED else ())
        for number, (path, names) in enumerate(_unread(tree, reads, ()))
    ]


def _near(key: str, names: Iterable[str]) -> tuple[str, ...]:
    known = {name.casefold(): name for name in names}
    return tuple(known[name] for name in get_close_matches(key.casefold(), known, n=2))


def _unread(tree: Mapping[str, Any], reads: Reads, at: Path) -> Iterator[tuple[Path, Iterable[str]]]:
    """Each key that is not read, with those that would be in its place."""
    keys = opened(reads, declared=True)
    if keys is True:
        return
    for key, item in tree.items():
        below = keys.get(key, keys.get("*"))
        if below is None:
            yield (*at, key), keys
        else:
            yield from _inside(item, below, (*at, key))


def _inside(item: Any, reads: Reads, at: Path) -> Iterator[tuple[Path, Iterable[str]]]:
    if isinstance(item, dict):
        yield from _unread(item, reads, at)
    elif isinstance(item, list):
        keys = opened(reads, declared=True)
        if keys is not True and "*" in keys:
            for index, one in enumerate(item):
                yield from _inside(one, keys["*"], (*at, index))
