"""Evaluating a flag, beside flagd's core alone."""

from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from dynconf import Config, Memory
from tests.bench._measure import in_turns, seconds_each
from tests.bench._report import Line

ROUNDS, LOOPS = 300, 4
MOST = 1.1


def _switch(**more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **more}


FLAGS = {
    "fixed": _switch(),
    "by attribute": _switch(
        targeting={"if": [{"in": [{"var": "country"}, ["DE", "AT", "CH"]]}, "on", "off"]}
    ),
    "split": _switch(targeting={"fractional": [["on", 25], ["off", 75]]}),
}


def measure() -> list[Line]:
    """A flag that is the same for everybody, one that goes by an attribute, and a split."""
    config = Config(Memory({"flags": FLAGS}))
    flags = config.flags()
    config.load()
    core = FlagdCore()
    core.set_flags({"flags": {name: {**flag} for name, flag in FLAGS.items()}})
    lines = []
    for name in FLAGS:
        figures = in_turns(
            ROUNDS,
            {
                "ours": seconds_each(
                    f"flags.enabled({name!r}, 'user-1', country='DE')",
                    loops=LOOPS,
                    flags=flags,
                ),
                "core": seconds_each(
                    f"core.resolve_boolean_value({name!r}, False, who('user-1', {{'country': 'DE'}})).value",
                    loops=LOOPS,
                    core=core,
                    who=EvaluationContext,
                ),
            },
        )
        # The fastest of many short runs: the two differ by so little that whatever else runs would hide it.
        took = {who: min(found) for who, found in figures.items()}
        lines.append(
            Line(f"evaluate a flag, {name}", took["ours"], "flagd's core alone", took["core"], "ratio", MOST)
        )
    return lines
