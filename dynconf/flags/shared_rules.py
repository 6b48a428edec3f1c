"""Rules that several flags share: flagd's `$evaluators`, and putting them where `{"$ref": "name"}` stands."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

from dynconf._values.tree import Path
from dynconf.flags.definition import Wrong

__all__ = ["AT", "SharedRules"]

AT: Final = "$evaluators"
"""The key that they stand below."""

_MOST_PARTS: Final = 10_000
"""Parts that a rule may have with the shared ones put in: they may stand in each other, many times."""

_Sized: TypeAlias = tuple[Any, int]


def _reference(part: Any) -> Any:
    """The name that stands for a shared rule; `None` for any other part of a rule."""
    return part["$ref"] if isinstance(part, dict) and [*part] == ["$ref"] else None


class SharedRules:
    """Shared rules, by name, of which each reference is known to lead somewhere.

    Raises:
        Wrong: they stand in each other in a circle.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._sized: dict[str, _Sized] = {}
        try:
            order = tuple(TopologicalSorter({name: _names(rules[name]) for name in rules}).static_order())
        except CycleError as error:
            first, *others = error.args[1]
            raise Wrong((AT, first), f"it is a part of itself, by way of {', '.join(others)}") from None
        for name in order:
            self._sized[name] = self._with(rules[name])

    def put_into(self, rule: Any, at: Path) -> Any:
        """A rule with the shared ones put in.

        Args:
            rule: the rule.
            at: where it stands.

        Raises:
            Wrong: it becomes too large.
        """
        if not self._sized:
            return rule
        whole, parts = self._with(rule)
        if parts > _MOST_PARTS:
            raise Wrong(at, f"with its shared rules it has more than {_MOST_PARTS} parts")
        return whole

    def _with(self, part: Any) -> _Sized:
        """A part with the shared rules put in, and how many parts it then has."""
        if (name := _reference(part)) is not None:
            return self._sized[name]
        if isinstance(part, list):
            items = [self._with(item) for item in part]
            return [item for item, _ in items], 1 + sum(size for _, size in items)
        if isinstance(part, dict):
            pairs = {key: self._with(item) for key, item in part.items()}
            whole = {key: item for key, (item, _) in pairs.items()}
            return whole, 1 + sum(size for _, size in pairs.values())
        return part, 1


def _names(part: Any) -> Iterator[str]:
    """The shared rules that a part refers to."""
    if (name := _reference(part)) is not None:
        yield name
    elif isinstance(part, (dict, list)):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _names(item)
