"""Broken definitions are refused where they are written, with path, what was expected, and the place."""

from pathlib import Path
from typing import Any

import pytest

from dynconf import Config, File, Memory
from dynconf.errors import StartFailed
from tests.unit.core_props import Told
from tests.unit.flags.definitions import switch

NONE_HERE = 'there is none here; those at the root are read by config.flags(at="")'
FLAGD = (
    "flags: {x: {state: ENABLED, variants: {a: 1}, targeting: {if: [{$ref: staff}, a]}}}\n"
    "$evaluators: {%s: {var: staff}}\n"
)


def refused(path: Path, text: str, told: str) -> None:
    """The file is refused for that reason, at the place that `@` marks, if it does."""
    path.write_text(text.replace("@", ""))
    config = Config(File(path))
    config.flags()
    with pytest.raises(StartFailed) as failed:
        config.load()
    place = f" [FlagDocument] at {path}:1:{text.index('@') + 1} " if "@" in text else ""
    assert told + place in str(failed.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{x: {state: @1}}", "flags.x.state: expected 'ENABLED' or 'DISABLED', got int"),
        ("{x: @null}", "flags.x: expected a flag's definition, or its value"),
        ("{x: @2026-01-01}", "flags.x: expected a flag's definition, or its value"),
        ("{x: @{state: ENABLED}}", "flags.x.variants: required, but missing"),
        ("{x: {state: ENABLED, variants: {}}}", "flags.x.variants: Dictionary should have at least 1 item"),
        (
            "{x: {state: ENABLED, variants: @{a: 1, b: two}}}",
            "flags.x.variants: all variants are of one type, but 'a' is a number and 'b' a text",
        ),
        ("{x: {state: ENABLED, variants: {a: null}}}", "flags.x.variants: the variant 'a' is no boolean"),
        (
            "{x: {state: ENABLED, variants: {a: 1}, defaultVariant: @b}}",
            "flags.x.defaultVariant: expected one of the variants 'a'",
        ),
        ("{x: {state: ENABLED, variants: {a: 1}, tageting: {}}}", "flags.x.tageting: no such field"),
        (
            "{x: {state: ENABLED, variants: {a: 1}, metadata: {a: [1]}}}",
            "flags.x.metadata.a: expected a valid",
        ),
        ("{$evaluators: @5}", "flags.$evaluators: expected a valid dictionary, got int"),
        (
            "{$override: {x: @[true]}}",
            "flags.$override.x: no document can override flags, only flags.override(...) does",
        ),
        (
            "{x: @true, flags: {x: false}}",
            "flags.x: this flag stands below 'flags' as well: say it there, in every layer",
        ),
        ("{flags: @true}", "flags.flags: expected a valid dictionary, got bool"),
    ],
)
def test_broken_definition(tmp_path: Path, text: str, told: str) -> None:
    """A definition that is not valid is refused."""
    refused(tmp_path / "app.yaml", f"flags: {text}", told)


@pytest.mark.parametrize(
    ("targeting", "told"),
    [
        ("@5", ": expected a valid dictionary, got int"),
        ("{iff: @[1, a]}", ".iff: no such operator; did you mean if?"),
        ("{if: [{}, @b]}", ".if.1: expected one of the variants 'a'"),
        ("{if: [{foo: @1}, a]}", ".if.0.foo: no such operator"),
        ("{if: [1, @{a: 1, b: 2}]}", ".if.1: expected an operator, or the name of a variant"),
        ("{if: [1, @7]}", ".if.1: expected one of the variants 'a'"),
        ("@{'==': [1, 2]}", ": gives true or false, which none of the variants 'a' is called"),
        ("{$ref: @x}", f".$ref: expected the name of a shared rule, of $evaluators; {NONE_HERE}"),
        ("{if: [1, {if: [{$ref: x}, a]}]}", ".if.1.if.0.$ref: expected the name of a shared rule"),
        ("{$ref: @[a]}", f".$ref: expected the name of a shared rule, of $evaluators; {NONE_HERE}"),
        ("{$ref: @{var: q}}", f".$ref: expected the name of a shared rule, of $evaluators; {NONE_HERE}"),
        (
            "{if: [{in: [1, {y: {$ref: @x}, z: 1}]}, a]}",
            f".if.0.in.1.y.$ref: expected the name of a shared rule, of $evaluators; {NONE_HERE}",
        ),
        ("{and: [{var: x}, @b]}", ".and.1: expected one of the variants 'a'"),
        ("{or: [@b, a]}", ".or.0: expected one of the variants 'a'"),
        ("{and: [@off, a]}", ".and.0: expected one of the variants 'a'"),
        ("{and: [{var: x}, {or: [{var: y}, @b]}]}", ".and.1.or.1: expected one of the variants 'a'"),
        ("{if: [1, {or: [{var: x}, @b]}]}", ".if.1.or.1: expected one of the variants 'a'"),
        ("{if: @b}", ".if: expected one of the variants 'a'"),
        ("{and: [@{'==': [1, 2]}, a]}", ".and.0: gives false, which none of the variants 'a' is called"),
        ("{or: [@{'!': {var: x}}, a]}", ".or.0: gives true, which none of the variants 'a' is called"),
        ("{or: [@[1], a]}", ".or.0: expected an operator, or the name of a variant"),
        ("{var: [x, @b]}", ".var.1: expected one of the variants 'a'"),
        ("{fractional: [[@b, 1]]}", ".fractional.0.0: expected one of the variants 'a'"),
        ("{fractional: [{var: x}, [@b, 1]]}", ".fractional.1.0: expected one of the variants 'a'"),
        ("{fractional: @[]}", ".fractional: expected at least one variant with its weight, as in ['on', 25]"),
        ("{fractional: [@[a, b, 1]]}", ".fractional.0: expected a variant and its weight, as in ['on', 25]"),
        ("{fractional: [[a, @0.5]]}", ".fractional.0.1: expected a weight: a whole number, 0 or more"),
        ("{fractional: [[a, @-1]]}", ".fractional.0.1: expected a weight: a whole number, 0 or more"),
        (
            "{fractional: @[[a, 0]]}",
            ".fractional: expected weights that add up to something, at most 2147483647",
        ),
        ("{fractional: [[a, 2000000000], [a, 2000000000]]}", ".fractional: expected weights that add up"),
        ("{if: [{sem_ver: @[1, '=']}, a]}", ".if.0.sem_ver: expected a version, a comparison and a version"),
        ("{if: [{sem_ver: [{var: v}, '==', 1]}, a]}", ".if.0.sem_ver.1: expected one of = != <"),
        (
            "{if: [{sem_ver: [{var: v}, '=', @x]}, a]}",
            ".if.0.sem_ver.2: expected a semantic version, as in '1.2.3'",
        ),
        ("{if: [{starts_with: @[{var: v}]}, a]}", ".if.0.starts_with: expected two texts"),
        ("{if: [{ends_with: [{var: v}, @1]}, a]}", ".if.0.ends_with.1: expected a text"),
    ],
)
def test_broken_targeting(tmp_path: Path, targeting: str, told: str) -> None:
    """A rule that cannot work is refused when it is written, not found when somebody is evaluated by it."""
    text = f"flags: {{x: {{state: ENABLED, variants: {{a: 1}}, targeting: {targeting}}}}}"
    refused(tmp_path / "app.yaml", text, f"flags.x.targeting{told}")


@pytest.mark.parametrize(
    ("at", "name", "told"), [("flags", "staff", NONE_HERE), ("", "stuff", "there are 'stuff'")]
)
def test_shared_rules_at_the_root(tmp_path: Path, at: str, name: str, told: str) -> None:
    """Of a document of flagd's whose flags are read without its shared rules it is told how to read both."""
    path = tmp_path / "app.yaml"
    path.write_text(FLAGD % name)
    config = Config(File(path))
    config.flags(at=at)
    with pytest.raises(StartFailed) as failed:
        config.load()
    assert f"$ref: expected the name of a shared rule, of $evaluators; {told} [" in str(failed.value)


def test_no_shared_rules_at_all() -> None:
    """At the root there is nowhere else to read them from."""
    config = Config(Memory({"flags": {"x": switch(targeting={"$ref": "staff"})}}))
    config.flags(at="")
    with pytest.raises(StartFailed, match=r"of \$evaluators; there is none \["):
        config.load()


@pytest.mark.parametrize(
    ("rules", "reference", "told"),
    [
        ("{r: {foo: @1}}", "", "flags.$evaluators.r.foo: no such operator"),
        (
            "{r: {$ref: @s}}",
            "",
            "flags.$evaluators.r.$ref: expected the name of a shared rule, of $evaluators; there are 'r'",
        ),
        ("{r: @{if: [{$ref: r}, a]}}", "", "flags.$evaluators.r: it is a part of itself, by way of r"),
        ("{r: b}", "@", "flags.x.targeting.if.1: expected one of the variants 'a'"),
        (
            "{r: {'!': {y: {$ref: @s}, z: 1}}}",
            "",
            "flags.$evaluators.r.!.y.$ref: expected the name of a shared rule, of $evaluators; there are 'r'",
        ),
    ],
)
def test_broken_shared_rule(tmp_path: Path, rules: str, reference: str, told: str) -> None:
    """What is wrong with a shared rule is told of that; that it does not fit a flag is told of the flag."""
    flag = f"{{state: ENABLED, variants: {{a: 1}}, targeting: {{if: [1, {reference}{{$ref: r}}]}}}}"
    refused(tmp_path / "app.yaml", f"flags: {{$evaluators: {rules}, x: {flag}}}", told)


def test_shared_rules_that_multiply() -> None:
    """Shared rules that stand in each other many times are refused before they fill the memory."""
    rules: dict[str, Any] = {"r0": {"var": "x"}}
    for number in range(1, 64):
        rules[f"r{number}"] = {"or": [{"$ref": f"r{number - 1}"}] * 2}
    flag = switch(targeting={"if": [{"$ref": "r63"}, "on"]})
    config = Config(Memory({"flags": {"x": flag, "$evaluators": rules}}))
    config.flags()
    with pytest.raises(
        StartFailed, match=r"flags\.x\.targeting: with its shared rules it has more than 10000"
    ):
        config.load()


def test_shared_rules_that_go_deep() -> None:
    """Shared rules that stand in each other so deep that nobody could evaluate them are refused."""
    rules: dict[str, Any] = {"r0": {"var": "x"}}
    for number in range(1, 400):
        rules[f"r{number}"] = {"!": {"$ref": f"r{number - 1}"}}
    flag = switch(targeting={"if": [{"$ref": "r399"}, "on"]})
    config = Config(Memory({"flags": {"x": flag, "$evaluators": rules}}))
    config.flags()
    with pytest.raises(StartFailed, match=r"flags\.x\.targeting: with its shared rules it is more than 128"):
        config.load()


def test_shared_rule_that_is_a_name(tmp_path: Path) -> None:
    """A flag whose whole rule is a shared one that is none is told so."""
    text = "flags: {$evaluators: {r: a}, x: {state: ENABLED, variants: {a: 1}, targeting: @{$ref: r}}}"
    refused(
        tmp_path / "app.yaml", text, "flags.x.targeting: expected an operator, but the shared rule is none"
    )


def test_refused_change_alters_nothing(tmp_path: Path) -> None:
    """A broken definition leaves all flags of its document as they were; the status says where it is."""
    path = tmp_path / "app.yaml"
    path.write_text("flags:\n  a: 1\n  b: 1\n")
    config = Config(File(path))
    flags = config.flags()
    errors = Told()
    config.on_error(errors)
    with config:
        path.write_text("flags:\n  a: 2\n  b: {state: ENABLED}\n")
        [error] = errors.wait(1)
        assert "flags.b.variants: required, but missing" in str(error)
        assert f"{path}:3:6" in str(config.status())
        assert [flags.value(name, 0) for name in "ab"] == [1, 1]


def test_no_value_is_told(tmp_path: Path) -> None:
    """What a definition holds is in no message."""
    rule = "{if: [{sem_ver: [hunter2, hunter2, hunter2]}, hunter2]}"
    path = tmp_path / "app.yaml"
    path.write_text(
        "flags: {x: {state: hunter2, variants: {a: hunter2, b: 1}, defaultVariant: hunter2},"
        f" y: {{state: ENABLED, variants: {{a: 1}}, targeting: {rule}}},"
        " z: {state: ENABLED, variants: {a: 1}, targeting: {$ref: hunter2}}}"
    )
    config = Config(File(path))
    config.flags()
    with pytest.raises(StartFailed) as failed:
        config.load()
    assert "hunter2" not in str(failed.value)
