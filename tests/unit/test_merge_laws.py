"""What holds of merging and of differences, whatever the trees."""

import copy
from itertools import product
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from dynconf._models.schema import merges_of
from dynconf._store.state import Spec
from dynconf._store.store import Store
from dynconf._values import merge
from dynconf._values.merge import Merge, Rules, merged, rules_of
from dynconf._values.tree import combined, delta_of, delta_paths, diff, find, keep_shared, nested, same
from dynconf.errors import UsageError
from tests.unit.tree_props import (
    KEYS,
    LISTS,
    MERGES,
    POLICIES,
    SCALARS,
    TREES,
    Path,
    document,
    folded,
    laid_over,
    ordered,
    patched,
    shares,
    texts,
)

STACKS = st.lists(TREES, min_size=1, max_size=5)


@given(STACKS, POLICIES)
@settings(max_examples=300)
def test_merging_is_folding(stack: list[Any], policies: dict[Path, Merge]) -> None:
    """Under every policy, merging all layers at once is laying one over the other; nothing is altered."""
    before = copy.deepcopy(stack)
    result = merged(stack, rules_of(ordered(policies)))
    assert same(result, folded(stack, policies))
    assert same(stack, before)


@given(st.lists(SCALARS | LISTS, min_size=1, max_size=4), MERGES)
@settings(max_examples=300)
def test_every_policy_for_lists(values: list[Any], how: Merge) -> None:
    """Every policy does to lists, with scalars among them, what it does when they come one by one."""
    stack = [{"a": value} for value in values]
    assert same(merged(stack, rules_of([(("a",), how, "test")])), folded(stack, {("a",): how}))


def test_a_star_holds_for_keys_with_policies_of_their_own() -> None:
    """What is said of any key and what is said of one are both heard, at every depth."""
    append = Merge("append")
    paths: list[Path] = [("*", "a"), ("x", "b"), ("x", "*", "c"), ("*", "y", "d"), ("x", "y", "e")]
    rules = rules_of([(path, append, "test") for path in paths])
    low, high = ({"a": [n], "b": [n], "y": {key: [n] for key in "cde"}, "z": {"c": [n]}} for n in (1, 2))
    both = [1, 2]
    result = merged([{"x": low, "other": low}, {"x": high, "other": high}], rules)
    assert result["x"] == {"a": both, "b": both, "y": dict.fromkeys("cde", both), "z": {"c": both}}
    assert result["other"] == {"a": both, "b": [2], "y": {"c": [2], "d": both, "e": [2]}, "z": {"c": [2]}}


@pytest.mark.parametrize("path", [("x", "a"), ("x", "*")])
def test_a_star_is_contradicted(path: Path) -> None:
    """Two policies that may be of one place must agree, a star in them or not."""
    low, high = (("*", "a"), Merge("append"), "one"), (path, Merge("prepend"), "two")
    for policies in ([low, high], [high, low]):
        with pytest.raises(UsageError, match=r"'x\.a' is merged as .* by (one|two) and as .* by (one|two)"):
            rules_of(policies)
    assert rules_of([low, (("x", "b"), Merge("prepend"), "two")])


def test_a_deep_key_is_an_exception_from_a_star() -> None:
    """What is said of any key does not hold for one that is deep, nor below it; its own word does."""
    whole, deep = Merge("replace"), Merge("deep")
    policies: list[tuple[Path, Merge, str]] = [
        (("*",), whole, "one"),
        (("x",), deep, "one"),
        (("x", "y"), whole, "one"),
    ]
    low, high = ({key: {"a": {str(n): n}, "y": {str(n): n}} for key in ("x", "other")} for n in (1, 2))
    result = merged([low, high], rules_of(policies))
    assert result == {"x": {"a": {"1": 1, "2": 2}, "y": {"2": 2}}, "other": high["other"]}
    assert merged([{"x": [1]}, {"x": [2]}], rules_of(policies)) == {"x": [2]}


def test_policy_of_keys_that_are_no_fields() -> None:
    """A class that takes any key may say how they merge; one that does not take them says nothing of them."""

    class Whole(BaseModel, extra="allow"):
        __pydantic_extra__: dict[str, Annotated[Any, Merge("replace")]]

    class Deaf(Whole, extra="ignore"):
        pass

    class Open(BaseModel, extra="allow"):
        later: "Unknown"  # type: ignore[name-defined]  # noqa: F821

    assert [(path, str(how)) for path, how, _ in merges_of(Whole, ("a",))] == [(("a", "*"), "replace")]
    assert [*merges_of(Deaf, ()), *merges_of(Open, ())] == []


def test_policy_of_all_keys_is_taken_while_layers_are_there() -> None:
    """A class bound late may say how everything merges."""

    class Open(BaseModel, extra="allow"):
        __pydantic_extra__: dict[str, Annotated[list[int], Merge("append")]]

    store = Store()
    assert store.commit(store.plan([document(number, {"x": [number]}) for number in (1, 2)]))
    assert store.commit(store.plan_bind(Spec(Open)))
    assert store.state.tree == {"x": [1, 2]}
    assert store.state.models == (Open.model_validate({"x": [1, 2]}),)


@pytest.mark.parametrize("how", [Merge("unique"), Merge(by="name")])
def test_many_items_are_told_apart_quickly(how: Merge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items are looked up, not compared each with each."""
    compared: list[int] = []

    def counting(a: Any, b: Any) -> bool:
        compared.append(1)
        return same(a, b)

    monkeypatch.setattr(merge, "same", counting)
    lists = [[{"name": number, "a": [number]} for number in range(100)]] * 2
    assert len(merge.arranged(lists, how)) == 100
    assert not compared


def test_items_that_cannot_be_looked_up() -> None:
    """Sets, which code may put into a tree, are told apart as well, and from what equals them."""
    assert merged([[{1}, {2}], [{1}, frozenset({1})]], Rules(Merge("unique"))) == [{1}, {2}, frozenset({1})]


@given(TREES)
def test_identity(tree: Any) -> None:
    """An empty document above or below alters nothing."""
    assert same(merged([{}, tree]), tree)
    assert same(merged([tree, {}]), tree)
    assert merged([tree]) is tree


@given(TREES)
def test_idempotence(tree: Any) -> None:
    """A document over itself is itself."""
    assert same(merged([tree, tree]), tree)


@given(TREES, TREES, TREES)
def test_associativity(a: Any, b: Any, c: Any) -> None:
    """It does not matter which neighbours are merged first, as long as nothing hides a mapping."""
    a, b, c = (_levelled(tree) for tree in (a, b, c))
    assert same(merged([merged([a, b]), c]), merged([a, merged([b, c])]))


def _levelled(tree: Any, depth: int = 0) -> Any:
    """The same tree in a shape that all agree on: mappings down to the second step, then scalars."""
    if depth == 2:
        return repr(tree)
    items = tree.items() if isinstance(tree, dict) else [("c", tree)]
    return {key: _levelled(item, depth + 1) for key, item in items}


@given(STACKS, KEYS, SCALARS | LISTS)
def test_last_wins(stack: list[Any], key: str, value: Any) -> None:
    """What the highest layer says of a scalar or a list is what holds."""
    stack[-1] = {**stack[-1], key: value}
    assert merged(stack)[key] is value


@given(STACKS, st.lists(LISTS, min_size=2, max_size=4))
def test_append_and_prepend(stack: list[Any], lists: list[list[Any]]) -> None:
    """Appending gives the items lowest first, prepending highest first, and none is lost."""
    trees = [{**tree, "a": items} for tree, items in zip(stack, lists, strict=False)]
    lists = [tree["a"] for tree in trees]
    appended = merged(trees, rules_of([(("a",), Merge("append"), "test")]))
    assert appended["a"] == [item for one in lists for item in one]
    prepended = merged(trees, rules_of([(("a",), Merge("prepend"), "test")]))
    assert prepended["a"] == [item for one in reversed(lists) for item in one]


@given(TREES, TREES)
def test_deletion(low: Any, high: Any) -> None:
    """A key that goes out of a document lets show what is below it, and nothing else changes."""
    for key in high:
        without = {name: item for name, item in high.items() if name != key}
        result = merged([low, without])
        assert (key in result) == (key in low)
        assert same(result.get(key), low.get(key))
        for other in without:
            assert same(result[other], merged([low, high])[other])


@given(TREES, TREES)
def test_difference_gives_the_new_tree(old: Any, new: Any) -> None:
    """Taking over what a difference names, and nothing else, makes one tree of the other."""
    delta = diff(old, new)
    assert same(patched(old, delta, new), new)
    assert bool(delta) == (not same(old, new))
    for path in delta_paths(delta):
        assert not same(find(old, path), find(new, path))


@given(TREES, TREES, TREES)
def test_difference_within(old: Any, new: Any, other: Any) -> None:
    """Looking only within a difference that is known to cover it finds the whole difference."""
    cover = combined(diff(old, new), diff(old, other))
    assert diff(old, new, cover) == diff(old, new)


@given(st.lists(st.lists(KEYS, min_size=1, max_size=3).map(tuple), max_size=6))
def test_differences_add_up(paths: list[Path]) -> None:
    """A difference made of paths covers each of them, and names no other."""
    named = set(delta_paths(delta_of(paths)))
    for path in paths:
        assert any(path[: len(one)] == one for one in named)
    assert named <= set(paths)


@given(TREES, TREES)
def test_what_is_equal_is_kept(old: Any, new: Any) -> None:
    """A tree keeps its value when the old one's equal parts are put back into it."""
    kept = keep_shared(old, new)
    assert same(kept, new)
    assert shares(old, kept)


@given(TREES, st.lists(KEYS, max_size=3).map(tuple))
def test_mounting(tree: Any, path: Path) -> None:
    """What is mounted at a path is found there."""
    assert find(nested(path, tree), path) is tree


LAYERS = 24
"""More than the handful up to which layers are looked through one by one."""
EDITED = st.sampled_from([3, 11, 20])
# Few, so that one says again what another said or no longer says.
EDITS: list[Any] = [None, {}, {"a": 1}, {"a": {}}, {"a": {"b": 1}}, {"a": {"b": {}}}, {"a": {"b": {"c": 1}}}]
NARROW = st.sampled_from([*EDITS, {"a": {"b": [1, 1]}}, {"a": [1, 2]}])
FILLING = {"a": {"f": 1, "b": {"f": 1}}}


@given(
    st.dictionaries(EDITED, NARROW),
    st.lists(st.tuples(EDITED, NARROW, st.booleans()), max_size=10),
    POLICIES | st.just({}),
)
@settings(max_examples=300)
def test_incremental_is_full(
    first: dict[int, Any], edits: list[tuple[int, Any, bool]], policies: dict[Path, Merge]
) -> None:
    """After any edits, some only planned, the tree is what a full merge gives, and shares what stayed."""
    store = Store(texts(policies))
    trees = dict.fromkeys(range(LAYERS), FILLING) | first
    store.commit(store.plan([document(number, tree) for number, tree in trees.items()]))
    assert store.state.loaded
    for number, tree, commit in edits:
        old = store.state.tree
        plan = store.plan([document(number, tree)])
        if commit:
            assert store.commit(plan)
            trees[number] = tree
        left = [trees[number] for number in sorted(trees) if trees[number] is not None]
        assert same(store.state.tree, folded(left, policies))
        assert shares(old, store.state.tree)


NODES: list[Any] = [{"f": 1}, {"f": 1, "c": 1}, 0]


def test_no_layer_is_forgotten() -> None:
    """A key that one layer of many holds is there again after others hid it and let it go.

    That is tried for every sequence of three edits of two layers, taken or only planned.
    """
    flips = list(product([3, 11], NODES, [True, False]))
    many = dict.fromkeys(range(LAYERS), NODES[0]) | {3: NODES[1]}
    for flipped in product(flips, repeat=3):
        store, said = Store(), dict(many)
        store.commit(store.plan([document(number, {"a": node}) for number, node in said.items()]))
        for number, node, commit in flipped:
            plan = store.plan([document(number, {"a": node})])
            if commit:
                assert store.commit(plan)
                said[number] = node
        full = folded([{"a": said[number]} for number in range(LAYERS)], {})
        assert same(store.state.tree, full), flipped


@pytest.mark.parametrize("shown", [{"x": 2}, {"x": 1}, 0])
def test_what_is_hidden_further_up_stays_hidden(shown: Any) -> None:
    """A layer whose mapping is hidden is not looked at, though what is below that is indexed."""
    said: dict[int, Any] = dict.fromkeys(range(LAYERS), FILLING)
    said |= {3: {"a": {"b": {"c": {"x": 1}}}}, 20: {"a": {"b": {"c": {"y": 1}}}}}
    edits: list[tuple[int, Any]] = [
        (5, {"a": {"b": {"f": 2}}}),
        (11, {"a": 1}),
        (3, {"a": {"b": {"c": shown, "d": 1}}}),
        (11, {}),
        (20, {"a": {"b": {"c": {"y": 2}}}}),
    ]
    store = Store()
    store.commit(store.plan([document(number, tree) for number, tree in said.items()]))
    for number, tree in edits:
        store.commit(store.plan([document(number, tree)]))
        said[number] = tree
        assert same(store.state.tree, folded([said[number] for number in range(LAYERS)], {}))


@given(st.lists(TREES, min_size=LAYERS, max_size=LAYERS), TREES)
def test_cost_goes_with_the_change(first: list[Any], tree: Any) -> None:
    """A key that is edited in one layer of many leaves its neighbours the very same objects."""
    store = Store()
    trees = [{"edited": {"by": number}, "rest": tree} for number, tree in enumerate(first)]
    store.commit(store.plan([document(number, tree) for number, tree in enumerate(trees)]))
    old = store.state.tree
    store.commit(store.plan([document(LAYERS - 1, {**trees[-1], "edited": tree})]))
    assert same(store.state.tree["rest"], old["rest"])
    assert store.state.tree["rest"] is old["rest"]
    assert same(store.state.tree["edited"], laid_over(old["edited"], tree, {}, ()) | _by(tree))


def _by(tree: Any) -> dict[str, Any]:
    """What the layer below the edited one says of it, unless the edit does."""
    return {} if "by" in tree else {"by": LAYERS - 2}
