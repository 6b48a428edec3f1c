"""What one model sees of a state, and which keys may say it."""

from collections.abc import Sequence
from typing import Any

from dynconf._models.keys import doubled, has_several_keys, joined, steps_of
from dynconf._store.state import State, laid_over
from dynconf._values.merge import merged
from dynconf._values.provenance import Steps, said_of
from dynconf._values.tree import MISSING, Path, Tree, find, nested


def seen(state: State, index: int, count: int | None = None) -> Any:
    """What stands where the model is bound, its own sources included, each field under one key.

    Args:
        state: the layers, rules and overrides.
        index: the model's.
        count: how many of the overrides count; by default all.
    """
    spec, own = state.specs[index], state.overlays[index].tree
    over = laid_over(state.overrides[:count], spec)
    if own:
        parts = [find(state.base, spec.at), dict(own), *(find(tree, spec.at) for tree in over)]
        there = [part for part in parts if part is not MISSING]
        tree = merged(there)
    elif over == laid_over(state.overrides):
        tree = find(state.tree, spec.at)
    else:
        tree = find(merged([state.base, *over]), spec.at)
    return _one_key_each(state, index, over) if doubled(spec.cls, tree) else tree


def _one_key_each(state: State, index: int, over: Sequence[Tree]) -> Any:
    """The same, from what each layer says: of what they merge to nobody could tell which key is whose."""
    spec, own, rules = state.specs[index], state.overlays[index].tree, state.rules
    for step in spec.at:
        rules = rules.child(str(step)) if rules else None
    layers = said_of([layer.tree for layer in state.layers.values()], spec.at, state.rules)
    low = [one.value for one in layers if one.shows]
    above = [*([nested(spec.at, own)] if own else []), *over]
    # Above the layers no policies hold. Where there are none, the base is empty all the same.
    values = [
        one.value if one.number else joined(spec.cls, low or [{}], rules)
        for one in said_of([state.base, *above], spec.at)
        if one.shows
    ]
    return joined(spec.cls, values)


def steps_to(state: State, index: int, path: Path, count: int | None = None) -> Steps:
    """The steps of a path of keys that the model reads, with all keys that may say the same."""
    spec = state.specs[index]
    if not has_several_keys(spec.cls):
        return path
    at = len(spec.at)
    return (*path[:at], *steps_of(spec.cls, path[at:], seen(state, index, count)))
