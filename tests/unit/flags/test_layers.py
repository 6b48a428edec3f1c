"""Flags of several layers, and values laid over them for a test."""

import asyncio
from typing import Any

import pytest

from dynconf import Config, Flags, Memory, Settings
from dynconf.errors import UsageError
from tests.unit.core_props import LOOK, Told
from tests.unit.flags.definitions import COLOUR, switch

RULE = {"if": [{"var": "beta"}, "on"]}


def layered(*documents: dict[str, Any], at: str = "flags") -> Flags:
    """Flags of several documents, lowest first."""
    config = Config(*(Memory(document, name=f"layer {number}") for number, document in enumerate(documents)))
    flags = config.flags(at=at)
    config.load()
    return flags


def test_definition_replaces_whole() -> None:
    """The highest layer's definition is all of it: no rule, variant or metadata of a lower one is left."""
    low = switch(on=False, targeting=RULE, metadata={"team": "shop"})
    high = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    for below in (False, True):
        layers = [{"x": low, "y": 1}, {"x": high}]
        documents = [{"flags": {"flags": flags} if below else flags} for flags in layers]
        found = layered(*documents)
        assert not found.enabled("x", beta=True)
        assert found.details("x", True).metadata == {}
        assert found.value("y", 0) == 1


def test_half_a_definition_is_refused() -> None:
    """A higher layer cannot alter a part of a definition, not even to switch it off."""
    low, high = Memory({"flags": {"x": switch()}}), Memory({}, name="high")
    config = Config(low, high)
    flags = config.flags()
    errors = Told()
    config.on_error(errors)
    with config:
        high.set({"flags": {"x": {"state": "DISABLED"}}})
        [text] = errors.texts(1)
        assert "flags.x.variants: required, but missing [FlagDocument] at high" in text
        assert flags.enabled("x")


@pytest.mark.parametrize("value", [False, {"state": "DISABLED", "variants": {"on": True}}])
def test_value_and_definition_replace_each_other(value: Any) -> None:
    """A plain value stands for a whole definition, above one and below one."""
    assert not layered({"flags": {"x": switch()}}, {"flags": {"x": value}}).enabled("x")
    assert layered({"flags": {"x": value}}, {"flags": {"x": switch()}}).enabled("x")


def test_switching_off_what_a_whole_document_says() -> None:
    """Above a document of flagd's a plain value stands where its flags do, and is refused beside them."""
    low, high = Memory({"flags": {"flags": {"x": switch()}}}), Memory({}, name="high")
    config = Config(low, high)
    flags = config.flags()
    errors = Told()
    config.on_error(errors)
    with config:
        high.set({"flags": {"x": False}})
        [text] = errors.texts(1)
        assert "flags.x: this flag stands below 'flags' as well: say it there, in every layer" in text
        assert "at high" in text
        high.set({"flags": {"flags": {"x": False}}})
        flags.until(lambda now: not now.enabled("x"), LOOK)


def test_shared_rule_replaces_whole() -> None:
    """The highest layer's shared rule is all of it, and flags of all layers refer to it; others stay."""
    low: dict[str, Any] = {
        "flags": {name: switch(on=False, targeting={"if": [{"$ref": name}, "on"]}) for name in ("a", "b")},
        "$evaluators": {"a": {"in": [{"var": "country"}, ["DE", "AT"]]}, "b": {"var": "b"}},
    }
    high = {"$evaluators": {"a": {"in": [{"var": "country"}, ["FR"]]}}}
    flags = layered(low, high, at="")
    assert [flags.enabled("a", country=country) for country in ("DE", "FR")] == [False, True]
    assert flags.enabled("b", b=True)


def test_rule_of_two_keys_is_not_merged() -> None:
    """A shared rule with another operator in a higher layer is no mapping of both operators."""
    low = {"flags": {"a": switch(on=False, targeting={"if": [{"$ref": "r"}, "on"]})}}
    flags = layered(
        low, {"$evaluators": {"r": {"var": "x"}}}, {"$evaluators": {"r": {"!": {"var": "y"}}}}, at=""
    )
    assert flags.enabled("a")
    assert not flags.enabled("a", y=1)


def test_metadata_merges() -> None:
    """What is said of all flags merges by key, as settings do."""
    flags = layered(
        {"flags": {"x": True}, "metadata": {"team": "shop", "stage": "test"}},
        {"metadata": {"stage": "prod"}},
        at="",
    )
    assert flags.details("x", False).metadata == {"team": "shop", "stage": "prod"}


def test_other_settings_merge_as_ever() -> None:
    """Flags at the root leave the other keys' merging alone."""
    config = Config(Memory({"redis": {"host": "a", "port": 1}}), Memory({"redis": {"port": 2}}, name="high"))
    config.flags(at="")
    config.load()
    assert config.get("redis") == {"host": "a", "port": 2}


DOCUMENTS = [
    {"flags": {"x": switch(), "colour": COLOUR}},
    {"flags": {"flags": {"x": switch(), "colour": COLOUR}}},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["by name", "flagd's document"])
def test_override(document: dict[str, Any]) -> None:
    """Within an override flags are what it says, for everybody; overrides nest, and leave nothing behind."""
    flags = layered(document)
    before = flags.current
    with flags.override(x=False, colour="#0f0", **{"new one": 5}):
        assert not flags.enabled("x")
        assert flags.value("colour", "", country="DE") == "#0f0"
        assert flags.value("new one", 0) == 5
        with flags.override(x=True, theme={"a": {"b": 1}}):
            with flags.override(theme={"a": {"c": 2}}):
                assert flags.value("theme", None) == {"a": {"c": 2}}
            assert flags.enabled("x")
            assert flags.value("theme", None) == {"a": {"b": 1}}
        assert not flags.enabled("x")
        assert flags.value("colour", "") == "#0f0"
    assert flags.current == before
    assert flags.details("new one", 0).error_code == "FLAG_NOT_FOUND"


@pytest.mark.parametrize("at", ["flags", ""])
def test_override_is_seen_as_flags_only(at: str) -> None:
    """What is laid over flags is no key of the tree: neither plain reads nor other classes see it."""

    class Everything(Settings):
        flags: dict[str, Any]

    config = Config(Memory({"flags": {"x": False}}))
    flags, others = config.flags(at=at), config.bind(Everything)
    same = config.flags(at=at)
    config.load()
    with flags.override(x=True, theme={"a": 1}):
        assert flags.enabled("x")
        assert same.enabled("x")
        assert config.get("") == {"flags": {"x": False}}
        assert config.view()[flags].enabled("x")
        assert others.current.flags == {"x": False}
        assert str(config.history).splitlines()[-1].endswith(f"{at and 'flags.'}$override (by override)")
    assert not flags.enabled("x")


def test_overrides_end_in_any_order() -> None:
    """Of overrides of flags and of settings at one path each ends by itself, whatever changes meanwhile."""

    class Everything(Settings):
        flags: dict[str, Any]

    document = Memory({"flags": {"x": False, "y": 1}})
    config = Config(document)
    flags, others = config.flags(), config.bind(Everything)
    first, second = flags.override(x=True, y=2), others.override(flags={"x": False, "z": 3})
    with config:
        first.__enter__()
        second.__enter__()
        assert (flags.enabled("x"), flags.value("y", 0), flags.value("z", 0)) == (True, 2, 3)
        document.set({"flags": {"x": True, "y": 4}})
        others.until(lambda now: now.flags["y"] == 4, LOOK)
        first.__exit__()
        assert (flags.enabled("x"), flags.value("y", 0), flags.value("z", 0)) == (False, 4, 3)
        second.__exit__()
        assert (flags.enabled("x"), flags.details("z", 0).error_code) == (True, "FLAG_NOT_FOUND")


@pytest.mark.parametrize("at", ["flags", ""])
def test_override_before_the_load(at: str) -> None:
    """A test can say what flags are without any source, and before there is one."""
    config = Config(Memory({"flags": {"x": False, "y": True}}))
    flags = config.flags(at=at)
    with flags.override(x=True):
        assert flags.enabled("x")
        assert not flags.enabled("y")
        config.load()
        assert flags.enabled("x")
        assert flags.enabled("y")
    assert not flags.enabled("x")


def test_override_while_running() -> None:
    """Subscribers are told of an override as of any change, and of its end."""
    config = Config(Memory({"flags": {"x": False}}))
    flags = config.flags()
    told = Told()
    flags.on_change("x")(told)

    with config:
        with flags.override(x=True):
            assert told.wait(1)[0].new.fixed is True
        assert told.wait(2)[1].new.fixed is False

    async def test() -> None:
        async with config, flags.override(x=True):
            assert flags.enabled("x")

    asyncio.run(test())
    assert not flags.enabled("x")


@pytest.mark.parametrize("value", [None, object(), {1}])
def test_override_with_no_value(value: Any) -> None:
    """A flag cannot be made what no flag can be."""
    with pytest.raises(UsageError, match="the flag 'x' cannot be a"):
        layered({}).override(x=value)
