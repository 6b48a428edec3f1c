"""Which models read what: so that a change touches those alone, and unread keys can be told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dynconf._path_index import PathIndex
from dynconf._schema import Model, Reads, either, reads_of
from dynconf._tree import Delta, Path, Tree, nested


class Readers:
    """An index from keys to the models that read them."""

    def __init__(self) -> None:
        self._index: PathIndex[int] = PathIndex()

    def add(self, number: int, model: Model, at: Path) -> None:
        """Learn what the model with that number, bound at `at`, reads."""
        self._add(at, number, reads_of(model))

    def _add(self, path: Path, number: int, reads: Reads) -> None:
        if not isinstance(reads, dict) or "*" in reads:
            self._index.add(path, number)
            return
        for key, below in (reads or {"": True}).items():
            self._add((*path, key), number, below)

    def touched(self, delta: Delta) -> set[int]:
        """The models that read anything of what a delta names."""
        return set(self._index.touched(delta))


@dataclass(frozen=True, slots=True)
class Unused:
    """A key that no model reads, with the names that it may have been meant to be."""

    path: Path
    near: tuple[str, ...]


def unused(tree: Tree, models: Iterable[tuple[Model, Path]]) -> list[Unused]:
    """The keys of a tree that no model's fields name."""
    reads: Reads = {}
    for model, at in models:
        reads = either(reads, nested(at, reads_of(model, declared=True)))
    return list(_unread(tree, reads, ()))


def _unread(tree: Mapping[str, Any], reads: Any, at: Path) -> Iterator[Unused]:
    if not isinstance(reads, dict):
        return
    for key, item in tree.items():
        below = reads.get(key, reads.get("*"))
        if below is None:
            free = {name.casefold(): name for name in reads if name not in tree}
            near = get_close_matches(key.casefold(), free, n=2)
            yield Unused((*at, key), tuple(free[name] for name in near))
        elif isinstance(below, dict):
            yield from _inside(item, below, (*at, key))


def _inside(item: Any, reads: Any, at: Path) -> Iterator[Unused]:
    if isinstance(item, dict):
        yield from _unread(item, reads, at)
    elif isinstance(item, list) and "*" in reads:
        for index, one in enumerate(item):
            yield from _inside(one, reads["*"], (*at, index)) if isinstance(reads["*"], dict) else ()
