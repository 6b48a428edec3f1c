"""Of several keys for one field: what layers that use different ones say together, and where it stands.

To a model it is as if all layers wrote a field under one key. Of several in one layer it is as if they
were layers of their own, the one that pydantic prefers the highest.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from dynconf._models.schema import Field, Model, family, fields_of
from dynconf._values.merge import Rules, from_top, merged
from dynconf._values.tree import MISSING, Path, find, same


@lru_cache(maxsize=4096)
def _ambiguous(cls: Model) -> tuple[Field, ...]:
    """The fields that may be written under several keys, or hold a model with such fields; mostly none."""

    def has_some(model: Model) -> bool:
        return any(len(field.keys) > 1 for one in family(model) for field in fields_of(one))

    return tuple(
        field
        for field in fields_of(cls)
        if len(field.keys) > 1 or any(has_some(model) for _, model in field.models)
    )


@lru_cache(maxsize=4096)
def _by_key(cls: Model) -> Mapping[str | int, Field]:
    """Those fields by any of their keys."""
    return {key: field for field in reversed(_ambiguous(cls)) for key in field.keys}


def has_several_keys(cls: Model) -> bool:
    """Whether a field, here or further down, may be written under several keys."""
    return bool(_ambiguous(cls))


def doubled(cls: Model, tree: Any, below: Path = ()) -> bool:
    """Whether a tree holds several keys of one field. `below` is as `Field.nested` tells it."""
    if not isinstance(tree, dict):
        return False
    if below:
        return any(doubled(cls, part, below[1:]) for part in tree.values())
    for field in _ambiguous(cls):
        present = [key for key in field.keys if key in tree]
        if len(present) > 1:
            return True
        if present and field.nested:
            inner, nested = field.nested
            if doubled(nested, tree[present[0]], inner):
                return True
    return False


def joined(cls: Model | None, values: Sequence[Any], rules: Rules | None = None, below: Path = ()) -> Any:
    """What layers' values, lowest first, become to a model, each field under the key of the highest.

    Args:
        cls: the model; `None` where there is none.
        values: what the layers say, one at least.
        rules: the merge policies; a field has those of the key that pydantic prefers, if that has any.
        below: as `Field.nested` tells it: the values are mappings of what that model reads.
    """
    if cls is None or not has_several_keys(cls) or not isinstance(values[-1], dict):
        return merged(values, rules)
    replacing = rules is not None and rules.here is not None and rules.here.how == "replace"
    held: dict[str, list[tuple[str, Any]]] = {}
    for part in values[-1:] if replacing else from_top(values, dict):
        for key in sorted(part, key=lambda key: -_within(cls, below, key)[2].index(key)):
            held.setdefault(_within(cls, below, key)[2][0], []).append((key, part[key]))
    result: dict[str, Any] = {}
    for said in held.values():
        holding = said[-1][0]
        model, inner, keys = _within(cls, below, holding)
        used = {key for key, _ in said}
        child = rules.child(*(key for key in keys if key in used)) if rules else None
        result[holding] = joined(model, [value for _, value in said], child, inner)
    return result


def tree_path(cls: Model, path: Path, seen: Any) -> Path:
    """A path of field names as that of the keys along which a model reads what it sees.

    Where nothing is said it is the key, or the alias path, that pydantic prefers.
    """
    found: list[str | int] = []
    model: Model | None = cls
    below: Path = ()
    for step in path:
        place: Path = (step,)
        known = None
        if below:
            below = below[1:]
        else:
            known = next((field for field in fields_of(model) if field.name == step), None) if model else None
            below, model = (known and known.nested) or ((), None)
        if known and known.paths:
            place = next((one for one in known.paths if find(seen, one) is not MISSING), known.paths[0])
        found += place
        seen = find(seen, place)
    return tuple(found)


def steps_of(cls: Model, path: Path, seen: Any) -> Iterator[str | int | tuple[str, ...]]:
    """The steps of a path of keys, each with all keys that layers may use instead: see `Steps`.

    Items of a list are taken as they are written.
    """
    model: Model | None = cls
    below: Path = ()
    for step in path:
        if isinstance(seen, list):
            model, below = None, ()
        model, below, keys = _within(model, below, step)
        yield step if len(keys) == 1 else keys[::-1]
        seen = find(seen, (step,))


def differing(cls: Model | None, before: Any, after: Any, below: Path = ()) -> Iterator[Path]:
    """The paths at which two things that a model sees differ, whatever keys they use; those of the later."""
    if before is after:  # as most of a large tree is
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if not same(before, after):
            yield ()
        return
    old, new = ({_within(cls, below, key)[2][0]: key for key in tree} for tree in (before, after))
    for first, key in {**old, **new}.items():
        model, inner, _ = _within(cls, below, key)
        one, other = before.get(old.get(first), MISSING), after.get(new.get(first), MISSING)
        yield from ((key, *rest) for rest in differing(model, one, other, inner))


def _within(cls: Model | None, below: Path, key: str | int) -> tuple[Model | None, Path, tuple[Any, ...]]:
    """The model that a key leads to, as `Field.nested` tells it, and all keys of the same field."""
    if below:
        return cls, below[1:], (key,)
    field = _by_key(cls).get(key) if cls else None
    if field is None:
        return None, (), (key,)
    inner, nested = field.nested or ((), None)
    return nested, inner, field.keys
