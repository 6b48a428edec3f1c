"""What environment variables' names mean."""

from typing import Annotated

import pytest
from pydantic import AliasPath, BaseModel, Field, Json, RootModel
from pydantic_settings import NoDecode

from dynconf import Config, Env, Limits, Memory
from dynconf._models.names import Resolved, meanings, resolved
from dynconf._models.schema import Model
from dynconf._values.snapshot import Names
from dynconf._values.tree import Path, Tree
from dynconf.errors import StartFailed


class Redis(BaseModel):
    host: str = ""
    port: int = 0
    tags: list[str] = []


class App(BaseModel):
    redis: Redis = Redis()
    servers: dict[str, Redis] = {}
    showMessage: str = ""  # noqa: N815 - as people write it in YAML
    port: int = Field(0, validation_alias="listenPort")
    either: list[int] | str = ""
    raw: Annotated[list[int], NoDecode] = []
    parsed: Json[list[int]] = []
    maybe_parsed: Json[list[int]] | None = None
    groups: dict[str, list[int]] = {}
    deep: int = Field(0, validation_alias=AliasPath("Data", "Deep"))
    deeper: list[int] = Field([], validation_alias=AliasPath("Data", "More", "Deep"))


def found(
    values: dict[str, str],
    *lower: Tree,
    prefix: str = "APP_",
    at: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Resolved:
    """The tree of the names, for one model above some layers, highest first."""
    names = Names(values, prefix, limits=limits or Limits())
    return resolved(names, meanings(names, [(App, at)]), lower)


@pytest.mark.parametrize(
    ("name", "text", "tree"),
    [
        ("APP_REDIS__HOST", "a", {"redis": {"host": "a"}}),
        ("app_redis__Host", "a", {"redis": {"host": "a"}}),
        ("APP_SHOWMESSAGE", "hi", {"showMessage": "hi"}),
        ("APP_LISTENPORT", "1", {"listenPort": "1"}),
        ("APP_PORT", "1", {"listenPort": "1"}),
        ("APP_REDIS", '{"port": 1}', {"redis": {"port": 1}}),
        ("APP_REDIS__TAGS", '["a"]', {"redis": {"tags": ["a"]}}),
        ("APP_SERVERS__MAIN__PORT", "1", {"servers": {"main": {"port": "1"}}}),
        ("APP_SERVERS__MAIN", '{"port": 1}', {"servers": {"main": {"port": 1}}}),
        ("APP_EITHER", "[1]", {"either": [1]}),
        ("APP_EITHER", "no json", {"either": "no json"}),
        ("APP_RAW", "[1]", {"raw": "[1]"}),
        ("APP_PARSED", "[1]", {"parsed": "[1]"}),
        ("APP_MAYBE_PARSED", "[1]", {"maybe_parsed": "[1]"}),
        ("APP_GROUPS__SALES", "[1, 2]", {"groups": {"sales": [1, 2]}}),
        ("APP_GROUPS", '{"sales": [1]}', {"groups": {"sales": [1]}}),
        ("APP_SOMETHING__ELSE", "1", {"something": {"else": "1"}}),
        ("APP_REDIS__HOTS", "1", {"redis": {"hots": "1"}}),
        ("APP_DATA", '{"Deep": 1}', {"Data": {"Deep": 1}}),
        ("APP_DATA__DEEP", "1", {"Data": {"Deep": "1"}}),
        ("APP_DEEP", "1", {"Data": {"Deep": "1"}}),
        ("APP_DEEPER", "[1]", {"Data": {"More": {"Deep": [1]}}}),
        ("APP_DATA__MORE", '{"Deep": [1]}', {"Data": {"More": {"Deep": [1]}}}),
        ("APP_DATA__MORE__DEEP", "[1]", {"Data": {"More": {"Deep": [1]}}}),
        ("APP_DATA__ELSE", "[1]", {"Data": {"else": "[1]"}}),
        ("APP_", "1", {}),
    ],
)
def test_a_name_finds_its_path(name: str, text: str, tree: Tree) -> None:
    """Fields and aliases are matched without case; JSON is decoded for complex fields only."""
    assert found({name: text}).tree == tree


def test_what_no_model_knows_is_spelt_as_a_layer_below_spells_it() -> None:
    """The highest layer below that has the key decides on its case."""
    values = {"APP_OTHER__KEYNAME": "1", "APP_SERVERS__MAIN__HOST": "a"}
    tree = found(values, {"Other": {"keyName": 0}, "servers": {"Main": {}}}, {"OTHER": {}}).tree
    assert tree == {"Other": {"keyName": "1"}, "servers": {"Main": {"host": "a"}}}


def test_without_a_prefix_only_known_names_are_taken() -> None:
    """The rest of the environment is not ours."""
    values = {"PATH": "/bin", "REDIS__HOST": "a", "OTHER": "1"}
    assert found(values, {"other": 0}, prefix="").tree == {"redis": {"host": "a"}, "other": "1"}


def test_a_model_bound_deeper_is_reached_through_its_path() -> None:
    """The steps of the binding come first in the name."""
    assert found({"APP_MY__REDIS__HOST": "a", "APP_REDIS": "x"}, at=("my",)).tree == {
        "my": {"redis": {"host": "a"}},
        "redis": "x",
    }


def test_a_variable_for_a_root_model_is_what_its_root_is() -> None:
    """What holds several values is JSON, a single one is text."""
    names = Names({"APP_LIST": "[1]", "APP_WORD": "hello"}, "APP_")
    shapes: list[tuple[Model, Path]] = [(RootModel[list[int]], ("list",)), (RootModel[str], ("word",))]
    assert resolved(names, meanings(names, shapes), []).tree == {"list": [1], "word": "hello"}


def test_a_whole_and_its_part_add_up() -> None:
    """JSON for a model, and a variable for one of its fields: the more exact one wins."""
    values = {"APP_REDIS__PORT": "2", "APP_REDIS": '{"host": "a", "port": 1}'}
    assert found(values).tree == {"redis": {"host": "a", "port": "2"}}


def test_what_cannot_be_understood_is_named() -> None:
    """Text that should be JSON, and a value beside a part of it, are faults of their variables."""
    assert [(name, fault.path) for name, fault in found({"APP_REDIS__TAGS": "hunter2"}).faults] == [
        ("APP_REDIS__TAGS", ("redis", "tags"))
    ]
    clash = found({"APP_X": "1", "APP_X__Y": "2"}).faults
    assert [(name, fault.path) for name, fault in clash] == [("APP_X__Y", ("x", "y"))]
    assert "APP_X" in clash[0][1].expected


def test_each_path_knows_its_variable() -> None:
    """So that an error or `explain` can name it."""
    assert found({"app_Redis__HOST": "a"}).variables == {("redis", "host"): "app_Redis__HOST"}


def test_what_lies_in_a_list_below_is_spelt_alike() -> None:
    """An item's number leads into a layer's list, though what it becomes is a mapping."""
    assert found({"APP_OTHER__0__KEYNAME": "1"}, {"other": [{"keyName": 0}]}).tree == {
        "other": {"0": {"keyName": "1"}}
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": [1], "a": [2]}', "a key is given twice"),
        ('{"a": [NaN]}', "JSON has no NaN and no infinity"),
        ('{"a": [-Infinity]}', "JSON has no NaN and no infinity"),
    ],
)
def test_json_is_as_strict_as_in_a_document(text: str, why: str) -> None:
    """What a JSON document may not hold, a variable's JSON may not either; the reason is told."""
    [(name, fault)] = found({"APP_GROUPS": text}).faults
    assert name == "APP_GROUPS"
    assert fault.expected.endswith(why)


@pytest.mark.parametrize(
    ("text", "limits", "fits"),
    [
        ('{"a": [1, 2]}', {"nodes": 5}, True),
        ('{"a": [1, 2]}', {"nodes": 4}, False),
        ('{"a": [], "b": []}', {"keys": 3}, True),
        ('{"a": [], "b": []}', {"keys": 2}, False),
        ('{"a": [1]}', {"depth": 3}, True),
        ('{"a": [1]}', {"depth": 2}, False),
    ],
)
def test_json_keeps_the_limits(text: str, limits: dict[str, int], fits: bool) -> None:
    """Values, keys and levels of a variable's JSON count as those of its document."""
    result = found({"APP_GROUPS": text}, limits=Limits(**limits))
    assert bool(result.tree) is fits
    [limit] = limits
    assert [f"limit {limit}=" in fault.expected for _, fault in result.faults] == [True] * (not fits)


def test_all_variables_share_the_limits() -> None:
    """What one variable's JSON holds is not there for the next one."""
    values = {f"APP_GROUPS__G{number}": "[1, 2, 3]" for number in range(4)}
    assert not found(values, limits=Limits(nodes=17)).faults
    [(name, fault)] = found(values, limits=Limits(nodes=16)).faults
    assert (name, "limit nodes=16" in fault.expected) == ("APP_GROUPS__G3", True)


def test_json_that_may_be_a_text_is_none_if_it_is_too_large() -> None:
    """It is a mistake, and not quietly another type than the same JSON with an item less."""
    assert found({"APP_EITHER": "[1, 2]"}, limits=Limits(nodes=4)).tree == {"either": [1, 2]}
    [(_, fault)] = found({"APP_EITHER": "[1, 2, 3]"}, limits=Limits(nodes=4)).faults
    assert "limit nodes=4" in fault.expected


@pytest.mark.parametrize(
    ("values", "limits", "told"),
    [
        ({"APP_A" + "__A" * 64: "1"}, {}, "depth=64"),
        ({"APP_A" + "__A" * 20_000: "1"}, {}, "depth=64"),
        ({"APP_A__B__C": "1", "APP_A__B__D": "1"}, {"keys": 3}, "keys=3"),
        ({"APP_A__B__C": "1", "APP_A__B__D": "1"}, {"nodes": 4}, "nodes=4"),
    ],
)
def test_names_keep_the_limits(values: dict[str, str], limits: dict[str, int], told: str) -> None:
    """A variable's name is no way round a limit; the error names it."""
    config = Config(Memory({}), Env("APP_", environ=values), limits=Limits(**limits))
    with pytest.raises(StartFailed, match=told) as caught:
        config.load()
    assert "env:APP_" in str(caught.value)
    if "depth" in told:
        assert "APP_A__A__A" in str(caught.value)


def test_names_within_the_limits_are_taken() -> None:
    """Keys that several names have in common, in whatever case, count once."""
    values = {"APP_A__B__C": "1", "APP_a__b__D": "1", "APP_A" + "__A" * 63: "1"}
    config = Config(Env("APP_", environ=values), limits=Limits(keys=67, nodes=68))
    config.load()
    assert config.get("a.b") == {"c": "1", "d": "1"}
    assert config.get(("a",) * 64) == "1"


def test_foreign_variables_are_beyond_all_limits() -> None:
    """Without a prefix, what is not ours may be as deep and as many as it likes."""
    foreign = {"A" + "__A" * 100: "1", **{f"OTHER{number}": "1" for number in range(20)}}
    config = Config(Memory({"n": 0}), Env(environ={"N": "7", **foreign}), limits=Limits(keys=3, nodes=4))
    config.load()
    assert config.get("") == {"n": "7"}
