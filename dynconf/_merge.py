"""Merging layers by policy: in full, and along just the paths that changed."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import Any, Literal, Protocol, TypeAlias

from dynconf._tree import MISSING, Delta, Path, Tree, dotted, find, keep_shared, same
from dynconf.errors import UsageError

How: TypeAlias = Literal["append", "prepend", "unique", "replace"]
Rank: TypeAlias = tuple[Fraction | float, int | str, str]
"""A layer's place: its source's position, its order there, its document; the highest wins."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How the values that several layers give to one field become one.

    Written in the field's annotation, `Annotated[list[str], Merge("append")]`, or for a path of
    the whole tree, `Config(merge={"plugins": "append"})`. Without it mappings merge deeply,
    scalars and lists replace.

    Args:
        how: for lists `"append"` (lower layers' items first), `"prepend"` (higher layers' items
            first), or `"unique"` (append, each value once); `"replace"` makes the highest
            layer's mapping or list the whole value.
        by: for lists of mappings, the key that tells items apart: items with equal `by` merge
            deeply, new ones are appended.

    Raises:
        UsageError: neither or both are given, or `how` is not one of these.
    """

    how: How | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        if (self.how is None) == (self.by is None):
            raise UsageError('Merge takes either how, as in Merge("append"), or by, as in Merge(by="name")')
        if self.how not in (None, "append", "prepend", "unique", "replace"):
            raise UsageError(f"Merge knows append, prepend, unique and replace, not '{self.how}'")

    def __str__(self) -> str:
        return f"by={self.by}" if self.by else str(self.how)


@dataclass(frozen=True, slots=True)
class Rules:
    """The merge policies of a whole tree; the step `*` stands for any key or item."""

    here: Merge | None = None
    below: Mapping[str, "Rules"] = field(default_factory=dict)

    def child(self, key: str) -> "Rules | None":
        """The rules that hold under `key`, if any."""
        return self.below.get(key) or self.below.get("*")


def rules_of(policies: Iterable[tuple[Path, Merge, str]]) -> Rules | None:
    """The rules that all of these agree on; each comes with the name of who says so.

    Raises:
        UsageError: two say different things about one path.
    """
    said: dict[Path, tuple[Merge, str]] = {}
    for path, merge, who in policies:
        other, whose = said.setdefault(path, (merge, who))
        if other != merge:
            raise UsageError(f"'{dotted(path)}' is merged as '{other}' by {whose} and as '{merge}' by {who}")
    return _rules_below({path: merge for path, (merge, _) in said.items()})


def _rules_below(said: Mapping[Path, Merge]) -> Rules | None:
    if not said:
        return None
    branches: dict[str, dict[Path, Merge]] = {}
    for path, merge in said.items():
        if path:
            branches.setdefault(str(path[0]), {})[path[1:]] = merge
    below = {key: rules for key, branch in branches.items() if (rules := _rules_below(branch))}
    return Rules(said.get(()), below)


def merged(values: Sequence[Any], rules: Rules | None = None) -> Any:
    """What layers' values, lowest first, become; at least one must be given."""
    top = values[-1]
    how = rules.here if rules else None
    if len(values) == 1 or (how and how.how == "replace"):
        return top
    if isinstance(top, dict):
        parts = _from_top(values, dict)
        if len(parts) == 1:
            return top
        return {
            key: items[0] if len(items) == 1 else merged(items, rules.child(key) if rules else None)
            for key, items in _by_key(parts).items()
        }
    if isinstance(top, list) and how:
        lists = _from_top(values, list)
        return top if len(lists) == 1 else _merged_lists(lists, how, rules.child("*") if rules else None)
    return top


def _from_top(values: Sequence[Any], kind: type) -> Sequence[Any]:
    """The unbroken run of that kind that the highest value ends: what is below it is hidden."""
    start = len(values)
    while start and isinstance(values[start - 1], kind):
        start -= 1
    return values[start:]


def _by_key(parts: Sequence[Tree]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in parts:
        for key, item in part.items():
            if key in found:
                found[key].append(item)
            else:
                found[key] = [item]
    return found


def _merged_lists(parts: Sequence[list[Any]], how: Merge, rules: Rules | None) -> list[Any]:
    if how.by:
        return _merged_items([item for part in parts for item in part], how.by, rules)
    if how.how == "prepend":
        return [item for part in reversed(parts) for item in part]
    items = [item for part in parts for item in part]
    if how.how == "unique":
        kept: list[Any] = []
        for item in items:
            if not any(same(item, other) for other in kept):
                kept.append(item)
        return kept
    return items


def _merged_items(items: list[Any], by: str, rules: Rules | None) -> list[Any]:
    result: list[Any] = []
    places: list[tuple[Any, int]] = []
    for item in items:
        name = item.get(by, MISSING) if isinstance(item, dict) else MISSING
        place = next((at for known, at in places if same(known, name)), None)
        if name is MISSING or place is None:
            if name is not MISSING:
                places.append((name, len(result)))
            result.append(item)
        else:
            result[place] = merged([result[place], item], rules)
    return result


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
        result: Tree = self._node((), old, delta, self._rules, None)
        return result

    def _node(
        self, path: Path, old: Any, delta: Any, rules: Rules | None, parts: Sequence[tuple[Rank, Any]] | None
    ) -> Any:
        """The value at `path`; `parts` are what layers hold there, or `None` if not needed so far."""
        replacing = rules is not None and rules.here is not None and rules.here.how == "replace"
        if isinstance(delta, dict) and isinstance(old, dict) and not replacing:
            if self._speakers.knows(path):
                return self._mapping(path, old, delta, rules, parts, indexed=True)
            parts = self._parts(path) if parts is None else parts
            if isinstance(parts[-1][1], dict):
                indexed = len(parts) > Speakers.FEW
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
                after = self._node(below, before, deeper, inner, None)
            else:
                holders = self._parts(below) if indexed else _holders(parts or (), key)
                if not holders:
                    changed |= new.pop(key, MISSING) is not MISSING
                    continue
                after = self._node(below, before, deeper, inner, holders)
            if after is not before:
                new[key] = after
                changed = True
                added |= before is MISSING
        if added:
            showing = _from_top([value for _, value in parts or self._parts(path)], dict)
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
