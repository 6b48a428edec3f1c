"""What is wrong with a targeting rule, found before anybody is evaluated by it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from openfeature.contrib.tools.flagd.core.targeting.custom_ops import MAX_WEIGHT_SUM, normalize_version
from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS

from dynconf._values.tree import Path
from dynconf.flags.definition import Wrong, listed, variant_named

__all__ = ["faults", "with_results"]

_BUILT_IN: Final = {"if", "?:", "and", "or", "filter", "reduce", "map", "all", "some", "none"}
_KNOWN: Final = frozenset(OPERATORS) | _BUILT_IN
_COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=", "^", "~")
_YES_OR_NO: Final = frozenset(
    {"==", "===", "!=", "!==", "<", ">", "<=", ">=", "!", "!!", "in", "all", "some", "none"}
) | {"starts_with", "ends_with", "sem_ver"}
"""Operators that give true or false, or null where they cannot tell."""


def faults(part: Any, at: Path, shared: Collection[str], none: str) -> Iterator[Wrong]:
    """What is wrong with a rule, or a part of one, whichever flag it is of.

    Args:
        part: the rule.
        at: where it stands.
        shared: the names of the rules that it may refer to.
        none: what is told of it if there are none.
    """
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from faults(item, (*at, index), shared, none)
    # Anything else than one operator is a value.
    if not isinstance(part, dict) or len(part) != 1:
        return
    operator, given = next(iter(part.items()))
    here = (*at, operator)
    if operator == "$ref":
        if given not in shared:
            known = f"there are {listed(shared)}" if shared else none
            yield Wrong(here, f"expected the name of a shared rule, of $evaluators; {known}")
        return
    if operator not in _KNOWN:
        near = get_close_matches(operator, _KNOWN, n=1)
        yield Wrong(here, f"no such operator{f'; did you mean {near[0]}?' if near else ''}")
    elif operator in _CHECKS:
        yield from _CHECKS[operator](given if isinstance(given, list) else [given], here)
    yield from faults(given, here, shared, none)


def with_results(part: Any, at: Path, variants: Collection[str], wrong: list[Wrong]) -> Any:
    """A rule whose results are named as the variants are; what names none of them is added to `wrong`.

    Args:
        part: the rule, or a part of it whose value is the whole's, with shared rules put in.
        at: where it stands.
        variants: the names of the flag's variants.
        wrong: takes what is wrong.
    """
    if isinstance(part, list) or (isinstance(part, dict) and len(part) != 1):
        wrong.append(Wrong(at, "expected an operator, or the name of a variant"))
        return part
    if not isinstance(part, dict):
        name = variant_named(part, variants)
        if part is not None and name is None:
            wrong.append(Wrong(at, f"expected one of the variants {listed(variants)}"))
        return name
    operator, given = next(iter(part.items()))
    here = (*at, operator)
    if operator in {"if", "?:"} and isinstance(given, list):
        last = len(given) - 1
        return {
            operator: [
                with_results(item, (*here, index), variants, wrong) if index % 2 or index == last else item
                for index, item in enumerate(given)
            ]
        }
    if operator == "fractional" and isinstance(given, list):
        first = int(bool(given) and not isinstance(given[0], list))
        return {
            operator: given[:first]
            + [
                [with_results(name, (*here, first + index, 0), variants, wrong), *weight]
                for index, (name, *weight) in enumerate(given[first:])
            ]
        }
    if operator in _YES_OR_NO and not {"true", "false"} & {*variants}:
        text = f"gives true or false, which none of the variants {listed(variants)} is called"
        wrong.append(Wrong(at, text))
    return part


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
