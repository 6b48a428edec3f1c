"""Merging layers by policy: in full, and along just the paths that changed."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dynconf._tree import MISSING, Delta, Path, Tree, dotted, find, keep_shared, same
from dynconf.errors import UsageError

How: TypeAlias = Literal["append", "prepend", "unique", "replace"]
Rank: TypeAlias = tuple[float, int | str, str]
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
        return _merged_lists(_from_top(values, list), how, rules.child("*") if rules else None)
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


class Speakers:
    """Which layers speak of what: so that a change asks only those, however many there are.

    A cache: it may name layers that no longer speak of a key, never too few. Nodes that a
    handful of layers speak of are simply looked through.
    """

    _FEW = 16

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, list[Rank]]] = {}

    def note(self, rank: Rank, tree: Tree, delta: Delta) -> None:
        """Learn that the layer at `rank` may from now on hold what `tree` holds where `delta` says."""
        for path, by_key in self._known.items():
            named = find(delta, path)
            node = named if isinstance(named, dict) else find(tree, path)
            if isinstance(node, dict) and (named is not MISSING or _reaches(delta, path)):
                for key in node:
                    _insert(by_key.setdefault(key, []), rank)

    def of(
        self, path: Path, key: str, parts: Sequence[tuple[Rank, Any]], everyone: Sequence[tuple[Rank, Any]]
    ) -> list[tuple[Rank, Any]]:
        """The layers among `parts`, all mappings at `path`, that hold `key`, with what they hold.

        `everyone` are all that speak of `path`, also those that something higher hides for now.
        """
        if len(parts) <= self._FEW:
            return [(rank, part[key]) for rank, part in parts if key in part]
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = {}
            for rank, part in everyone:
                for name in part if isinstance(part, dict) else ():
                    known.setdefault(name, []).append(rank)
        found = []
        for rank in known.get(key, ()):
            at = bisect_left(parts, rank, key=_rank_of)
            if at < len(parts) and parts[at][0] == rank and key in parts[at][1]:
                found.append((rank, parts[at][1][key]))
        return found


def _reaches(delta: Delta, path: Path) -> bool:
    """Whether the delta ends above `path`: all of what is there is then new."""
    node: Any = delta
    for step in path:
        if not isinstance(node, dict):
            break
        node = node.get(str(step))
    return node is True


def _rank_of(part: tuple[Rank, Any]) -> Rank:
    return part[0]


def _insert(ranks: list[Rank], rank: Rank) -> None:
    at = bisect_left(ranks, rank)
    if at == len(ranks) or ranks[at] != rank:
        insort(ranks, rank)


def remerged(
    old: Any,
    parts: Sequence[tuple[Rank, Any]],
    delta: Delta | Literal[True],
    rules: Rules | None,
    speakers: Speakers,
    path: Path = (),
) -> Any:
    """The merged value at `path` after a change, sharing with `old` all that stayed.

    Args:
        old: what was merged here before, or `MISSING`.
        parts: what each layer that speaks of `path` holds there now, lowest first.
        delta: what changed in any of the layers: `True` for all of it; as a mapping it promises
            that every layer that is a mapping here was one before.
    """
    values = [value for _, value in parts]
    top = values[-1]
    replacing = rules is not None and rules.here is not None and rules.here.how == "replace"
    if delta is True or replacing or not isinstance(top, dict) or not isinstance(old, dict):
        return keep_shared(old, merged(values, rules))
    open_parts = parts[len(parts) - len(_from_top(values, dict)) :]
    new = dict(old)
    changed = added = False
    for key, deeper in delta.items():
        holders = speakers.of(path, key, open_parts, parts)
        before = old.get(key, MISSING)
        if not holders:
            changed |= new.pop(key, MISSING) is not MISSING
            continue
        after = remerged(before, holders, deeper, rules.child(key) if rules else None, speakers, (*path, key))
        if after is not before:
            new[key] = after
            changed = True
            added |= before is MISSING
    if added:
        order = dict.fromkeys(key for _, part in open_parts for key in part)
        return {key: new[key] for key in order}
    return new if changed else old
