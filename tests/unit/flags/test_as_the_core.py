"""Evaluation is flagd's own: ten thousand random flags give what flagd's core gives."""

import json
import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from dynconf import Config, Flags, Memory
from tests.unit.flags.definitions import split, switch

VALUES: list[list[Any]] = [
    [True, False],
    ["red", "green", "blue"],
    [1, 2, 300],
    [0.5, 2, -1.25],
    [{"a": [1]}, {"a": [2], "b": {}}, []],
]
NAMES = [["on", "off"], ["red", "green", "blue"], ["true", "false"], ["1", "2"]]
DEFAULTS: list[Any] = [False, "default", 7, 7.5, {"default": 1}, ["default"]]
RESOLVERS = ["boolean", "string", "integer", "float", "object", "object"]
COUNTRIES = ["DE", "AT", "FR", "", None]


def condition(random: Random, shared: list[str], depth: int = 3) -> Any:
    """A random rule whose result is looked at as yes or no."""
    leaf = depth == 0
    makers: list[Callable[[], Any]] = [
        lambda: {"==": [{"var": "country"}, random.choice(COUNTRIES)]},
        lambda: {"in": [{"var": ["country", "DE"]}, ["DE", "FR"]]},
        lambda: {random.choice(["<", ">=", "!=", "==="]): [{"var": "age"}, random.randint(0, 80)]},
        lambda: {
            random.choice(["starts_with", "ends_with"]): [{"var": "email"}, random.choice(["a", ".org"])]
        },
        lambda: {"sem_ver": [{"var": "version"}, random.choice(["^", "~", "<", "="]), "1.2.3"]},
        lambda: {"!": {"var": "beta"}},
        lambda: {"missing": ["country", "age"]},
        lambda: {"==": [{"%": [{"var": "age"}, 2]}, 0]},
        lambda: {"some": [{"var": "roles"}, {"==": [{"var": ""}, "admin"]}]},
        lambda: {"==": [{"var": "$flagd.flagKey"}, f"flag {random.randint(0, 99)}"]},
        lambda: random.choice([True, False, 0, 1, None, "text"]),
        lambda: {"$ref": random.choice(shared)} if shared else True,
        lambda: {random.choice(["and", "or"]): [condition(random, shared, depth - 1) for _ in range(2)]},
        lambda: {"if": [condition(random, shared, depth - 1) for _ in range(random.randint(1, 4))]},
    ]
    return random.choice(makers[:-2] if leaf else makers)()


def result(random: Random, names: list[str], shared: list[str], depth: int = 3) -> Any:
    """A random rule that gives the name of a variant, or nothing."""
    kind = random.randint(0, 3) if depth else 0
    if kind == 0:
        return random.choice([*names, None])
    if kind == 1:
        steps = [
            (condition(random, shared), result(random, names, shared, depth - 1))
            for _ in range(random.randint(1, 2))
        ]
        last = [result(random, names, shared, depth - 1)] if random.random() < 0.5 else []
        return {"if": [part for step in steps for part in step] + last}
    if kind == 2:
        buckets = [[random.choice(names), random.randint(0, 50)] for _ in range(2)] + [
            [random.choice(names), 1]
        ]
        by = [{"cat": [{"var": "email"}, "salt"]}] if random.random() < 0.5 else []
        return {"fractional": [*by, *buckets]}
    return {"var": random.choice(["wanted", "country", "age", "beta"])}  # may be no variant at all


def definition(random: Random, shared: list[str]) -> dict[str, Any]:
    """A random definition that is valid."""
    values, names = random.choice(VALUES), random.choice(NAMES)
    found: dict[str, Any] = {
        "state": "DISABLED" if random.random() < 0.05 else "ENABLED",
        "variants": {name: random.choice(values) for name in names},
    }
    if random.random() < 0.9:
        found["defaultVariant"] = random.choice([*names, None, ""])
    if names[0] == "true" and random.random() < 0.3:
        found["defaultVariant"] = random.random() < 0.5
    if random.random() < 0.8:
        rule = result(random, names, shared)
        found["targeting"] = rule if isinstance(rule, dict) else {"if": [condition(random, shared), rule]}
    if random.random() < 0.3:
        found["metadata"] = {"team": "shop", "number": random.randint(0, 9)}
    return found


def somebody(random: Random) -> EvaluationContext:
    """A random context."""
    everything: dict[str, Any] = {
        "country": random.choice(COUNTRIES),
        "age": random.choice([0, 17, 18, 18.5, "30", 80]),
        "email": random.choice(["a@b.org", "x@y.com", 5]),
        "version": random.choice(["1.2.3", "1.2.9-rc.1", "v2", "none"]),
        "beta": random.choice([True, False, "on"]),
        "roles": random.choice([["admin"], ["user"], [], "admin"]),
        "wanted": random.choice(["on", "off", "red", "true", 1, 1.0, True, {"a": 1}]),
    }
    kept = {name: value for name, value in everything.items() if random.random() < 0.8}
    return EvaluationContext(random.choice([f"user-{random.randint(0, 10**6)}", None, ""]), kept)


def asked(core: FlagdCore, way: str, flag: str, default: Any, who: EvaluationContext) -> tuple[Any, ...]:
    """What flagd's core answers; an error is the default and its code."""
    try:
        found = getattr(core, f"resolve_{way}_value")(flag, default, who)
    except OpenFeatureError as error:
        return default, None, "ERROR", error.error_code, {}
    except (TypeError, ValueError, ZeroDivisionError):  # JsonLogic's, of operands that do not go together
        return default, None, "ERROR", "GENERAL", {}
    return found.value, found.variant, found.reason, None, found.flag_metadata


@pytest.mark.timeout(300)  # some hundred thousand evaluations
def test_ten_thousand_flags(caplog: pytest.LogCaptureFixture) -> None:
    """Value, type, variant, reason, error code and metadata are the core's own; of a wrong type as well."""
    caplog.set_level(logging.CRITICAL, "openfeature.contrib")  # what the core alone logs of random rules
    random, seen = Random(20240229), set()  # noqa: S311 - it keeps no secret
    for _ in range(100):
        shared: list[str] = []
        rules: dict[str, Any] = {}
        for number in range(3):
            rules[f"rule {number}"] = condition(random, [], 2)
            shared.append(f"rule {number}")
        flags = {f"flag {number}": definition(random, shared) for number in range(100)}
        document = {"flags": flags, "$evaluators": rules, "metadata": {"set": "random"}}
        core = FlagdCore()
        core.set_flags(json.dumps(document))
        config = Config(Memory(document))
        ours = config.flags(at="")
        config.load()
        for name, flag in flags.items():
            who = somebody(random)
            value = next(iter(flag["variants"].values()))
            own = next(index for index, default in enumerate(DEFAULTS) if type(default) is type(value))
            for index in (own, random.randrange(len(DEFAULTS))):
                way, default = RESOLVERS[index], DEFAULTS[index]
                theirs = asked(core, way, name, default, who)
                found = ours.details(name, default, who)
                mine = (found.value, found.variant, found.reason, found.error_code, found.metadata)
                assert mine == theirs, (flag, rules, who)
                assert type(found.value) is type(theirs[0])
                assert ours.value(name, default, who) == theirs[0]
                seen.add((str(found.reason), str(found.error_code)))
    assert seen >= {
        ("STATIC", "None"),
        ("DEFAULT", "None"),
        ("DISABLED", "None"),
        ("TARGETING_MATCH", "None"),
        ("ERROR", "TYPE_MISMATCH"),
        ("ERROR", "GENERAL"),
    }


def sides(flags: Flags) -> list[bool]:
    """Which of ten thousand keys have the flag on."""
    return [flags.enabled("split", f"user-{number}") for number in range(10_000)]


def test_split_stays() -> None:
    """A quarter of all keys has the flag, and each keeps its side whatever happens to other flags."""
    document = Memory({"flags": {"a": 1, "split": split(25, 75), "b": switch()}})
    config = Config(document)
    flags = config.flags()
    with config:
        before = sides(flags)
        assert 0.23 < sum(before) / len(before) < 0.27
        document.set({"flags": {"c": split(50, 50), "b": switch(on=False), "split": split(25, 75)}})
        flags.until(lambda now: "c" in now.flags, 20)
        assert sides(flags) == before


def test_split_grows() -> None:
    """When the share grows, nobody who had the flag loses it."""
    before, after = (Config(Memory({"flags": {"split": split(share, 100 - share)}})) for share in (25, 50))
    small, large = before.flags(), after.flags()
    before.load()
    after.load()
    assert all(later for earlier, later in zip(sides(small), sides(large), strict=True) if earlier)
