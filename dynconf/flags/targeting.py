"""What is wrong with a targeting rule, found before anybody is evaluated by it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from openfeature.contrib.tools.flagd.core.targeting.custom_ops import MAX_WEIGHT_SUM, normalize_version
from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS

from dynconf._values.tree import Path
from dynconf.flags.definition import Wrong, listed, variant_named
from dynconf.flags.shared_rules import is_reference

__all__ = ["faults", "with_results"]

_BUILT_IN: Final = {"if", "?:", "and", "or", "filter", "reduce", "map", "all", "some", "none"}
_KNOWN: Final = frozenset(OPERATORS) | _BUILT_IN
_COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=", "^", "~")
_YES_OR_NO: Final = frozenset(
    {"==", "===", "!=", "!==", "<", ">", "<=", ">=", "!", "!!", "in", "all", "some", "none"}
) | {"starts_with", "ends_with", "sem_ver"}
"""Operators that give true or false, or null where they cannot tell."""


def faults(
    part: Any, at: Path, shared: Collection[str], none: str, *, value: bool = False
) -> Iterator[Wrong]:
    """What is wrong with a rule, or a part of one, whichever flag it is of.

    Args:
        part: the rule.
        at: where it stands.
        shared: the names of the rules that it may refer to.
        none: what is told of it if there are none.
        value: whether it is part of a value: references are looked for there as well, but no operators.
    """
    if is_reference(part):
        name = part["$ref"]
        if not isinstance(name, str) or name not in shared:
            known = f"there are {listed(shared)}" if shared else none
            yield Wrong((*at, "$ref"), f"expected the name of a shared rule, of $evaluators; {known}")
        return
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from faults(item, (*at, index), shared, none, value=value)
    if not isinstance(part, dict):
        return
    if len(part) != 1 or value:  # anything else than one operator is a value
        for key, item in part.items():
            yield from faults(item, (*at, key), shared, none, value=True)
        return
    operator, given = next(iter(part.items()))
    here = (*at, operator)
    if operator not in _KNOWN:
        near = get_close_matches(operator, _KNOWN, n=1)
        yield Wrong(here, f"no such operator{f'; did you mean {near[0]}?' if near else ''}")
    elif operator in _CHECKS:
        yield from _CHECKS[operator](given if isinstance(given, list) else [given], here)
    yield from faults(given, here, shared, none)


def with_results(
    part: Any, at: Path, variants: Collection[str], wrong: list[Wrong], when: bool | None = None
) -> Any:
    """A rule whose results are named as the variants are; what names none of them is added to `wrong`.

    Args:
        part: the rule, or a part of it whose value may be the whole's, with shared rules put in.
        at: where it stands.
        variants: the names of the flag's variants.
        wrong: takes what is wrong.
        when: that its value is the whole's only if it counts as this, as JsonLogic counts what is no
            boolean; by default it always is.
    """
    if not isinstance(part, (dict, list)):
        return _named(part, at, variants, wrong, when)
    if isinstance(part, list) or len(part) != 1:
        if when in {None, part != []}:
            wrong.append(Wrong(at, "expected an operator, or the name of a variant"))
        return part
    operator, given = next(iter(part.items()))
    here = (*at, operator)
    if operator == "fractional" and isinstance(given, list):
        first = int(bool(given) and not isinstance(given[0], list))
        return {
            operator: given[:first]
            + [
                [with_results(name, (*here, first + index, 0), variants, wrong, when), *weight]
                for index, (name, *weight) in enumerate(given[first:])
            ]
        }
    if operator in _YES_OR_NO:
        answers = ["true", "false"] if when is None else ["true" if when else "false"]
        if not {*answers} & {*variants}:
            text = f"gives {' or '.join(answers)}, which none of the variants {listed(variants)} is called"
            wrong.append(Wrong(at, text))
        return part
    operands = given if isinstance(given, list) else [given]
    results = dict(_results(operator, len(operands), when))
    if not results:
        return part
    return {
        operator: [
            with_results(
                item, (*here, index) if isinstance(given, list) else here, variants, wrong, results[index]
            )
            if index in results
            else item
            for index, item in enumerate(operands)
        ]
    }


def _results(operator: str, count: int, when: bool | None) -> Iterator[tuple[int, bool | None]]:
    """The operands whose value may be what an operator gives, and what each has to count as for that."""
    last = count - 1
    for index in range(count):
        if operator in {"if", "?:"}:
            if index % 2 or index == last:
                yield index, when
        elif operator in {"and", "or"}:
            ends = operator == "or"  # the first that counts as this is what it gives
            if index == last:
                yield index, when
            elif when in {None, ends}:
                yield index, ends
        elif operator == "var" and index == 1:  # what it gives where there is no such attribute
            yield index, when


def _named(part: Any, at: Path, variants: Collection[str], wrong: list[Wrong], when: bool | None) -> Any:
    """What is no operator, as the variant that it names is called, if it may be what the rule gives."""
    if part is None or when not in {None, bool(part)}:
        return part
    if when is False:  # any other name of it would count as true
        name, found = part, str(part).lower() in variants
    else:
        name = variant_named(part, variants)
        found = name is not None
    if not found:
        wrong.append(Wrong(at, f"expected one of the variants {listed(variants)}"))
    return name


def _fractional(given: list[Any], at: Path) -> Iterator[Wrong]:
    first = int(bool(given) and not isinstance(given[0], list))
    if not given[first:]:
        yield Wrong(at, "expected at least one variant with its weight, as in ['on', 25]")
    total, known = 0, True
    for index, bucket in enumerate(given[first:], first):
        if not isinstance(bucket, list) or not 1 <= len(bucket) <= 2:
            yield Wrong((*at, index), "expected a variant and its weight, as in ['on', 25]")
            return
        weight = bucket[1] if len(bucket) == 2 else 1
        if isinstance(weight, dict):
            known = False
        elif isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            yield Wrong((*at, index, 1), "expected a weight: a whole number, 0 or more")
            return
        else:
            total += weight
    if total > MAX_WEIGHT_SUM or (known and not total):
        yield Wrong(at, f"expected weights that add up to something, at most {MAX_WEIGHT_SUM}")


def _sem_ver(given: list[Any], at: Path) -> Iterator[Wrong]:
    if len(given) != 3:
        yield Wrong(at, "expected a version, a comparison and a version")
        return
    if not isinstance(given[1], dict) and given[1] not in _COMPARISONS:
        yield Wrong((*at, 1), f"expected one of {' '.join(_COMPARISONS)}")
    for index in (0, 2):
        if not isinstance(given[index], dict):
            try:
                normalize_version(given[index])
            except ValueError:
                yield Wrong((*at, index), "expected a semantic version, as in '1.2.3'")


def _two_texts(given: list[Any], at: Path) -> Iterator[Wrong]:
    if len(given) != 2:
        yield Wrong(at, "expected two texts")
        return
    for index, item in enumerate(given):
        if not isinstance(item, (str, dict)):
            yield Wrong((*at, index), "expected a text")


_CHECKS: Final[Mapping[str, Callable[[list[Any], Path], Iterator[Wrong]]]] = {
    "fractional": _fractional,
    "sem_ver": _sem_ver,
    "starts_with": _two_texts,
    "ends_with": _two_texts,
}
