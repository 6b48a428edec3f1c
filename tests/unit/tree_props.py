"""Trees, layers and policies made at random, and the plainest possible model of merging."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from dynconf._store.state import Candidate
from dynconf._values.merge import Merge
from dynconf._values.snapshot import Layer
from dynconf._values.tree import MISSING, same

Path = tuple[str, ...]

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, "x", ""])
ITEMS = st.fixed_dictionaries({}, optional={"name": st.sampled_from(["n", "m", 1, True]), "a": SCALARS})
LISTS = st.lists(SCALARS | ITEMS, max_size=4)
TREES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(KEYS, SCALARS | LISTS, max_size=3),
    lambda below: st.dictionaries(KEYS, below | SCALARS | LISTS, max_size=3),
    max_leaves=8,
)
MERGES = st.sampled_from(
    [Merge("append"), Merge("prepend"), Merge("unique"), Merge("replace"), Merge(by="name")]
)
STEPS = st.lists(st.sampled_from(["a", "b", "c", "*"]), min_size=1, max_size=2).map(tuple)


def _agreeing(policies: Mapping[Path, Merge]) -> dict[Path, Merge]:
    """Those of the policies that contradict none before them."""
    taken: dict[Path, Merge] = {}
    for path, merge in policies.items():
        if all(other == merge or not _meet(path, known) for known, other in taken.items()):
            taken[path] = merge
    return taken


def _meet(a: Path, b: Path) -> bool:
    """Whether two paths, either with stars, may be of one place."""
    return len(a) == len(b) and all(x == y or "*" in (x, y) for x, y in zip(a, b, strict=True))


POLICIES: st.SearchStrategy[dict[Path, Merge]] = st.dictionaries(STEPS, MERGES, max_size=3).map(_agreeing)


def policy_at(policies: Mapping[Path, Merge], path: Path) -> Merge | None:
    """The policy for a path; a star stands for any step."""
    return next((merge for wanted, merge in policies.items() if _meet(wanted, path)), None)


def folded(values: Sequence[Any], policies: Mapping[Path, Merge]) -> Any:
    """Values, lowest first, laid over each other one by one."""
    result = values[0]
    for value in values[1:]:
        result = laid_over(result, value, policies, ())
    return result


def laid_over(low: Any, high: Any, policies: Mapping[Path, Merge], path: Path) -> Any:
    """One value over another, by the rules in the documentation."""
    merge = policy_at(policies, path)
    if merge and merge.how == "replace":
        return high
    if isinstance(low, dict) and isinstance(high, dict):
        both = dict(low)
        for key, item in high.items():
            both[key] = laid_over(low[key], item, policies, (*path, key)) if key in low else item
        return both
    if merge and isinstance(low, list) and isinstance(high, list):
        return _lists(low, high, merge, policies, path)
    return high


def _lists(
    low: list[Any], high: list[Any], merge: Merge, policies: Mapping[Path, Merge], path: Path
) -> list[Any]:
    if merge.how == "append":
        return [*low, *high]
    if merge.how == "prepend":
        return [*high, *low]
    result: list[Any] = []
    for item in [*low, *high]:
        if merge.how == "unique":
            if not any(same(item, other) for other in result):
                result.append(item)
            continue
        name = _name(item, merge.by)
        twin = next((at for at, one in enumerate(result) if same(_name(one, merge.by), name)), None)
        if name is MISSING or twin is None:
            result.append(item)
        else:
            result[twin] = laid_over(result[twin], item, policies, (*path, "*"))
    return result


def _name(item: Any, by: str | None) -> Any:
    return item.get(by, MISSING) if isinstance(item, dict) else MISSING


def document(number: int, tree: Mapping[str, Any] | None, revision: str = "") -> Candidate:
    """New content for the document with that number, or its going."""
    rank = (float(number), 0, f"d{number}")
    return Candidate(rank, None if tree is None else Layer(f"s{number}", f"d{number}", revision, tree))


def shares(old: Any, new: Any) -> bool:
    """Whether everything in `new` that equals what `old` has there is the very same object."""
    if same(old, new):
        return old is new or not isinstance(new, (dict, list))
    if isinstance(old, dict) and isinstance(new, dict):
        return all(shares(old[key], item) for key, item in new.items() if key in old)
    return True


def patched(old: Any, delta: Any, new: Any) -> Any:
    """`old` with what `delta` names, and only that, taken from `new`."""
    result = dict(old)
    for key, deeper in delta.items():
        if key not in new:
            del result[key]
        else:
            result[key] = new[key] if deeper is True else patched(old[key], deeper, new[key])
    return result


def texts(policies: Mapping[Path, Merge]) -> dict[str, Merge]:
    """Policies as a Config takes them."""
    return {".".join(path): merge for path, merge in policies.items()}


def ordered(policies: Mapping[Path, Merge]) -> Iterable[tuple[Path, Merge, str]]:
    """Policies as the rules are made of them."""
    return [(path, merge, "test") for path, merge in policies.items()]
