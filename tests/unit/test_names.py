"""What environment variables' names mean."""

from typing import Annotated

import pytest
from pydantic import AliasPath, BaseModel, Field, Json, RootModel
from pydantic_settings import NoDecode

from dynconf._models.names import Resolved, meanings, resolved
from dynconf._models.schema import Model
from dynconf._values.snapshot import Names
from dynconf._values.tree import Path, Tree


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


def found(values: dict[str, str], *lower: Tree, prefix: str = "APP_", at: tuple[str, ...] = ()) -> Resolved:
    """The tree of the names, for one model above some layers, highest first."""
    names = Names(values, prefix)
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
