"""Merge policies, and what several layers' values become by them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from dynconf._values.tree import MISSING, Path, Tree, dotted, same
from dynconf.errors import UsageError

How: TypeAlias = Literal["append", "prepend", "unique", "replace", "deep"]
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
            layer's mapping or list the whole value; `"deep"` is what holds anyhow, said of a key
            that is to be an exception from what `*` says.
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
        if self.how not in (None, "append", "prepend", "unique", "replace", "deep"):
            raise UsageError(f"Merge knows append, prepend, unique, replace and deep, not '{self.how}'")

    def __str__(self) -> str:
        return f"by={self.by}" if self.by else str(self.how)


@dataclass(frozen=True, slots=True)
class Rules:
    """The merge policies of a whole tree.

    What `*` says of any key is said below each named one too, but for those that are `deep`.
    """

    here: Merge | None = None
    below: Mapping[str, "Rules"] = field(default_factory=dict)

    def child(self, *keys: str) -> "Rules | None":
        """The rules that hold under a key, if any; of several for one thing, under the first with some."""
        return next((self.below[key] for key in keys if key in self.below), self.below.get("*"))


def rules_of(policies: Iterable[tuple[Path, Merge, str]]) -> Rules | None:
    """The rules that all of these agree on; each comes with the name of who says so.

    Raises:
        UsageError: two say different things about one path; `*` speaks of any key.
    """
    # Many classes may say the same.
    said: dict[tuple[Path, Merge], str] = {}
    for path, merge, who in policies:
        said.setdefault((path, merge), who)
    return _rules_below((), [(path, merge, who) for (path, merge), who in said.items()])


def _rules_below(at: Path, policies: Sequence[tuple[Path, Merge, str]]) -> Rules | None:
    """The rules at a path and below it, of policies whose paths lead on from there."""
    if not policies:
        return None
    here: tuple[Merge, str] | None = None
    branches: dict[str, list[tuple[Path, Merge, str]]] = {}
    for path, merge, who in policies:
        if path:
            branches.setdefault(str(path[0]), []).append((path[1:], merge, who))
            continue
        here = here or (merge, who)
        if here[0] != merge:
            raise UsageError(
                f"'{dotted(at)}' is merged as '{here[0]}' by {here[1]} and as '{merge}' by {who}"
            )
    for_all = branches.get("*", [])
    below: dict[str, Rules] = {}
    for key, branch in branches.items():
        alone = key == "*" or any(not path and merge.how == "deep" for path, merge, _ in branch)
        if rules := _rules_below((*at, key), branch if alone else [*branch, *for_all]):
            below[key] = rules
    return Rules(here[0] if here and here[0].how != "deep" else None, below)


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
    known: dict[object, list[tuple[int, int]]] = {}
    for n, at in places:
        item = lists[n][at]
        named = item if how.by is None else item.get(how.by, MISSING) if isinstance(item, dict) else MISSING
        made = [(n, at)]
        alike = made if named is MISSING else known.setdefault(_mark(named), made)
        if alike is made:
            result.append(made)
        elif how.by is not None:
            alike.append((n, at))
    return result


def _mark(value: Any) -> object:
    """What equals another's just when the two are the `same`, and can be looked up."""
    if isinstance(value, dict):
        return dict, frozenset((key, _mark(item)) for key, item in value.items())
    if isinstance(value, list):
        return list, tuple(map(_mark, value))
    try:
        hash(value)
    except TypeError:
        return _Unhashable(value)
    return type(value), value


class _Unhashable:
    """A value such as a set, which only code, and no document, puts into a tree."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __hash__(self) -> int:
        return hash(type(self._value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashable) and same(self._value, other._value)
