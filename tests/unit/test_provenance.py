"""Who says what of a path: of trees at random, and as faults and `explain` tell it of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from dynconf import Binding, Config, File, Merge, Settings
from dynconf._store import draft
from dynconf._store.state import Spec
from dynconf._store.store import Store
from dynconf._values import provenance
from dynconf._values.merge import Rules, arranged, merged, rules_of
from dynconf._values.provenance import Arranged, place_of, said_of
from dynconf._values.tree import MISSING, find, same
from dynconf.errors import ChangeRefused, StartFailed
from tests.unit.tree_props import ITEMS, LISTS, MERGES, POLICIES, SCALARS, TREES, document, ordered

STACKS = st.lists(TREES, min_size=1, max_size=4)
NAMED = st.lists(ITEMS, max_size=3)
LISTED = st.lists(st.fixed_dictionaries({"a": SCALARS | LISTS | NAMED}), min_size=1, max_size=4)


def everywhere(value: Any, rules: Rules | None) -> Iterator[tuple[tuple[str, ...], Any, Rules | None]]:
    """Every path of a tree, with what stands there and the policies that hold there."""
    yield (), value, rules
    in_list = isinstance(value, list)
    items = enumerate(value) if in_list else value.items() if isinstance(value, dict) else ()
    for step, item in items:
        inner = rules.child("*" if in_list else str(step)) if rules else None
        for path, below, held in everywhere(item, inner):
            yield (str(step), *path), below, held


def check(stack: list[Any], rules: Rules | None) -> None:
    """Whatever shows at a path is what has to be merged to have what stands there, and is where it says."""
    for path, value, here in everywhere(merged(stack, rules), rules):
        said = said_of(stack, path, rules)
        assert same(merged([one.value for one in said if one.shows], here), value)
        for one in said:
            assert find(stack[one.number], one.path) is one.value
        numbers = [one.number for one in said]
        assert numbers == sorted(numbers)


@given(STACKS, POLICIES)
@settings(max_examples=300)
def test_what_shows_makes_what_is_merged(stack: list[Any], policies: dict[Any, Merge]) -> None:
    """Under every policy, at every path of the merged tree."""
    check(stack, rules_of(ordered(policies)))


@given(LISTED, MERGES)
@settings(max_examples=300)
def test_every_item_of_a_merged_list(stack: list[Any], merge: Merge) -> None:
    """Every item of every list that is merged is found in the layers that it is from."""
    check(stack, rules_of([(("a",), merge, "test")]))


@pytest.mark.parametrize("path", [("a", "9"), ("a", "x"), ("b",), ("a", "0", "x")])
def test_of_nothing_nobody_speaks(path: tuple[str, ...]) -> None:
    """Of an item that a merged list has not, and of a key that no mapping has, nobody says anything."""
    assert said_of([{"a": [{}]}, {"a": [{}]}], path, rules_of([(("a",), Merge("append"), "test")])) == []
    assert find({"a": [{}, {}]}, path) is MISSING


def test_a_list_is_arranged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its items are asked for one after another, inner lists included."""
    asked: list[int] = []

    def counting(lists: Any, how: Merge) -> Any:
        asked.append(len(lists))
        return arranged(lists, how)

    monkeypatch.setattr(provenance, "arranged", counting)
    layer = {"a": [{"name": number, "b": [number]} for number in range(5)]}
    by, append = (("a",), Merge(by="name"), "test"), (("a", "*", "b"), Merge("append"), "test")
    rules, known = rules_of([by, append]), Arranged()
    for index in ("3", 3, 4):
        for item in (0, 1):
            said = said_of([layer, layer], ("a", index, "b", item), rules, known)
            assert [one.number for one in said] == [item]
    assert len(asked) == 1 + 2


class Plugin(BaseModel):
    name: str
    port: int


class App(Settings):
    named: Annotated[list[Plugin], Merge(by="name")] = Field(default=[])
    prepended: Annotated[list[Plugin], Merge("prepend")] = Field(default=[])
    appended: Annotated[list[Plugin], Merge("append")] = Field(default=[])
    unique: Annotated[list[Plugin], Merge("unique")] = Field(default=[])


def items(*ports: object) -> list[str]:
    """Items of a list on lines of their own, named in order from the end: b, a for two."""
    return [
        f"  - {{name: {name}, port: {port}}}" for name, port in zip("cba"[-len(ports) :], ports, strict=True)
    ]


class House:
    """A file with two items of a list below a file with one."""

    def __init__(self, folder: Path, field: str, low: list[str], high: list[str]) -> None:
        self.low, self.high = folder / "low.yaml", folder / "high.yaml"
        self.save(self.low, field, low)
        self.save(self.high, field, high)
        self.config = Config(File(self.low), File(self.high))
        self.app: Binding[App] = self.config.bind(App)

    def save(self, file: Path, field: str, lines: list[str]) -> None:
        """Write a list, one item to a line, from line 2 on."""
        file.write_text("\n".join([f"{field}:", *lines]))


@pytest.mark.parametrize(
    ("field", "low", "high", "path", "place"),
    [
        ("named", items(2, 1), items("oops"), "named.1.port", "high.yaml:2:21"),
        ("named", items("oops", 1), ["  - {name: b}"], "named.0.port", "low.yaml:2:21"),
        ("named", items(2, 1), items(1, 1, "oops"), "named.1.port", "high.yaml:4:21"),
        ("named", items(2, 1), ["  - {name: x}"], "named.2.port", "high.yaml:2"),
        ("prepended", items(1, "oops"), items(1), "prepended.2.port", "low.yaml:3:21"),
        ("prepended", items(2, 1), items(1, "oops"), "prepended.1.port", "high.yaml:3:21"),
        ("appended", items(2, 1), items("oops"), "appended.2.port", "high.yaml:2:21"),
        ("appended", items(2, 1), ["  - {name: x}"], "appended.2.port", "high.yaml:2"),
        ("unique", items(2, 1), items(1, "oops")[::-1], "unique.2.port", "high.yaml:2:21"),
    ],
)
def test_a_fault_is_where_it_is_written(
    tmp_path: Path, field: str, low: list[str], high: list[str], path: str, place: str
) -> None:
    """An item of a merged list that is not valid is blamed on its own file and line."""
    with pytest.raises(StartFailed) as raised:
        House(tmp_path, field, low, high).config.load()
    [text] = str(raised.value).splitlines()[1:]
    assert f" {path}: " in text
    assert f"/{place}" in text


def test_a_refused_edit_is_blamed_itself(tmp_path: Path) -> None:
    """While it runs, too, the file that was edited is named, not one that serves."""
    house = House(tmp_path, "named", items(2, 1), items(3))
    with house.config:
        house.save(house.high, "named", items("oops"))
        with pytest.raises(ChangeRefused, match=r"named\.1\.port: .* at \S*/high\.yaml:2:21"):
            house.config.reload()


def test_only_what_is_refused_in_the_end_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that stays refused is tried with others each time, but told of once, in one go."""
    told: list[int] = []

    def counting(*args: Any) -> Any:
        told.append(1)
        return place_of(*args)

    monkeypatch.setattr(draft, "place_of", counting)
    house = Store({"named": Merge(by="name")})
    house.commit(house.plan_bind(Spec(App)))
    good, bad = ({"named": [{"name": "a", "port": port}]} for port in (1, "oops"))
    house.commit(house.plan([document(1, good)]))
    plan = house.plan([document(1, bad), *(document(number, {"flag": number}) for number in range(2, 8))])
    assert (len(plan.accepted), len(plan.refused), len(told)) == (6, 1, 1)


@pytest.mark.parametrize(
    ("field", "path", "answers"),
    [
        ("named", "named.1.port", [("high.yaml", 2, 3, True), ("low.yaml", 3, 1, False)]),
        ("named", "named.0.port", [("low.yaml", 2, 2, True)]),
        ("prepended", "prepended.0.port", [("high.yaml", 2, 3, True)]),
        ("prepended", "prepended.2.port", [("low.yaml", 3, 1, True)]),
        ("appended", "appended.2.port", [("high.yaml", 2, 3, True)]),
        ("unique", "unique.1.port", [("low.yaml", 3, 1, True)]),
    ],
)
def test_explain_finds_the_item(
    tmp_path: Path, field: str, path: str, answers: list[tuple[str, int, int, bool]]
) -> None:
    """`explain` tells who says what of an item of a merged list, and where."""
    house = House(tmp_path, field, items(2, 1), items(3))
    house.config.load()
    for explain in (house.config.explain, house.app.explain):
        explained = explain(path)
        assert explained.value == next(value for _, _, value, used in answers if used)
        assert [
            (Path(answer.origin.document).name, answer.origin.line, answer.value, answer.used)
            for answer in explained.answers
        ] == answers


def test_explain_below_an_override(tmp_path: Path) -> None:
    """A list that an override replaces is not put together with those of files."""
    house = House(tmp_path, "named", items(2, 1), items(3))
    house.config.load()
    with house.app.override(named=[{"name": "a", "port": 4}, {"name": "b", "port": 5}]):
        explained = house.app.explain("named.1.port")
    assert [(answer.value, answer.used) for answer in explained.answers] == [
        (5, True),
        (3, False),
        (1, False),
    ]
