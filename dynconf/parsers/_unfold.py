"""Flat keys to a tree: `a.b` (or `a/b`) into mappings, `a[0]` into lists."""

import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final, NamedTuple

from dynconf._values.limits import Limits
from dynconf.errors import ParseError
from dynconf.parsers._faults import exceeded, fault, quoted

_INDEXED: Final = re.compile(r"([^\[\]]+)((?:\[[0-9]{1,9}\])+)")
_INDEX: Final = re.compile("[0-9]+")

Step = str | int
Position = Callable[[int], tuple[int, int]]


class Entry(NamedTuple):
    """A flat key, what it holds, and the offset that the key stands at."""

    key: str
    leaf: Any
    offset: int


class _Items(dict[int, Any]):
    """A list whose items come in any order."""


class _Hung(NamedTuple):
    """A list that is still being filled, where it hangs, and the entry that began it."""

    parent: dict[Any, Any]
    step: Step
    items: _Items
    entry: Entry


def unfold(
    entries: Iterable[Entry],
    limits: Limits,
    position: Position | None,
    starts: dict[int, int] | None = None,
    *,
    delimiters: str = ".",
    indexed: bool = True,
) -> dict[str, Any]:
    """The tree that flat keys describe; of a key that comes twice, the last holds, but both count.

    Args:
        entries: the keys in their order.
        limits: what is refused as too large.
        position: turns an entry's offset into line and column, if there are lines.
        starts: takes the offset at which each mapping and list is first spoken of, by its `id`.
        delimiters: the characters that separate a key's steps.
        indexed: whether `[0]` means an item of a list.

    Raises:
        ParseError: an empty step, a key that is both a value and the beginning of another, or
            a gap in a list's indices.
        LimitExceeded: over one of the limits.
    """
    return _Unfolding(limits, position, starts, delimiters, indexed).run(entries)


class _Unfolding:
    def __init__(
        self,
        limits: Limits,
        position: Position | None,
        starts: dict[int, int] | None,
        delimiters: str,
        indexed: bool,
    ) -> None:
        self.limits = limits
        self.lines = position
        self.starts = starts
        self.delimiters = delimiters
        self.split = re.compile(f"[{re.escape(delimiters)}]").split
        self.indexed = indexed
        self.nodes = 1
        self.keys = 0
        self.seen: list[Entry] = []
        self.lists: list[_Hung] = []

    def run(self, entries: Iterable[Entry]) -> dict[str, Any]:
        root: dict[Any, Any] = {}
        for entry in entries:
            self.add(root, entry, self.steps(entry))
            self.seen.append(entry)
        # A list within a list was begun after it.
        for hung in reversed(self.lists):
            hung.parent[hung.step] = self.finished(hung)
        return root

    def steps(self, entry: Entry) -> list[Step]:
        """The steps of a key's path."""
        marks = self.delimiters + "[" if self.indexed else self.delimiters
        if len(entry.key) > self.limits.depth and sum(map(entry.key.count, marks)) > self.limits.depth:
            raise exceeded("depth", self.limits, self.position(entry.offset))
        steps: list[Step] = list(self.split(entry.key))
        if "" in steps:
            raise fault(f"the key {quoted(entry.key)} has an empty step", self.position(entry.offset))
        if self.indexed and "[" in entry.key:
            steps = list(chain.from_iterable(map(_indexed, self.split(entry.key))))
        if len(steps) > self.limits.depth:
            raise exceeded("depth", self.limits, self.position(entry.offset))
        return steps

    def add(self, node: dict[Any, Any], entry: Entry, steps: list[Step]) -> None:
        for depth, step in enumerate(steps[:-1], 1):
            kind = dict if steps[depth].__class__ is str else _Items
            child = node.get(step)
            if child is None:
                self.grow(node, entry)
                child = node[step] = kind()
                if isinstance(child, _Items):
                    self.lists.append(_Hung(node, step, child, entry))
                elif self.starts is not None:
                    self.starts[id(child)] = entry.offset
            elif child.__class__ is not kind:
                raise self.contradiction(entry, steps[:depth])
            node = child
        last = steps[-1]
        if isinstance(node.get(last), dict):
            raise self.contradiction(entry, steps)
        self.grow(node, entry)  # again if the key comes again: that costs as much
        node[last] = entry.leaf

    def grow(self, node: dict[Any, Any], entry: Entry) -> None:
        """Count one more value, and its key if it is a mapping's."""
        self.nodes += 1
        self.keys += node.__class__ is dict
        if self.nodes > self.limits.nodes:
            raise exceeded("nodes", self.limits, self.position(entry.offset))
        if self.keys > self.limits.keys:
            raise exceeded("keys", self.limits, self.position(entry.offset))

    def contradiction(self, entry: Entry, steps: list[Step]) -> ParseError:
        earlier = next(seen for seen in self.seen if self.steps(seen)[: len(steps)] == steps)
        one, other = self.told(earlier), self.told(entry)
        return fault(
            f"{one} and {other} contradict each other: what is a value, a mapping or a list for the one is"
            " something else for the other",
            self.position(entry.offset),
        )

    def told(self, entry: Entry) -> str:
        """A key as an error names it."""
        place = self.position(entry.offset)
        return f"{quoted(entry.key)} in line {place[0]}" if place else quoted(entry.key)

    def position(self, offset: int) -> tuple[int, int] | None:
        """Line and column, if there are any."""
        return self.lines(offset) if self.lines else None

    def finished(self, hung: "_Hung") -> list[Any]:
        """The list, once all of its items are known."""
        items, entry = hung.items, hung.entry
        for index in range(len(items)):
            if index not in items:
                name = quoted(entry.key.split("[")[0])
                raise fault(
                    f"the list {name} has no item {index}, but a later one", self.position(entry.offset)
                )
        found = [items[index] for index in range(len(items))]
        if self.starts is not None:
            self.starts[id(found)] = entry.offset
        return found


def _indexed(part: str) -> list[Step]:
    match = _INDEXED.fullmatch(part)
    return [match[1], *map(int, _INDEX.findall(match[2]))] if match else [part]
