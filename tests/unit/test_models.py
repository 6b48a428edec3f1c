"""From tree to model: what is accepted, what a refusal says, what stays the same object."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    RootModel,
    SecretStr,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, SettingsConfigDict

from dynconf import Config, Env, File, Memory, Merge, Settings
from dynconf._models.build import (
    MOST_FAULTS,
    Fault,
    Invalid,
    build,
    unknown_step,
)
from dynconf._models.compare import adopted, changed_fields, equal, field_value
from dynconf._models.keys import joined
from dynconf._values.merge import merged
from dynconf._values.tree import MISSING, Delta, Path, Tree, parse_path
from dynconf.errors import ChangeRefused, StartFailed
from dynconf.settings_source import DynconfSettingsSource


class Redis(BaseModel):
    host: str = "localhost"
    port: int = 6379
    password: SecretStr | None = None


class App(BaseModel):
    redis: Redis = Redis()
    tags: list[str] = []
    limits: dict[str, int] = {}


def faults(cls: type[BaseModel], tree: Any, at: Path = ()) -> list[Fault]:
    """Why a tree does not make the model."""
    with pytest.raises(Invalid) as caught:
        build(cls, tree, at)
    return caught.value.faults


def test_what_is_missing_takes_defaults() -> None:
    """A path that nothing stands at counts as an empty mapping."""
    assert build(App, MISSING, ()) == App()


def test_a_fault_has_path_and_types_but_no_value() -> None:
    """A refusal tells the path in the tree, what was expected, and the type found."""
    found = faults(App, {"redis": {"port": "hunter2"}}, ("app",))
    assert found == [
        Fault(
            ("app", "redis", "port"),
            "expected a valid integer, unable to parse string as an integer",
            "str",
        )
    ]


def test_a_scalar_in_place_of_a_mapping() -> None:
    """A binding's own place must hold a mapping; null is none."""
    assert faults(App, None, ("app",)) == [Fault(("app",), "expected a mapping for App", "null")]


def test_a_root_model_takes_what_is_no_mapping() -> None:
    """What stands at its path is its root; where nothing does it takes its default, or is missing."""

    class Defaulted(RootModel[list[int]]):
        root: list[int] = [1]

    assert build(RootModel[list[int]], [1, 2], ("a",)) == RootModel[list[int]]([1, 2])
    assert build(Defaulted, MISSING, ("a",)) == Defaulted()
    assert faults(RootModel[list[int]], MISSING, ("a",)) == [Fault(("a",), "required, but missing")]
    assert [fault.path for fault in faults(RootModel[list[int]], [1, "x"], ("a",))] == [("a", 1)]


def test_missing_and_extra_keys_are_named() -> None:
    """Required fields that lack, and keys that a strict class forbids, are told by their paths."""

    class Strict(BaseModel, extra="forbid"):
        name: str

    assert faults(Strict, {"nmae": 1}) == [
        Fault(("name",), "required, but missing"),
        Fault(("nmae",), "no such field (the class forbids extra keys)", "int"),
    ]


def test_union_members_do_not_show_in_the_path() -> None:
    """Pydantic's location names union members; the tree's path does not."""

    class Choice(BaseModel):
        value: int | Annotated[list[int], Field(max_length=1)]

    assert {fault.path for fault in faults(Choice, {"value": ["x"]})} == {("value",), ("value", 0)}


class Quoting(BaseModel):
    host: str = ""
    password: str = ""
    inner: dict[str, str] = {}

    @field_validator("host", "password", "inner")
    @classmethod
    def refuse(cls, value: object) -> object:
        """Quote the input, as careless validators do."""
        raise ValueError(f"I do not like {value}")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"host": "hunter2"}, "its validator says: I do not like ***"),
        ({"password": "hunter2"}, "refused by its validator"),
        ({"inner": {"token": "hunter2"}}, "refused by its validator"),
        ({"inner": {"a": "hunter2"}}, "its validator says: I do not like {'a': ***}"),
    ],
)
def test_a_validator_that_quotes_its_input(tree: Tree, text: str) -> None:
    """A custom message is shown without its input, and not at all where there is a secret."""
    assert [fault.expected for fault in faults(Quoting, tree)] == [text]


def test_declared_secrets_count_as_secret() -> None:
    """A model-level validator's message is not shown when the model declares a secret."""

    class Login(BaseModel):
        pin: SecretStr

        @model_validator(mode="after")
        def refuse(self) -> "Login":
            """Show what it should not."""
            raise ValueError(f"{self.pin.get_secret_value()[::-1]}")

    class Outer(BaseModel):
        login: Login

    assert [fault.expected for fault in faults(Outer, {"login": {"pin": "4711"}})] == [
        "refused by its validator"
    ]


class Way(BaseModel):
    path: str
    bearer: SecretStr = SecretStr("")

    @field_validator("path")
    @classmethod
    def check(cls, path: str) -> str:
        """Quote the path."""
        raise ValueError(f"{path} must start with a slash")


class Ways(BaseModel):
    ways: list[Way]


def test_of_many_faults_some_are_told() -> None:
    """A list with thousands of bad items is refused at once, with some of the reasons and their number."""
    found = faults(Ways, {"ways": [{"path": f"p{n}", "bearer": f"hunter{n}"} for n in range(5000)]}, ("a",))
    assert len(found) == MOST_FAULTS + 1
    assert found[0] == Fault(
        ("a", "ways", 0, "path"), "its validator says: *** must start with a slash", "str"
    )
    assert found[-1] == Fault(("a",), f"more faults, not told here: {5000 - MOST_FAULTS}")


def test_a_message_with_the_secret_of_any_item_is_withheld() -> None:
    """A validator may have seen other parts of the tree than the one that it refuses."""
    ways = [{"path": f"p{n}"} for n in range(5)]
    found = faults(Ways, {"ways": [{"path": "slash", "bearer": "p3 must"}, *ways]})
    shown = [fault.expected.startswith("its validator says") for fault in found]
    assert shown == [True, True, True, True, False, True]


def test_standard_errors_that_quote_are_retold() -> None:
    """Pydantic quotes a character of a bad UUID and a bad union tag; dynconf does not."""

    class Cat(BaseModel):
        kind: Literal["cat"]

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Model(BaseModel):
        id: UUID
        pet: Cat | Dog = Field(discriminator="kind")

    texts = [fault.expected for fault in faults(Model, {"id": "zz-top", "pet": {"kind": "hunter2"}})]
    assert texts == ["expected a valid UUID", "expected one of the known tags: 'cat', 'dog'"]


def test_a_validator_that_breaks_is_told_by_type_and_place() -> None:
    """What a validator raises besides ValueError refuses the model, with no text and no context."""

    class Broken(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def fail(cls, value: str) -> str:
            """Fail in a way that pydantic does not catch."""
            raise RuntimeError(value)

    with pytest.raises(Invalid) as caught:
        build(Broken, {"name": "hunter2"}, ())
    (fault,) = caught.value.faults
    assert re.fullmatch(
        r"the class's own code failed: RuntimeError in fail, test_models\.py:\d+", fault.expected
    )
    assert caught.value.__context__ is None


def test_a_class_that_pydantic_cannot_use_is_told_as_it_says() -> None:
    """An annotation that leads nowhere is the programmer's mistake: what to do is pydantic's word."""

    class Unfinished(BaseModel):
        below: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(Invalid) as caught:
        build(Unfinished, {}, ())
    assert "model_rebuild()" in caught.value.faults[0].expected


def test_a_settings_class_is_built_without_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree is what counts; the class's own sources come in as an overlay, elsewhere."""

    class Plain(BaseSettings):
        name: str = "default"

    monkeypatch.setenv("NAME", "from the environment")
    assert build(Plain, {"name": "tree"}, ()).model_dump() == {"name": "tree"}
    assert build(Plain, {}, ()).model_dump() == {"name": "default"}


def test_a_part_of_a_nested_model_completes_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the class asks for it, as pydantic-settings does it; else the nested class's defaults hold."""

    class Inner(BaseModel):
        first: int = Field(default=0, validation_alias=AliasChoices("first", "one"))
        second: int = 0
        secret: SecretStr = SecretStr("")

    @dataclass
    class Plain:
        low: int = 0
        high: int = 0

    class Whole(BaseSettings):
        inner: Inner = Inner(first=1, second=2, secret=SecretStr("x"))
        other: Inner | None = None
        plain: Plain = Plain(1, 2)

    class Partly(Whole, nested_model_default_partial_update=True, env_nested_delimiter="__"):
        pass

    tree = {"inner": {"second": 3}, "other": {"second": 4}, "plain": {"low": 5}}
    monkeypatch.setenv("INNER__SECOND", "3")
    monkeypatch.setenv("PLAIN__LOW", "5")
    monkeypatch.setenv("OTHER__SECOND", "4")
    asked = [build(Partly, tree, ()), build(Partly, {"inner": {"one": 5}}, ())]
    assert asked[0] == Partly()
    assert [one.model_dump()["inner"] for one in asked] == [
        {"first": 1, "second": 3, "secret": SecretStr("x")},
        {"first": 5, "second": 2, "secret": SecretStr("x")},
    ]
    assert build(Whole, tree, ()).model_dump()["inner"]["first"] == 0
    assert (asked[0].plain.low, asked[0].plain.high) == (5, 2)
    assert tree == {"inner": {"second": 3}, "other": {"second": 4}, "plain": {"low": 5}}


@pytest.mark.parametrize("tree", [{"port": 1, "host": 1}, {"net": {"port": 1, "host": 1}}])
def test_a_default_is_below_what_is_said_anywhere(tree: Tree) -> None:
    """Where a default is completed it never hides what the tree says, under a key or along an alias path."""

    class Inner(BaseModel):
        port: int = Field(default=0, validation_alias=AliasChoices("port", AliasPath("net", "port")))
        host: int = Field(default=0, validation_alias=AliasChoices(AliasPath("net", "host"), "host"))

    class Whole(BaseSettings, nested_model_default_partial_update=True):
        inner: Inner = Inner.model_validate({"port": 7, "host": 7})

    assert build(Whole, {"inner": tree}, ()).model_dump() == {"inner": {"port": 1, "host": 1}}
    assert build(Whole, {"inner": {}}, ()).model_dump() == {"inner": {"port": 7, "host": 7}}


def test_a_model_shares_no_container_with_the_tree() -> None:
    """Altering a mutable model never alters what is merged."""

    class Loose(BaseModel):
        anything: object

    tree = {"anything": {"list": [1]}}
    model = build(Loose, tree, ())
    model.anything["list"].append(2)  # type: ignore[attr-defined]
    assert tree == {"anything": {"list": [1]}}


def test_of_two_keys_for_one_field_the_higher_layer_wins() -> None:
    """Pydantic would take its first alias, whichever layer wrote that."""

    class Aliased(BaseModel):
        port: int = Field(default=0, validation_alias=AliasChoices("redis_port", "port"))

    class Outer(BaseModel):
        inner: Aliased
        each: dict[str, dict[str, Aliased] | None]

    low = {"inner": {"redis_port": 1}, "each": {"a": {"b": {"redis_port": 1}}, "c": None}}
    high = {"inner": {"port": 2}, "each": {"a": {"b": {"port": 2}}}}
    for layers, port in (([low, high], 2), ([high, low], 1), ([merged([high, low])], 1)):
        outer = build(Outer, joined(Outer, layers), ())
        assert outer.model_dump() == {
            "inner": {"port": port},
            "each": {"a": {"b": {"port": port}}, "c": None},
        }


class Pool(BaseModel):
    size: int = Field(default=0, validation_alias=AliasChoices("size", "length"))
    n: int = 0


class Pooled(Settings):
    pool: Pool = Field(default=Pool(), validation_alias=AliasChoices("pool", "pl"))
    each: dict[str, Pool] = Field(default={}, validation_alias=AliasChoices("each", "every"))
    labels: dict[str, int] = Field(default={}, validation_alias=AliasChoices("labels", "tags"))
    listed: Annotated[list[int], Merge("append")] = Field(
        default=[], validation_alias=AliasChoices("listed", "items")
    )
    whole: Annotated[dict[str, int], Merge("replace")] = Field(
        default={}, validation_alias=AliasChoices("whole", "all")
    )


@pytest.mark.parametrize(
    ("layers", "path", "value"),
    [
        ([{"pool": {"size": 1}}, {"pl": {"size": 2}}, {"pool": {"n": 5}}], "pool.size", 2),
        ([{"pool": {"length": 1}}, {"pl": {"size": 2}}, {"pool": {"n": 5}}], "pool.size", 2),
        ([{"pool": {"size": 1}}, {"pl": {"length": 2}}, {"pool": {"n": 5}}], "pool.size", 2),
        (
            [{"each": {"a": {"size": 1}}}, {"every": {"a": {"size": 2}}}, {"each": {"b": {}}}],
            "each.a.size",
            2,
        ),
        ([{"labels": {"a": 1}}, {"tags": {"a": 2}}, {"labels": {"b": 5}}], "labels.a", 2),
        ([{"pool": {"size": 1}}, {"pl": None}, {"pool": {"n": 5}}], "pool.size", 0),
        ([{"pl": {"size": 1}, "pool": {"size": 2}}, {"pl": {"n": 5}}], "pool.size", 2),
        ([{"listed": [1]}, {"items": [2]}, {"listed": [3]}], "listed", [1, 2, 3]),
        ([{"whole": {"a": 1}}, {"all": {"b": 2}}], "whole", {"b": 2}),
    ],
)
def test_several_keys_say_what_one_would(layers: list[Tree], path: str, value: object) -> None:
    """Each value is that of the highest layer which says it, under whichever key, as policies have it."""
    config = Config(*map(Memory, layers))
    pooled = config.bind(Pooled)
    config.load()
    assert field_value(pooled.current, parse_path(path)) == value
    assert pooled.explain(path).value == value
    settings = DynconfSettingsSource(Pooled, *map(Memory, layers))()
    assert field_value(Pooled(**settings), parse_path(path)) == value


def test_several_keys_above_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class's own variable or an override that says another value alters no choice between two layers."""

    class Own(Pooled):
        model_config = SettingsConfigDict(env_prefix="OWN_", env_nested_delimiter="__")

    config = Config(Memory({"pool": {"size": 1}}), Memory({"pl": {"length": 2}}))
    own = config.bind(Own)
    monkeypatch.setenv("POOL__N", "5")
    config.load()
    assert own.current.pool == Pool(size=2, n=5)
    with own.override(pool={"n": 7}):
        assert own.current.pool == Pool(size=2, n=7)


def test_a_fault_under_one_of_several_keys_is_where_it_is_written(tmp_path: FilePath) -> None:
    """The value within a mapping, by the key, file and line of the layer that says it."""
    low, high = tmp_path / "low.yaml", tmp_path / "high.yaml"
    low.write_text("pl:\n  n: 2\n  length: many\n")
    high.write_text("pool:\n  n: 3\n")
    config = Config(File(low), File(high))
    pooled = config.bind(Pooled)
    with pytest.raises(StartFailed, match=r"pl\.length: .* at \S*low\.yaml:3:11"):
        config.load()
    low.write_text("pl:\n  n: 2\n  length: 1\n")
    with config:
        told = pooled.explain("pool.size")
        [answer] = told.answers
        assert (told.path, told.value, told.default, answer.origin.line) == ("pl.length", 1, False, 3)
        assert [one.value for one in pooled.explain("pool.n").answers] == [3, 2]
        low.write_text("pl:\n  n: 2\n  length: many\n")
        with pytest.raises(ChangeRefused, match=r"pl\.length: .* at \S*low\.yaml:3:11"):
            config.reload()


def test_history_names_a_field_whose_key_changed_beside_another_change() -> None:
    """Its merged values are the same, and yet it has another."""
    top = Memory({})
    config = Config(Memory({"pool": {"size": 1}}), Memory({"pool": {"length": 2}}), top)
    pooled = config.bind(Pooled)
    with config:
        top.set({"pool": {"size": 1}, "labels": {"a": 1}})
        config.reload()
        assert set(config.history[-1].paths) == {"labels", "pool.size"}
        assert pooled.current.pool.size == 1


class CamelPart(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)
    port: int = 0
    max_size: int = 0


class Camel(Settings):
    model_config = SettingsConfigDict(
        alias_generator=to_camel, populate_by_name=True, env_prefix="OWN_", env_nested_delimiter="__"
    )
    code: SecretStr = SecretStr("")
    pool: CamelPart = CamelPart()
    size: int = Field(0, validation_alias=AliasChoices("size", "old_size", "old_size"))


def test_an_alias_that_is_the_fields_name_is_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a generator makes it of a one-word name: layers, variables, the class's own and secrets reach it."""
    low = {"code": "hunter2", "pool": {"port": 1, "max_size": 1}, "old_size": 1}
    config = Config(Memory(low), Memory({"pool": {"maxSize": 2}}), Env("APP_", environ={"APP_SIZE": "3"}))
    camel, part = config.bind(Camel), config.bind(CamelPart, at="pool")
    monkeypatch.setenv("OWN_POOL__PORT", "4")
    config.load()
    assert (camel.current.size, camel.current.code.get_secret_value()) == (3, "hunter2")
    assert (camel.current.pool.port, camel.current.pool.max_size) == (4, 2)
    assert (part.current.port, part.current.max_size) == (1, 2)
    assert camel.explain("size").answers[0].origin.document == "APP_SIZE"
    assert camel.explain("pool.port").answers[0].origin.document == "OWN_POOL__PORT"
    assert "hunter2" not in str(config.explain())
    with camel.override(size=5, pool={"max_size": 6}):
        assert (camel.current.size, camel.current.pool.max_size) == (5, 6)


def test_what_is_hidden_builds_no_model_anew() -> None:
    """A layer below another one's value changes nothing for a class whose fields have one key each."""

    class App(Settings):
        size: int = 0
        made: object = Field(default_factory=object)  # never the same twice

    low = Memory({"size": 1})
    config = Config(low, Memory({"size": 9}))
    app = config.bind(App)
    with config:
        before = app.current
        low.set({"size": 2})
        assert config.reload().version == 1
        assert app.current is before


@pytest.mark.parametrize(("low", "high"), [("size", "length"), ("length", "size")])
def test_a_layer_decides_which_key_holds_with_a_value_that_is_there_already(low: str, high: str) -> None:
    """As it comes on top and goes, no merged value differs, and yet the field's does, as after a restart."""

    class Pool(BaseModel):
        size: int = Field(default=0, validation_alias=AliasChoices("size", "length"))

    class App(Settings):
        pool: Pool = Pool()

    top = Memory({"pool": {}})
    config = Config(Memory({"pool": {low: 1}}), Memory({"pool": {high: 2}}), top)
    app, pool = config.bind(App), config.bind(Pool, at="pool")
    with config:
        assert (app.current.pool.size, pool.current.size) == (2, 2)
        for version, (said, key, expected) in enumerate([({low: 1}, low, 1), ({}, high, 2)], 2):
            top.set({"pool": said})
            config.reload()
            assert (app.current.pool.size, pool.current.size) == (expected, expected)
            assert f"version {version}: pool.{key} (by " in config.history[-1].summary


def test_alias_paths_are_read() -> None:
    """A field may take its value from deeper in the tree."""

    class Deep(BaseModel):
        host: str = Field("", validation_alias=AliasPath("redis", "host"))

    assert build(Deep, {"redis": {"host": "a"}, "other": 1}, ()).model_dump() == {"host": "a"}


def test_equal_parts_keep_their_identity() -> None:
    """So that comparing an unchanged part costs nothing."""
    old = App(redis=Redis(host="a"), tags=["x"])
    new = adopted(old, App(redis=Redis(host="a"), tags=["x", "y"]))
    assert new is not old
    assert new.redis is old.redis
    assert adopted(old, App(redis=Redis(host="a"), tags=["x"])) is old


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, True, False),
        (1, 1.0, False),
        ([1], [True], False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ((1, [2]), (1, [2]), True),
        (math.nan, math.nan, True),
        (SecretStr("a"), SecretStr("a"), True),
        (SecretStr("a"), SecretStr("b"), False),
        (Redis(), App(), False),
    ],
)
def test_equality_is_of_type_and_value(a: object, b: object, same: bool) -> None:
    """`1`, `1.0` and `True` differ."""
    assert equal(a, b) is same


def test_a_comparison_that_fails_counts_as_different() -> None:
    """A value's own comparison may raise anything."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    assert not equal(Odd(), Odd())


def test_changed_fields_go_into_models_and_mappings() -> None:
    """What differs is told by field names, as deep as models and mappings go; lists are whole."""
    old = App(redis=Redis(host="a"), tags=["x"], limits={"a": 1, "b": 2})
    new = App(redis=Redis(host="b"), tags=["y"], limits={"a": 1, "c": 3})
    assert changed_fields(old, new) == {
        "redis": {"host": True},
        "tags": True,
        "limits": {"b": True, "c": True},
    }


@pytest.mark.parametrize(
    ("old", "new", "delta"),
    [
        (RootModel([1, 2]), RootModel([1, 3]), {"1": True}),
        (RootModel(1), RootModel(2), {"root": True}),
        (RootModel({"a": 1}), RootModel({"a": 2}), {"a": True}),
        (RootModel(1), RootModel(1), {}),
    ],
)
def test_what_differs_in_a_root_model(old: object, new: object, delta: Delta) -> None:
    """It is told by index, key, or as a whole, as its root has them."""
    assert changed_fields(old, new) == delta


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("redis", "host"), "a"),
        (("tags", "0"), "x"),
        (("tags", 5), None),
        (("limits", "a"), 1),
        (("redis", "host", "deeper"), None),
    ],
)
def test_a_field_path_leads_through_models_mappings_and_lists(path: Path, value: object) -> None:
    """A path of field names, keys and indexes finds its value, or nothing."""
    assert field_value(App(redis=Redis(host="a"), tags=["x"], limits={"a": 1}), path) == value


def test_a_step_that_is_no_field_is_found_before_anything_runs() -> None:
    """A mistyped path is told with the names that are there; open models may hold anything."""

    class Open(BaseModel, extra="allow"):
        pass

    assert unknown_step(App, ("redis", "hots")) == ("hots", ["host", "port", "password"])
    assert unknown_step(App, ("limits", "whatever")) is None
    assert unknown_step(App, ("limits",)) is None
    assert unknown_step(Open, ("whatever",)) is None


class Kind(Enum):
    ONE = 1


@pytest.mark.parametrize(
    "annotation",
    [int, str | None, bytes, SecretStr, Kind, Literal["a", "b"], datetime, Annotated[int, Field(gt=0)], UUID],
)
def test_nothing_stands_below_a_single_value(annotation: Any) -> None:
    """A path that goes on below a field that is one value is a mistake, as nothing can ever differ there."""
    model = create_model("Model", field=(annotation, ...))
    assert unknown_step(model, ("field", "x", "y")) == ("x", [])
    assert unknown_step(model, ("field",)) is None


@pytest.mark.parametrize(
    "annotation",
    [Any, object, dict[str, int], int | list[int], RootModel[dict[str, int]], Json[dict[str, int]]],
)
def test_something_may_stand_below_all_else(annotation: Any) -> None:
    """Where a value may have parts that no class names, a path may go on as it will."""
    model = create_model("Model", field=(annotation, ...))
    assert unknown_step(model, ("field", "x")) is None


class Open(BaseModel, extra="allow"):
    a: int = 0


class Around(BaseModel):
    inner: Open = Open()


class OpenSettings(Settings, extra="allow"):
    a: int = 0


@pytest.mark.parametrize("cls", [Open, Around, OpenSettings])
def test_a_class_that_takes_any_key_is_bound(cls: type[BaseModel]) -> None:
    """At the top or within another, and what it says no more of is what the document says."""
    config = Config(Memory({"a": 1, "b": 2, "inner": {"a": 1, "b": 2}}))
    bound = config.bind(cls)
    config.load()
    held = bound.current.inner if isinstance(bound.current, Around) else bound.current
    assert (held.a, held.b) == (1, 2)  # type: ignore[attr-defined]
