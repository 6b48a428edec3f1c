"""What flags evaluate to, and what is told where they cannot."""

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from dynconf import Config, Flags, Memory
from dynconf.errors import NotStarted, UsageError
from tests.unit.core_props import LOOK
from tests.unit.flags.definitions import COLOUR, split, switch


def loaded(flags: Mapping[str, Any], at: str = "flags") -> Flags:
    """Flags of one document, loaded once."""
    config = Config(Memory({"flags": dict(flags)}))
    found = config.flags(at=at)
    config.load()
    return found


def test_plain_values() -> None:
    """A name with a value is a flag that is always that, of its own type."""
    flags = loaded({"new": True, "old": False, "limit": 5, "rate": 0.5, "text": "hi", "hosts": ["a", "b"]})
    assert flags.enabled("new") is True
    assert flags.enabled("old", "somebody", country="DE") is False
    assert flags.value("limit", 1) == 5
    assert flags.value("limit", 1.5) == 5.0
    assert flags.value("rate", 0.1) == 0.5
    assert flags.value("text", "") == "hi"
    assert flags.value("hosts", []) == ["a", "b"]
    details = flags.details("new", False)
    assert (details.value, details.variant, details.reason) == (True, "on", "STATIC")
    assert flags.details("limit", 1).variant == "value"


@pytest.mark.parametrize("text", ["true", "True", "FALSE"])
def test_switch_as_text(text: str) -> None:
    """Where everything is text, as in the environment and in properties, true and false are booleans."""
    assert loaded({"new": text}).details("new", True).value is (text in {"true", "True"})


def test_targeting() -> None:
    """A rule decides by the attributes, whether they are given by name or in an OpenFeature context."""
    flags = loaded({"colour": COLOUR})
    german = EvaluationContext("u1", {"country": "DE", "beta": True})
    assert flags.value("colour", "") == "#f00"
    assert flags.value("colour", "", "u1", country="DE") == "#00f"
    assert flags.value("colour", "", german) == "#00f"
    assert flags.value("colour", "", german, country="FR") == "#f00"
    details = flags.details("colour", "", german)
    assert (details.variant, details.reason, details.error_code) == ("blue", "TARGETING_MATCH", None)
    assert flags.details("colour", "").reason == "DEFAULT"


@dataclass(frozen=True)
class Visitor:
    """Somebody's own context."""

    targeting_key: str
    attributes: dict[str, Any]


def test_context_of_ones_own() -> None:
    """What has a targeting key and attributes, as OpenFeature's context has, is understood as that."""
    flags = loaded({"colour": COLOUR, "split": split(1, 1)})
    assert flags.value("colour", "", Visitor("u1", {"country": "DE"})) == "#00f"
    assert flags.value("colour", "", Visitor("u1", {"country": "DE"}), country="FR") == "#f00"
    for number in range(16):
        key = f"user-{number}"
        assert flags.enabled("split", Visitor(key, {})) == flags.enabled("split", key)


@pytest.mark.parametrize("flag", ["fixed", "colour"])
def test_a_mapping_is_no_key(flag: str) -> None:
    """Attributes in the key's place are a mistake that is told at once, not only when a flag has a rule."""
    flags = loaded({"fixed": True, "colour": COLOUR})
    attributes: Any = {"country": "DE"}
    for ask in (flags.value, flags.details):
        with pytest.raises(UsageError, match=r"given by name: .*country"):
            ask(flag, None, attributes)
    with pytest.raises(UsageError):
        flags.value(flag, True, attributes)
    with pytest.raises(UsageError):
        flags.enabled(flag, attributes)


def test_attributes_of_any_name() -> None:
    """An attribute may be called as an argument is."""
    rule = {
        "if": [{"==": [{"cat": [{"var": "flag"}, {"var": "key"}, {"var": "default"}]}, "abc"]}, "on", "off"]
    }
    flags = loaded({"x": switch(on=False, targeting=rule)})
    assert flags.enabled("x", flag="a", key="b", default="c")


def test_operators_of_flagd() -> None:
    """What flagd adds to JsonLogic is there: versions, beginnings and ends of texts, splits, its name."""
    both = {"and": [{"starts_with": [{"var": "email"}, "a"]}, {"ends_with": [{"var": "email"}, "z"]}]}
    new = {"sem_ver": [{"var": "version"}, ">=", "2.1.0"]}
    own = {"==": [{"var": "$flagd.flagKey"}, "own"]}
    flags = loaded(
        {name: switch(on=False, targeting={"if": [rule, "on", "off"]}) for name, rule in
         {"both": both, "new": new, "own": own}.items()} | {"split": split(1, 1)}
    )  # fmt: skip
    assert flags.enabled("both", email="a-z")
    assert not flags.enabled("both", email="a-y")
    assert flags.enabled("new", version="2.10.0")
    assert not flags.enabled("new", version="2.0.9")
    assert flags.enabled("own")
    assert {flags.enabled("split", f"user-{number}") for number in range(64)} == {True, False}


def test_keys_that_are_no_text() -> None:
    """A number, or whatever names a user, splits as its text does."""
    flags = loaded({"split": split(1, 1)})
    sides = [flags.enabled("split", number) for number in range(64)]  # type: ignore[arg-type]
    assert sides == [flags.enabled("split", str(number)) for number in range(64)]
    assert {*sides} == {True, False}


@pytest.mark.parametrize(
    ("flag", "default", "code", "told"),
    [
        ("nowhere", True, "FLAG_NOT_FOUND", "no flag is called so"),
        ("nowhere", None, "FLAG_NOT_FOUND", "no flag is called so"),
        ("new", "text", "TYPE_MISMATCH", "Expected type str but got bool"),
        ("new", 1, "TYPE_MISMATCH", "Expected type int but got bool"),
        ("limit", True, "TYPE_MISMATCH", "Expected type bool but got int"),
        ("rate", 1, "TYPE_MISMATCH", "Expected type int but got float"),
        ("limit", object(), "TYPE_MISMATCH", "no flag has values such as the default, a object"),
        ("chosen", "x", "GENERAL", "its targeting gives what none of its variants is called"),
        ("chosen", "y", "GENERAL", "its targeting gives what none of its variants is called"),
        ("dividing", True, "GENERAL", "its targeting failed: ZeroDivisionError in "),
    ],
)
def test_what_goes_wrong(flag: str, default: Any, code: str, told: str) -> None:
    """Where there is no such value the default serves; the details say why, with OpenFeature's code."""
    flags = loaded(
        {
            "new": True,
            "limit": 5,
            "rate": 0.5,
            "chosen": COLOUR | {"targeting": {"var": "colour"}},
            "dividing": switch(targeting={"if": [{"/": [1, 0]}, "on", "off"]}),
        }
    )
    details = flags.details(flag, default, colour="green")
    assert (details.value, details.reason, details.error_code) == (default, "ERROR", code)
    assert str(details.error_message).startswith(told)
    assert details.variant is None
    assert flags.value(flag, default, colour="green") is default


def test_enabled_of_what_is_no_switch() -> None:
    """A flag that is not there, or no boolean, is not on."""
    flags = loaded({"one": 1, "text": "yes", "colour": COLOUR})
    assert [flags.enabled(name) for name in ("nowhere", "one", "text", "colour")] == [False] * 4


def test_disabled_and_without_default() -> None:
    """Disabled, or without a default variant, a flag gives the caller's default; neither is an error."""
    flags = loaded(
        {
            "disabled": switch(state="DISABLED"),
            "open": switch(defaultVariant=None),
            "empty": switch(defaultVariant=""),
            "missing": {"state": "ENABLED", "variants": {"a": 1}},
            "nothing said": switch(defaultVariant=None, targeting={"if": [{"var": "beta"}, "on"]}),
        }
    )
    for name, default in (
        ("disabled", True),
        ("open", True),
        ("empty", True),
        ("missing", 7),
        ("nothing said", True),
    ):
        details = flags.details(name, default)
        assert (details.value, details.variant, details.error_code) == (default, None, None)
        assert details.reason == ("DISABLED" if name == "disabled" else "DEFAULT")
    assert not flags.enabled("disabled")
    assert flags.details("nothing said", False, beta=True).variant == "on"


def test_a_variant_without_a_name() -> None:
    """It is not the default where no default is named."""
    definition = {"state": "ENABLED", "variants": {"": True, "off": False}}
    flags = loaded({"named": definition | {"defaultVariant": "off"}, "unnamed": definition})
    for default in (True, False):
        assert flags.value("named", default) is False
        assert flags.value("unnamed", default) is flags.details("unnamed", default).value is default


def test_default_says_the_type() -> None:
    """Without a default the flag's own type holds; subclasses of a type are that type."""

    class Colour(StrEnum):
        RED = "#f00"

    mixed = COLOUR | {"variants": {"red": 1, "blue": 2.5}}
    plain = {"new": True, "limit": 5, "rate": 0.5, "hosts": ["a"]}
    flags = loaded({"mixed": mixed, "colour": COLOUR, **plain})
    assert [flags.value(name, None) for name in ("new", "limit", "rate", "colour")] == [True, 5, 0.5, "#f00"]
    assert [flags.value("mixed", None), flags.value("mixed", None, country="DE")] == [1.0, 2.5]
    assert flags.value("hosts", None) == ["a"]
    assert flags.value("colour", Colour.RED, country="DE") == "#00f"
    nobody: Sequence[str] = ()
    assert flags.value("hosts", nobody) == ["a"]


def test_not_a_number() -> None:
    """NaN is a number like any other."""
    flags = loaded({"rate": math.nan})
    assert math.isnan(flags.value("rate", 1.0))


def test_values_are_the_callers() -> None:
    """Whoever alters a value that he was given alters nobody else's."""
    flags = loaded(
        {"hosts": ["a"], "theme": {"state": "ENABLED", "variants": {"x": {"a": [1]}}, "defaultVariant": "x"}}
    )
    flags.value("hosts", ["z"]).append("b")
    plain: dict[str, list[int]] = {}
    flags.value("theme", plain)["a"].append(2)
    assert flags.value("hosts", ["z"]) == ["a"]
    assert flags.value("theme", plain) == {"a": [1]}


def test_metadata() -> None:
    """What a flag, and the document, says of itself comes with the details; the flag's word goes first."""
    document = {"flags": {"x": switch(metadata={"team": "shop"})}, "metadata": {"team": "all", "version": 2}}
    assert loaded(document).details("x", False).metadata == {"team": "shop", "version": 2}


def test_before_the_load() -> None:
    """Asking before anything is loaded raises; a toggle that is read too early is not just off."""
    flags = Config(Memory({"flags": {"new": True}})).flags()
    for ask in (flags.enabled, lambda name: flags.value(name, 1), lambda name: flags.details(name, 1)):
        with pytest.raises(
            NotStarted, match=r"^flags are asked for before they are loaded: use `with config:`"
        ):
            ask("new")


def test_failures_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """That a flag has no value is logged once for each version, with its name and no value."""
    flags = loaded({"colour": COLOUR | {"targeting": {"var": "colour"}}})
    with caplog.at_level(logging.WARNING, "dynconf.flags"):
        for _ in range(3):
            flags.value("colour", "", colour="hunter2")
            flags.value("no\nwhere", "hunter2")
    assert [record.getMessage() for record in caplog.records] == [
        f"the flag {flag} has no value, so its default serves: {why}"
        for flag, why in [
            ("'colour'", "its targeting gives what none of its variants is called (GENERAL)"),
            (r"'no\nwhere'", "no flag is called so (FLAG_NOT_FOUND)"),
        ]
    ]


def test_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Names that somebody makes up fill neither the log nor the memory."""
    flags = loaded({})
    with caplog.at_level(logging.WARNING, "dynconf.flags"):
        for number in range(1000):
            flags.enabled(f"made-up-{number}")
    assert len(caplog.records) == 100


def from_version(version: str) -> dict[str, Any]:
    """A flag that is on from a version on."""
    return switch(on=False, targeting={"if": [{"sem_ver": [{"var": "version"}, ">=", version]}, "on"]})


def test_core_logs_nothing_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """What flagd's core says at each evaluation, with values, is told once for each version, without them."""
    document = {"new": from_version("2.1.0"), "part": split(1, 1)}
    mail = switch(on=False, targeting={"if": [{"ends_with": [{"var": "mail"}, "x"]}, "on"]})
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            flags = loaded(document | {"mail": mail})
            for _ in range(3):
                assert flags.details("new", True, "u1").reason == "DEFAULT"
                assert flags.details("new", True, "u1", version="hunter2").reason == "DEFAULT"
                assert flags.details("part", True).reason == "DEFAULT"
                assert flags.details("mail", True, mail=["hunter2"]).reason == "DEFAULT"
    assert "hunter2" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("openfeature")]
    told = [record for record in caplog.records if record.name == "dynconf.flags"]
    assert [record.args for record in told] == [(name,) for name in ("new", "part", "mail")] * 2
    assert {record.levelname for record in told} == {"DEBUG"}


class Broken:
    """An attribute that cannot be compared."""

    def __str__(self) -> str:
        raise OSError


def test_core_logs_for_others(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever uses flagd's core himself sees its log as ever, also after an evaluation that failed."""
    flags = loaded({"new": from_version("2.1.0")})
    core = FlagdCore()
    core.set_flags({"flags": {"new": from_version("2.1.0")}})
    assert flags.details("new", True, version=Broken()).error_code == "GENERAL"
    core.resolve_boolean_value("new", False, EvaluationContext("u1"))
    assert "openfeature.contrib" in [record.name for record in caplog.records]


class Blocking(Mapping[str, Any]):
    """Attributes that are read only when somebody says so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def __getitem__(self, key: str) -> Any:
        return "DE"

    def __iter__(self) -> Any:
        self.asked.set()
        assert self.go_on.wait(LOOK)
        return iter(["country"])

    def __len__(self) -> int:
        return 1


def test_nobody_waits_for_another() -> None:
    """Evaluations take no lock: one that hangs holds up no other, on another thread or in a forked child."""
    flags = loaded({"colour": COLOUR})
    slow, found = Blocking(), []
    thread = threading.Thread(
        target=lambda: found.append(flags.value("colour", "", EvaluationContext("u", slow)))
    )
    thread.start()
    assert slow.asked.wait(LOOK)
    other = threading.Thread(target=lambda: found.append(flags.value("colour", "", country="FR")))
    other.start()
    other.join(LOOK)
    first = [*found]
    slow.go_on.set()
    thread.join(LOOK)
    assert first == ["#f00"]
    assert found == ["#f00", "#00f"]
