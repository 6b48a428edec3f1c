"""Trees of plain data: paths into them, and what differs between two.

A tree is made of mappings (always `dict`, with text keys), lists and scalars. Nothing here alters
a tree that it was given: results share every part that did not change.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from dynconf._origin import on_one_line
from dynconf.errors import UsageError

Path: TypeAlias = tuple[str | int, ...]
Tree: TypeAlias = Mapping[str, Any]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""Nothing stands there; `None` is a value like any other."""


def parse_path(path: str | Path) -> Path:
    """The steps of a dotted path; a key that holds a dot is quoted in it. A tuple is taken as it is.

    Raises:
        UsageError: a step is empty.
    """
    if not isinstance(path, str):
        return tuple(path)
    if not path:
        return ()
    steps = [quoted or bare for quoted, bare in _STEP.findall(f"{path}.")]
    if not all(steps):
        raise UsageError(f"'{path}' is no path: a step between two dots is empty")
    return tuple(steps)


_STEP: Final = re.compile(r'(?:"([^".]*\.[^"]*)"|([^.]*))\.')
"""A step of a path with the dot behind it; one in quotes holds dots, as `dotted` writes it."""


def dotted(path: Path) -> str:
    """A path as people read it; a key that holds a dot is quoted."""
    return ".".join(
        f'"{on_one_line(step)}"' if isinstance(step, str) and "." in step else on_one_line(str(step))
        for step in path
    )


def find(tree: Any, path: Path) -> Any:
    """What stands at `path`, or `MISSING`. A number steps into a list."""
    for step in path:
        if isinstance(tree, dict):
            if step not in tree:
                return MISSING
            tree = tree[step]
        elif isinstance(tree, list):
            index = str(step)
            if not index.isdecimal() or int(index) >= len(tree):
                return MISSING
            tree = tree[int(index)]
        else:
            return MISSING
    return tree


def copied(value: Any) -> Any:
    """The same tree in containers of its own."""
    if isinstance(value, Mapping):
        return {key: item if item.__class__ in _SCALARS else copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item if item.__class__ in _SCALARS else copied(item) for item in value]
    return value


# Only for speed: to ask each of thousands of texts whether it is a `Mapping` takes longer than to copy them.
_SCALARS = frozenset({str, int, float, bool, type(None)})


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal in type and value throughout: `1`, `1.0` and `True` differ."""
    if a is b:
        return True
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        return all(key in b and same(item, b[key]) for key, item in a.items())
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


Delta: TypeAlias = dict[str, Any]
"""What differs between two mappings: each key leads to `True` (all of it) or to a further `Delta`."""


def diff(old: Tree, new: Tree, within: Delta | None = None) -> Delta:
    """What differs between two trees; with `within`, only what that delta names is looked at.

    Parts that both share are passed over by identity, so the cost goes with what differs.
    """
    delta: Delta = {}
    for key in within if within is not None else _keys(old, new):
        before, after = old.get(key, MISSING), new.get(key, MISSING)
        if before is after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            deeper = within[key] if within is not None else None
            found = diff(before, after, deeper if isinstance(deeper, dict) else None)
            if found:
                delta[key] = found
        elif not same(before, after):
            delta[key] = True
    return delta


def _keys(old: Tree, new: Tree) -> list[str]:
    return [*old, *(key for key in new if key not in old)]


def combined(a: Delta, b: Delta) -> Delta:
    """Everything that either delta names."""
    if not a or not b:
        return a or b
    both = dict(a)
    for key, item in b.items():
        known = both.get(key)
        if isinstance(known, dict) and isinstance(item, dict):
            both[key] = combined(known, item)
        elif known is None or item is True:
            both[key] = item
    return both


def delta_of(paths: Iterable[Path]) -> Delta:
    """The delta that names just these paths; they have at least one step each."""
    delta: Delta = {}
    for path in paths:
        single: Any = True
        for step in reversed(path):
            single = {str(step): single}
        delta = combined(delta, single)
    return delta


def delta_paths(delta: Delta, base: Path = ()) -> Iterator[Path]:
    """The paths that a delta names, shortest first within a branch."""
    for key, item in delta.items():
        if item is True:
            yield (*base, key)
        else:
            yield from delta_paths(item, (*base, key))


def nested(path: Path, value: Any) -> Any:
    """`value` mounted at `path`: mappings around it, one for each step."""
    for step in reversed(path):
        value = {str(step): value}
    return value


def keep_shared(old: Any, new: Any) -> Any:
    """`new`, with every part that equals the old one's replaced by the old part itself."""
    if old is new or same(old, new):
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: keep_shared(old[key], item) if key in old else item for key, item in new.items()}
    return new
