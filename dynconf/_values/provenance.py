"""Where each part of what was merged came from: asked now and then, so it is found out only then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from dynconf._values.merge import Rules, arranged, from_top
from dynconf._values.tree import MISSING, Path, find


@dataclass(frozen=True, slots=True)
class Said:
    """What one of several values says of a path of what they merge to.

    `number` is that value's; `path` the place in it, which is another than the merged one where
    lists were put together. `shows` tells whether it has a part in what stands there.
    """

    number: int
    path: Path
    value: Any
    shows: bool


Steps: TypeAlias = tuple[str | int | tuple[str, ...], ...]
"""A path of which a step may be any of several keys for one thing, the one to be preferred last."""

Arranged: TypeAlias = dict[Steps, list[list[tuple[int, int]]]]
"""How the lists at some paths were put together, to be asked of the same values again."""


def said_of(
    values: Sequence[Any], path: Steps, rules: Rules | None = None, known: Arranged | None = None
) -> list[Said]:
    """What values, lowest first, say of a path of what they merge to; those that say nothing left out.

    Who uses several keys for one thing says as much, the one to be preferred last.

    Whoever asks of many paths gives the same `known` each time, and each list is arranged only once.
    """
    known = {} if known is None else known
    said = _shown([Said(number, (), value, shows=True) for number, value in enumerate(values)], rules)
    for depth, step in enumerate(path):
        in_list = said and isinstance(said[-1].value, list)
        above = tuple(one if isinstance(one, tuple) else str(one) for one in path[:depth])
        keys = step if isinstance(step, tuple) else (step,)
        said = [*_below(said, keys, rules, above, known)]
        used = {one.path[-1] for one in said if one.shows} if len(keys) > 1 else keys
        named = ("*",) if in_list else (str(key) for key in keys[::-1] if key in used)
        rules = rules.child(*named) if rules else None
        said = _shown(said, rules)
    return said


def place_of(path: Path, steps: Steps, said: Said) -> Path:
    """A path of what is merged, with each step as the one spells it who says what stands there."""
    spelt = (
        own if isinstance(any_of, tuple) else step
        for step, any_of, own in zip(path, steps, said.path, strict=False)
    )
    return (*spelt, *path[len(said.path) :])


def _shown(said: list[Said], rules: Rules | None) -> list[Said]:
    """The same with only those showing that make the result together: mappings do, lists only by policy."""
    how = rules.here if rules else None
    showing = [one for one in said if one.shows]
    top = showing[-1].value if showing else None
    adds_up = isinstance(top, dict) or (isinstance(top, list) and how is not None)
    if adds_up and not (how and how.how == "replace"):
        start = len(said) - len(from_top([one.value for one in showing], type(top)))
    else:
        start = len(said) - 1
    return [replace(one, shows=one.shows and number >= start) for number, one in enumerate(said)]


def _below(
    said: list[Said], keys: Path, rules: Rules | None, above: Steps, known: Arranged
) -> Iterator[Said]:
    """What they, who speak of the path `above`, say one step further down."""
    lists = [one for one in said if one.shows and isinstance(one.value, list)]
    if len(lists) < 2:
        lists = []
    for one in said[: len(said) - len(lists)]:
        for key in keys:
            value = find(one.value, (key,))
            if value is not MISSING:
                yield replace(one, path=(*one.path, key), value=value)
    step = keys[0]
    if lists and str(step).isdecimal():
        assert rules is not None
        assert rules.here is not None
        if above not in known:
            known[above] = arranged([one.value for one in lists], rules.here)
        items = known[above]
        for number, at in items[int(step)] if int(step) < len(items) else ():
            one = lists[number]
            yield replace(one, path=(*one.path, at), value=one.value[at])
