"""Classes that hold themselves or one another are understood in time that goes with their number."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field, Json, RootModel, SecretStr, create_model, field_validator
from typing_extensions import TypedDict

from dynconf import Config, Memory, Merge, Settings
from dynconf._models.schema import merges_of
from dynconf.errors import StartFailed

CANARY = "hunter2"


class Node(BaseModel):
    name: str = ""
    children: "Children | None" = None


class Children(RootModel[list[Node]]):
    pass


class Text(BaseModel):
    below: Json["Text"] | None = None


class Typed(TypedDict, total=False):
    model: "OfTyped"


class OfTyped(BaseModel):
    part: Typed = {}


class Named(NamedTuple):
    model: "OfNamed | None" = None


class OfNamed(BaseModel):
    part: Named | None = None


@dataclass
class Data:
    model: "OfData | None" = None


class OfData(BaseModel):
    part: Data | None = None


@pytest.mark.parametrize("kind", [Node, Text, OfTyped, OfNamed, OfData])
def test_a_class_may_hold_itself_in_anything(kind: type[BaseModel]) -> None:
    """It is bound, explained and asked for unused keys like any other."""
    app = create_model("App", __base__=Settings, held=(kind, kind()))
    config = Config(Memory({"held": {}, "other": 1}))
    bound: Any = config.bind(app)
    config.load()
    assert bound.explain("held").value == {}
    assert [key.path for key in config.unused()] == ["other"]


class Login(BaseModel):
    bind_dn: SecretStr = SecretStr("")

    @field_validator("bind_dn")
    @classmethod
    def check(cls, value: SecretStr) -> SecretStr:
        """Quote a part of the value."""
        kind = value.get_secret_value().partition(".")[0]
        if kind != "v1":
            raise ValueError(f"unknown kind {kind}")
        return value


class Tenant(BaseModel):
    login: Login = Login()
    children: dict[str, "Tenant"] = {}


class House(Settings):
    root: Tenant = Tenant()


def deep(pin: str, depth: int) -> dict[str, Any]:
    """A tenant within tenants."""
    return {"children": {"a": deep(pin, depth - 1)}} if depth else {"login": {"bind_dn": pin}}


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_secret_of_a_nested_class_is_one_at_any_depth(depth: int) -> None:
    """However often the class that holds it recurs, it is neither shown nor quoted."""
    config = Config(Memory({"root": deep(f"v1.{CANARY}", depth)}))
    bound = config.bind(House)
    config.load()
    for report in (config.explain(), bound.explain("root"), config.view()):
        assert CANARY not in str(report)
    refused = Config(Memory({"root": deep(f"{CANARY}.x", depth)}))
    refused.bind(House)
    with pytest.raises(StartFailed, match="bind_dn: refused by its validator"):
        refused.load()


def union(kinds: Iterable[Any]) -> Any:
    """Any of these, told apart by their `kind`."""
    return Annotated[reduce(or_, kinds), Field(discriminator="kind")]


def mutual(number: int, tags: Any = list[str]) -> type[Settings]:
    """A settings class with a union of models, each of which holds a list of that union again."""
    names = [f"R{index}" for index in range(number)]
    made: dict[str, Any] = {}
    later: Any = "Rule"
    for name in names:
        fields: dict[str, Any] = {"kind": (Literal[name], ...), "pin": (SecretStr, ""), "tags": (tags, [])}
        made[name] = create_model(name, **fields, rules=(list[later], []))
    rule = union(made.values())
    for model in made.values():
        model.model_rebuild(_types_namespace={"Rule": rule})
    return create_model("App", __base__=Settings, rule=(rule, None))


def test_many_classes_may_hold_one_another() -> None:
    """Each class is looked at once, not once for every way that leads to it."""
    tree = {"rule": {"kind": "R0", "rules": [{"kind": "R1", "pin": CANARY, "tgas": []}], "tags": ["a"]}}
    config = Config(Memory(tree))
    bound: Any = config.bind(mutual(30))
    config.load()
    masked = {"kind": "R0", "rules": [{"kind": "R1", "pin": "***", "tgas": []}], "tags": ["a"]}
    assert bound.explain("rule").value == masked
    assert [(key.path, key.near) for key in config.unused()] == [("rule.rules.0.tgas", ("tags",))]
    refused = Config(Memory({"rule": {"kind": "R0", "rules": 5}}))
    refused.bind(mutual(30))
    with pytest.raises(StartFailed, match="rules: expected a valid list"):
        refused.load()


def test_policies_of_classes_that_hold_one_another() -> None:
    """A merge policy is found once at each path, however many classes lead there."""
    found = list(merges_of(mutual(8, Annotated[list[str], Merge("append")]), ()))
    assert len(found) == len(set(found))
    paths = {path for path, _, _ in found}
    assert {("rule", "tags"), ("rule", "rules", "*", "tags")} <= paths
