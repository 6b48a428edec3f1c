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


Arranged: TypeAlias = dict[Path, list[list[tuple[int, int]]]]
"""How the lists at some paths were put together, to be asked of the same values again."""


def said_of(
    values: Sequence[Any], path: Path, rules: Rules | None = None, known: Arranged | None = None
) -> list[Said]:
    """What values, lowest first, say of a path of what they merge to; those that say nothing left out.

    Whoever asks of many paths gives the same `known` each time, and each list is arranged only once.
    """
    known = {} if known is None else known
    said = _shown([Said(number, (), value, shows=True) for number, value in enumerate(values)], rules)
    for depth, step in enumerate(path):
        in_list = said and isinstance(said[-1].value, list)
        above = tuple(map(str, path[:depth]))
        said = [*_below(said, step, rules, above, known)]
        rules = rules.child("*" if in_list else str(step)) if rules else None
        said = _shown(said, rules)
    return said


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
    return [replace(one, shows=number >= start) for number, one in enumerate(said)]


def _below(
    said: list[Said], step: str | int, rules: Rules | None, above: Path, known: Arranged
) -> Iterator[Said]:
    """What they, who speak of the path `above`, say one step further down."""
    lists = [one for one in said if one.shows and isinstance(one.value, list)]
    if len(lists) < 2:
        lists = []
    for one in said[: len(said) - len(lists)]:
        value = find(one.value, (step,))
        if value is not MISSING:
            yield replace(one, path=(*one.path, step), value=value)
    if lists and str(step).isdecimal():
        assert rules is not None
        assert rules.here is not None
        if above not in known:
            known[above] = arranged([one.value for one in lists], rules.here)
        items = known[above]
        for number, at in items[int(step)] if int(step) < len(items) else ():
            one = lists[number]
            yield replace(one, path=(*one.path, at), value=one.value[at])
