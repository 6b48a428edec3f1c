"""Rules that several flags share: flagd's `$evaluators`, and putting them where `{"$ref": "name"}` stands."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

from dynconf._values.tree import Path
from dynconf.flags.definition import Wrong

__all__ = ["AT", "SharedRules", "is_reference"]

AT: Final = "$evaluators"
"""The key that they stand below."""

_MOST_PARTS: Final = 10_000
"""Parts that a rule may have with the shared ones put in: they may stand in each other, many times."""

_MOST_LEVELS: Final = 128
"""Levels that it may be deep then: whoever evaluates it goes down all of them."""

_Sized: TypeAlias = tuple[Any, int, int]


def is_reference(part: Any) -> bool:
    """Whether a part of a rule, also of a value in one, stands for a shared rule, known or not."""
    return isinstance(part, dict) and len(part) == 1 and "$ref" in part


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
            Wrong: it becomes too large, or is no operator then.
        """
        if not self._sized:
            return rule
        whole, parts, levels = self._with(rule)
        if parts > _MOST_PARTS:
            raise Wrong(at, f"with its shared rules it has more than {_MOST_PARTS} parts")
        if levels > _MOST_LEVELS:
            raise Wrong(at, f"with its shared rules it is more than {_MOST_LEVELS} levels deep")
        if whole is not None and not isinstance(whole, dict):
            raise Wrong(at, "expected an operator, but the shared rule is none")
        return whole

    def _with(self, part: Any) -> _Sized:
        """A part with the shared rules put in, how many parts it then has, and how many levels."""
        if is_reference(part):
            return self._sized[part["$ref"]]
        if not isinstance(part, (dict, list)):
            return part, 1, 1
        inside = [self._with(item) for item in (part.values() if isinstance(part, dict) else part)]
        items = [item for item, _, _ in inside]
        whole = dict(zip(part, items, strict=True)) if isinstance(part, dict) else items
        return (
            whole,
            1 + sum(size for _, size, _ in inside),
            1 + max((levels for _, _, levels in inside), default=0),
        )


def _names(part: Any) -> Iterator[str]:
    """The shared rules that a part refers to."""
    if is_reference(part):
        yield part["$ref"]
    elif isinstance(part, (dict, list)):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _names(item)
