"""Merging anew along just the paths that changed, asking only the layers concerned."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from dynconf._values.merge import Rank, Rules, from_top, merged
from dynconf._values.tree import MISSING, Delta, Path, Tree, find, keep_shared


class HasTree(Protocol):
    """A layer, as merging sees it."""

    @property
    def tree(self) -> Tree: ...


class Speakers:
    """Which layers speak of what, so that a change asks only those, however many there are.

    A cache for the nodes that many layers speak of: it may name too many, never too few. The
    others are simply looked through.
    """

    FEW = 16

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, list[Rank]]] = {}
        self._hiding: dict[Path, set[Rank]] = {}

    def note(self, rank: Rank, tree: Tree, delta: Delta) -> None:
        """Learn that the layer at `rank` may from now on hold what `tree` holds where `delta` says."""
        for path, by_key in self._known.items():
            named = find(delta, path)
            if named is MISSING and not _ends_above(delta, path):
                continue
            node = find(tree, path)
            if isinstance(node, dict):
                for key in named if isinstance(named, dict) else node:
                    _insert(by_key.setdefault(key, []), rank)
            elif node is not MISSING:
                self._hiding[path].add(rank)

    def knows(self, path: Path) -> bool:
        """Whether the mapping at `path` is indexed, and no layer may hide what is below it there."""
        return path in self._known and not self._hiding[path]

    def learn(self, path: Path, *several: Iterable[tuple[Rank, Any]]) -> None:
        """Index the mapping at `path`, of which all of these speak: now, or if a plan is dropped."""
        known: dict[str, set[Rank]] = {}
        hiding = self._hiding[path] = set()
        for rank, part in chain.from_iterable(several):
            if isinstance(part, dict):
                for name in part:
                    known.setdefault(name, set()).add(rank)
            else:
                hiding.add(rank)
        self._known[path] = {name: sorted(ranks) for name, ranks in known.items()}

    def of(self, path: Path, key: str) -> Sequence[Rank]:
        """The layers that may hold `key` in the mapping at a path that is known."""
        return self._known[path].get(key, ())


def _ends_above(delta: Delta, path: Path) -> bool:
    """Whether the delta names something above `path`: all of what is there is then new."""
    node: Any = delta
    for step in path:
        if not isinstance(node, dict):
            break
        node = node.get(str(step))
    return node is True


def _insert(ranks: list[Rank], rank: Rank) -> None:
    at = bisect_left(ranks, rank)
    if at == len(ranks) or ranks[at] != rank:
        ranks.insert(at, rank)


class Remerge:
    """Merges anew along the paths that changed, and shares all else with what was merged before.

    Args:
        layers: every layer, lowest first, as they would be.
        current: every layer, as they are.
        rules: the merge policies.
        speakers: the store's cache.
    """

    def __init__(
        self,
        layers: Mapping[Rank, HasTree],
        current: Mapping[Rank, HasTree],
        rules: Rules | None,
        speakers: Speakers,
    ) -> None:
        self._layers = layers
        self._current = current
        self._rules = rules
        self._speakers = speakers

    def __call__(self, old: Tree, delta: Delta) -> Tree:
        """The merged tree.

        Args:
            old: the tree before.
            delta: what changed in any layer. Where it steps into a mapping it promises that every
                layer that has a mapping there had one before.
        """
        if not self._layers:
            return {}
        result: Tree = self._node((), old, delta, self._rules, None, indexed=True)
        return result

    def _node(
        self,
        path: Path,
        old: Any,
        delta: Any,
        rules: Rules | None,
        parts: Sequence[tuple[Rank, Any]] | None,
        *,
        indexed: bool,
    ) -> Any:
        """The value at `path`; `parts` are what layers hold there, or `None` if not needed so far.

        `indexed` tells that no layer hides any mapping above from those below it. Else `parts` are
        only those that show: the index, which knows all that are there, is not to be asked, nor
        taught.
        """
        replacing = rules is not None and rules.here is not None and rules.here.how == "replace"
        if isinstance(delta, dict) and isinstance(old, dict) and not replacing:
            if indexed and self._speakers.knows(path):
                return self._mapping(path, old, delta, rules, parts, indexed=True)
            parts = self._parts(path) if parts is None else parts
            if isinstance(parts[-1][1], dict):
                indexed = indexed and len(parts) > Speakers.FEW
                if indexed:
                    # What is planned may be dropped; then what is current counts again.
                    self._speakers.learn(path, parts, _speaking(self._current, path))
                    indexed = self._speakers.knows(path)
                return self._mapping(path, old, delta, rules, parts, indexed=indexed)
        parts = self._parts(path) if parts is None else parts
        return keep_shared(old, merged([value for _, value in parts], rules))

    def _mapping(
        self,
        path: Path,
        old: dict[str, Any],
        delta: Delta,
        rules: Rules | None,
        parts: Sequence[tuple[Rank, Any]] | None,
        *,
        indexed: bool,
    ) -> dict[str, Any]:
        new = dict(old)
        changed = added = False
        for key, deeper in delta.items():
            before, below = old.get(key, MISSING), (*path, key)
            inner = rules.child(key) if rules else None
            if deeper is not True and indexed and self._speakers.knows(below):
                after = self._node(below, before, deeper, inner, None, indexed=True)
            else:
                holders = self._parts(below) if indexed else _holders(parts or (), key)
                if not holders:
                    changed |= new.pop(key, MISSING) is not MISSING
                    continue
                after = self._node(below, before, deeper, inner, holders, indexed=indexed)
            if after is not before:
                new[key] = after
                changed = True
                added |= before is MISSING
        if added:
            showing = from_top([value for _, value in parts or self._parts(path)], dict)
            return {key: new[key] for key in dict.fromkeys(key for part in showing for key in part)}
        return new if changed else old

    def _parts(self, path: Path) -> list[tuple[Rank, Any]]:
        """What every layer that speaks of `path` holds there; the mapping above it is indexed."""
        ranks: Iterable[Rank] = self._speakers.of(path[:-1], str(path[-1])) if path else self._layers
        return _speaking({rank: self._layers[rank] for rank in ranks if rank in self._layers}, path)


def _speaking(layers: Mapping[Rank, HasTree], path: Path) -> list[tuple[Rank, Any]]:
    held = ((rank, find(layer.tree, path)) for rank, layer in layers.items())
    return [(rank, value) for rank, value in held if value is not MISSING]


def _holders(parts: Sequence[tuple[Rank, Any]], key: str) -> list[tuple[Rank, Any]]:
    """Those of the mappings that show in the result, each with what it holds under `key`."""
    start = len(parts)
    while start and isinstance(parts[start - 1][1], dict):
        start -= 1
    return [(rank, part[key]) for rank, part in parts[start:] if key in part]
