"""Merge policies, and what several layers' values become by them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from dynconf._values.tree import MISSING, Path, Tree, dotted, same
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
        parts = from_top(values, dict)
        if len(parts) == 1:
            return top
        return {
            key: items[0] if len(items) == 1 else merged(items, rules.child(key) if rules else None)
            for key, items in _by_key(parts).items()
        }
    if isinstance(top, list) and how:
        lists = from_top(values, list)
        if len(lists) == 1:
            return top
        inner = rules.child("*") if rules else None
        return [merged([lists[n][at] for n, at in places], inner) for places in arranged(lists, how)]
    return top


def from_top(values: Sequence[Any], kind: type) -> Sequence[Any]:
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


def arranged(lists: Sequence[list[Any]], how: Merge) -> list[list[tuple[int, int]]]:
    """The items that each item of the merged list is made of: the number of its list, the index there.

    Args:
        lists: two or more, lowest first.
        how: the policy, which is not `"replace"`.
    """
    order = reversed(range(len(lists))) if how.how == "prepend" else range(len(lists))
    places = [(n, at) for n in order for at in range(len(lists[n]))]
    if how.by is None and how.how != "unique":
        return [[place] for place in places]
    result: list[list[tuple[int, int]]] = []
    known: list[tuple[Any, list[tuple[int, int]]]] = []
    for n, at in places:
        item = lists[n][at]
        mark = item if how.by is None else item.get(how.by, MISSING) if isinstance(item, dict) else MISSING
        alike = next((made for other, made in known if same(other, mark)), None)
        if alike is None:
            result.append([(n, at)])
            if mark is not MISSING:
                known.append((mark, result[-1]))
        elif how.by is not None:
            alike.append((n, at))
    return result
