"""Flags as part of the configuration: where they may stand, how they change, and what is refused."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dynconf import Change, Config, Env, File, Flag, Flags, Memory
from dynconf.errors import ChangeRefused, StartFailed, UsageError
from tests.unit.core_props import LOOK, Told
from tests.unit.flags.definitions import COLOUR, split, switch

FLAGD = """
$schema: https://flagd.dev/schema/v0/flags.json
flags:
  colour:
    state: ENABLED
    variants: {red: '#f00', blue: '#00f'}
    defaultVariant: red
    targeting: {if: [{$ref: german}, blue]}
$evaluators:
  german: {'==': [{var: country}, DE]}
"""


@pytest.mark.parametrize(
    ("text", "mounted", "at"),
    [
        pytest.param(FLAGD, "", "", id="flagd's document at the root"),
        pytest.param(FLAGD + "\ngreeting: hello\nredis: {port: 1}\n", "", "", id="beside other settings"),
        pytest.param(FLAGD, "toggles", "toggles", id="flagd's document at a path"),
        pytest.param(
            FLAGD.replace("flags:\n", "").replace("\n  ", "\n").replace("\ngerman", "\n  german"),
            "flags",
            "flags",
            id="names at a path",
        ),
    ],
)
def test_where_flags_stand(tmp_path: Path, text: str, mounted: str, at: str) -> None:
    """A document of flagd's is understood anywhere, flags by name at a path, shared rules in both."""
    path = tmp_path / "flags.yaml"
    path.write_text(text)
    config = Config(File(path, at=mounted))
    flags = config.flags(at=at)
    config.load()
    assert flags.value("colour", "", country="DE") == "#00f"
    assert flags.value("colour", "") == "#f00"
    assert set(flags.current.flags) == {"colour"}


def test_root_ignores_what_is_no_flag() -> None:
    """At the root other keys are no flags but somebody else's, and told as unread if nobody reads them."""
    config = Config(Memory({"flags": {"x": True}, "greeting": "hello"}))
    flags = config.flags(at="")
    config.load()
    assert not flags.enabled("greeting")
    assert [key.path for key in config.unused()] == ["greeting"]


@pytest.mark.parametrize("name", ["a.b", "$x", "flags", "x y", "état", "__class__", "model_config"])
def test_any_name(name: str) -> None:
    """A flag may be called anything; its subscribers are found by that name."""
    document = Memory({"flags": {"flags": {name: False}}})
    config = Config(document)
    flags = config.flags()
    told = Told()
    flags.on_change(name)(told)
    with config:
        assert flags.details(name, True).variant == "off"
        document.set({"flags": {"flags": {name: True}}})
        told.wait()
        assert flags.enabled(name)


def test_variants_called_on_and_off_in_yaml(tmp_path: Path) -> None:
    """YAML reads a bare `on` as true; where a variant is named it names the one that is called so."""
    path = tmp_path / "flags.yaml"
    path.write_text(
        "flags:\n"
        "  new:\n"
        "    state: ENABLED\n"
        "    variants: {on: true, off: false}\n"
        "    defaultVariant: off\n"
        "    targeting: {if: [{var: beta}, on, {fractional: [[on, 1], [off, 0]]}]}\n"
    )
    config = Config(File(path))
    flags = config.flags()
    config.load()
    assert flags.details("new", False, beta=True).variant == "on"
    assert flags.details("new", False, "somebody").variant == "on"
    assert flags.details("new", True).variant == "off"


@pytest.mark.parametrize(
    ("rule", "asked", "variant"),
    [
        ("{and: [{var: beta}, on]}", True, "on"),
        ("{or: [{var: nobody}, on]}", False, "on"),
        ("{or: [on, {var: beta}]}", False, "on"),
        ("{if: [{var: beta}, {and: [{var: beta}, on]}, off]}", True, "on"),
        ("{if: on}", False, "on"),
        ("{var: [nobody, on]}", False, "on"),
        # What only counts, and is no result, stays what it is.
        ("{and: [on, off]}", False, "off"),
        ("{or: [off, on]}", False, "on"),
        ("{or: [{and: [{var: nobody}, off]}, on]}", False, "on"),
        ("{and: [{or: [{var: beta}, off, {var: nobody}]}, on]}", True, "on"),
    ],
)
def test_results_of_and_and_or_in_yaml(tmp_path: Path, rule: str, asked: bool, variant: str) -> None:
    """What `and`, `or` and the like give names a variant as well; what they only look at is left alone."""
    path = tmp_path / "flags.yaml"
    path.write_text(
        f"flags: {{x: {{state: ENABLED, variants: {{on: true, off: false}}, targeting: {rule}}}}}"
    )
    config = Config(File(path))
    flags = config.flags()
    config.load()
    details = flags.details("x", False, beta=asked)
    assert (details.variant, details.reason) == (variant, "TARGETING_MATCH")


@pytest.mark.parametrize("value", [False, 0])
def test_what_counts_as_false_may_be_a_result(value: Any) -> None:
    """What ends an `and` is named as flagd names it, and does not count as true for that."""
    variants = {str(value).lower(): 1, "a": 2}
    rule = {"and": [value, "a"]}
    config = Config(Memory({"flags": {"x": {"state": "ENABLED", "variants": variants, "targeting": rule}}}))
    flags = config.flags()
    config.load()
    assert flags.details("x", 0).variant == str(value).lower()


def test_environment() -> None:
    """A variable of the environment is a toggle, spelt as the layers below spell it."""
    config = Config(
        Memory({"flags": {"new_Dashboard": False}}), Env("APP_", environ={"APP_FLAGS__NEW_DASHBOARD": "true"})
    )
    flags = config.flags()
    config.load()
    assert flags.enabled("new_Dashboard")


def test_definition_as_text() -> None:
    """Where all is text, as in the environment, a definition is JSON; another JSON text stays a text."""
    texts = {
        "APP_FLAGS__COLOUR": json.dumps(COLOUR),
        "APP_FLAGS__THEME": '{"size": 1}',
        "APP_FLAGS__OPEN": "{",
    }
    address = switch(variants={"here": '{"state": "NY"}'}, defaultVariant="here")
    config = Config(Memory({"flags": {"colour": switch(), "address": address}}), Env("APP_", environ=texts))
    flags = config.flags()
    config.load()
    assert flags.value("colour", "", country="DE") == "#00f"
    assert [flags.value("theme", ""), flags.value("open", "")] == ['{"size": 1}', "{"]
    assert flags.value("address", "") == '{"state": "NY"}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '{"state": "ENABLED", "variants": {',
            "this looks like a flag's definition in one text, but is no JSON",
        ),
        ('{"state": 1, "state": 1}', "this looks like a flag's definition in one text, but is no JSON"),
        ('{"state": "ENABLED"}', "required, but missing"),
        ('{"state": ' + "[" * 100 + "]" * 100 + "}", "the text of its definition is over the limit of depth"),
        (json.dumps(switch(targeting={"iff": 1})), "no such operator; did you mean if?"),
    ],
)
def test_broken_definition_as_text(text: str, told: str) -> None:
    """A definition in one text is refused as any other, with the variable that holds it."""
    config = Config(Env("APP_", environ={"APP_FLAGS__X": text}))
    config.flags()
    with pytest.raises(StartFailed) as failed:
        config.load()
    assert f"flags.x: {told}" in str(failed.value)
    assert "APP_FLAGS__X" in str(failed.value)


@pytest.mark.parametrize("name", ["rules", "over", "evaluators", "schema", "override"])
def test_environment_of_any_name(name: str) -> None:
    """No flag's variable is taken for one of flagd's own keys."""
    config = Config(Env("APP_", environ={f"APP_FLAGS__{name.upper()}": "true"}))
    flags = config.flags()
    config.load()
    assert flags.enabled(name)


def test_file_changes(tmp_path: Path) -> None:
    """An edit of the file arrives; whoever asked is told of the flag that he asked for, and of no other."""
    path = tmp_path / "app.yaml"
    path.write_text("flags: {new: false, other: 1}")
    config = Config(File(path))
    flags = config.flags()
    new, everything = Told(), Told()
    flags.on_change("new")(new)
    flags.on_change()(everything)
    with config:
        path.write_text("flags: {new: false, other: 2}")
        everything.wait(1)
        path.write_text("flags: {new: true, other: 2}")
        everything.wait(2)
        [change] = new.wait(1)
        assert (change.old.fixed, change.new.fixed) == (False, True)
        assert flags.at(change.view).enabled("new")
        assert change.paths == {"flags.new.default_variant"}
        assert [min(one.paths) for one in everything.items] == [
            "flags.other.variants.value",
            "flags.new.default_variant",
        ]


def test_flag_comes_and_goes() -> None:
    """A subscriber is told when its flag goes, and when it comes back: there is no definition then."""
    document = Memory({"flags": {"new": True}})
    config = Config(document)
    flags = config.flags()
    told = Told()

    @flags.on_change("new")
    def changed(change: Change[Flag | None]) -> None:
        told((change.old and change.old.fixed, change.new and change.new.fixed))

    with config:
        document.set({})
        told.wait(1)
        document.set({"flags": {"new": False}})
        assert told.wait(2) == [(True, None), (None, False)]


def test_shared_rule_changes_its_flags() -> None:
    """Another shared rule is a change of the flags that refer to it, and of no others."""
    rules = {"german": {"==": [{"var": "country"}, "DE"]}, "other": {"var": "x"}}
    document: dict[str, Any] = {
        "flags": {"a": switch(on=False, targeting={"if": [{"$ref": "german"}, "on"]}), "b": switch()},
        "$evaluators": rules,
    }
    memory = Memory(document)
    config = Config(memory)
    flags = config.flags(at="")
    a, b = Told(), Told()
    flags.on_change("a")(a)
    flags.on_change("b")(b)
    with config:
        memory.set(document | {"$evaluators": rules | {"other": {"var": "y"}}})
        memory.set(document | {"$evaluators": rules | {"german": {"in": [{"var": "country"}, ["DE", "AT"]]}}})
        a.wait(1)
        assert flags.enabled("a", country="AT")
    assert (len(a.items), b.items) == (1, [])


def test_one_version() -> None:
    """Several flags of one version, whatever happens meanwhile."""
    document = Memory({"flags": {"a": 1, "b": 1}})
    config = Config(document)
    flags = config.flags()
    with config:
        view = config.view()
        document.set({"flags": {"a": 2, "b": 2}})
        flags.until(lambda now: now.value("a", 0) == 2, LOOK)
        before = flags.at(view)
        assert [before.value(name, 0) for name in "ab"] == [1, 1]
        assert [flags.at(config.view()).value(name, 0) for name in "ab"] == [2, 2]
        assert config.view()[flags] is flags.current


def test_equal_flags_are_no_change() -> None:
    """A type is part of a value: 1 is another flag than true; written otherwise, the same flag is none."""
    document = Memory({"flags": {"a": switch(), "b": 1}})
    config = Config(document)
    flags = config.flags()
    told = Told()
    flags.on_change()(told)
    with config:
        first = flags.current
        document.set({"flags": {"a": True, "b": 1}})
        document.set({"flags": {"a": True, "b": True}})
        [change] = told.wait(1)
        assert change.old is first
        assert flags.enabled("b")


def test_flags_after_the_start() -> None:
    """Flags may be asked for when all is running; broken ones are refused there and then."""

    def make(config: Config) -> Flags:
        return config.flags()

    document = Memory({"flags": {"new": True}, "bad": {"x": {"state": "?"}}})
    config = Config(document)
    with config:
        assert make(config).enabled("new")
        with pytest.raises(ChangeRefused, match=r"bad\.x\.state"):
            config.flags(at="bad")


def test_flags_on_a_loop() -> None:
    """On the core's own loop either form gives them."""

    async def test() -> None:
        async with Config(Memory({"flags": {"new": True}})) as config:
            assert (await config.aflags()).enabled("new")
            assert config.flags().enabled("new")

    asyncio.run(test())


def test_explain() -> None:
    """It is told which layers define a flag, whichever way it is written."""
    for document in ({"flags": {"x": True}}, {"flags": {"flags": {"x": True}}}):
        config = Config(Memory(document), Memory({}, name="other"))
        flags = config.flags()
        config.load()
        assert str(flags.explain("x")).splitlines()[0].endswith("x = True in version 1")
        assert len(flags.explain("x").answers) == 1
        assert flags.explain().value == document["flags"]


@pytest.mark.parametrize("document", [{"flags": {"x": switch()}}, {"flags": {"flags": {"x": switch()}}}])
def test_explain_within_an_override(document: dict[str, Any]) -> None:
    """While an override holds it is what is explained, above the definition; of several, the last."""
    config = Config(Memory(document))
    flags = config.flags()
    config.load()
    before = flags.explain("x")
    with flags.override(x=False, y=[1]), flags.override(x={"a": 1}):
        found = flags.explain("x")
        assert found.value == {"a": 1}
        assert [(str(one.origin), one.used) for one in found.answers[:2]] == [
            ("override", True),
            ("override", False),
        ]
        assert [one.value for one in found.answers] == [{"a": 1}, False, switch()]
        assert not any(one.used for one in found.answers[1:])
        assert flags.explain("y").value == [1]
    assert flags.explain("x").answers == before.answers


def test_repr() -> None:
    """They say where they stand."""
    config = Config(Memory({}))
    assert [repr(config.flags()), repr(config.flags(at="a.b")), repr(config.flags(at=""))] == [
        "<Flags at flags>",
        "<Flags at a.b>",
        "<Flags>",
    ]


def test_contradicting_policy() -> None:
    """A policy by which definitions would be put together is an error when the flags are asked for."""
    with pytest.raises(UsageError, match=r"is merged as 'append' by Config"):
        Config(merge={"flags.x": "append"}).flags()


def test_split_needs_a_key() -> None:
    """Without anybody to split by, the default variant holds."""
    config = Config(Memory({"flags": {"x": split(1, 0), "colour": COLOUR}}))
    flags = config.flags()
    config.load()
    assert flags.enabled("x", "somebody")
    assert not flags.enabled("x")
