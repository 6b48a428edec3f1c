"""How much of a tree variables' names make, told before their paths are found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dynconf._values.limits import Limits
from dynconf._values.snapshot import Names
from dynconf._values.tree import Path
from dynconf.parsers._faults import exceeded, quoted


def bounded(names: Names, limits: Limits, locate: Callable[[Path], tuple[int, int] | None]) -> Names:
    """The same names, within the limits; of an environment without a prefix only those that are.

    Args:
        names: from any source.
        limits: what is refused as too large.
        locate: gives line and column of a name's value, if there are lines.

    Raises:
        LimitExceeded: over one of the limits.
    """
    start = len(names.prefix)
    steps = {name: name.count(names.delimiter, start) + 1 for name in names.values}
    deep = next((name for name, count in steps.items() if count > limits.depth), None)
    if not (names.ours or names.prefix):
        # The rest of the environment is not ours, and may be as it likes.
        values = {name: text for name, text in names.values.items() if steps[name] <= limits.depth}
        return replace(names, values=values, limits=limits)
    if deep is not None:
        raise exceeded("depth", limits, locate((deep,)), f"the name {quoted(deep)}")
    most = min(limits.keys, limits.nodes - 1)
    if sum(steps.values()) > most and not _fits(names, most):
        raise exceeded("keys" if most == limits.keys else "nodes", limits)
    return replace(names, limits=limits)


def _fits(names: Names, most: int) -> bool:
    """Whether the names make no more keys than that; what several have in common counts once."""
    tree: dict[str, Any] = {}
    left = most
    for name in names.values:
        node = tree
        for step in map(str.casefold, filter(None, name[len(names.prefix) :].split(names.delimiter))):
            if step not in node:
                left -= 1
                if left < 0:
                    return False
                node[step] = {}
            node = node[step]
    return True
