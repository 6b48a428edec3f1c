"""What the tests of changes that have to be prepared share."""

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import model_validator

from dynconf import Binding, Config, Memory, Settings, View
from dynconf._values.prepare import PrepareRefused
from dynconf.testing import ManualClock
from tests.unit.core_props import Guard, Told, guarded

BAD = 13
CLASHING = 14


class Numbers(Settings):
    a: int = 0
    b: int = 0
    c: int = 0

    @model_validator(mode="after")
    def _needs(self) -> "Numbers":
        if self.b == 99 and not self.a:
            raise ValueError
        if self.a == 99 and self.b != 99:
            raise ValueError
        if self.b == CLASHING and self.a == BAD:
            raise ValueError
        return self


class House:
    """A Config over two documents, each with a number, and a guard that refuses a bad `a`."""

    def __init__(self, *guards: Guard, blame: bool = True, clock: ManualClock | None = None) -> None:
        self.left, self.right = Memory({"a": 1}, name="left"), Memory({"b": 1}, name="right")
        self.clock = clock or ManualClock()
        self.config = Config(self.left, self.right, clock=self.clock)
        self.numbers = self.config.bind(Numbers)
        self.guard = Guard(refusing(self.numbers, blame=blame))
        guarded(self.config, *guards, self.guard)
        self.errors = Told()
        self.config.on_error(self.errors)

    def prepared(self) -> list[tuple[int, int]]:
        """The numbers that were prepared, after the start."""
        models = [view[self.numbers] for view in self.guard.asked.items[1:]]
        return [(model.a, model.b) for model in models]

    def state(self, source: str) -> str:
        """A source's state."""
        return next(one.state for one in self.config.status().sources if one.source == source)


def refusing(numbers: Binding[Numbers], *, blame: bool = True) -> Callable[[View], Any]:
    """Refuses a bad `a`, and says whether it was `a` that it looked at."""

    def select(view: View) -> int:
        return view[numbers].a

    def decide(view: View) -> None:
        if select(view) == BAD:
            raise PrepareRefused("nobody answers there", select if blame else None, "a")

    return decide


def refusing_pairs(numbers: Binding[Numbers]) -> Callable[[View], Any]:
    """Refuses a bad `a`, but says that it looked at `b` as well."""

    def select(view: View) -> tuple[int, int]:
        return view[numbers].a, view[numbers].b

    def decide(view: View) -> None:
        if select(view)[0] == BAD:
            raise PrepareRefused("nobody answers there", select)

    return decide


def hanging(numbers: Binding[Numbers]) -> Callable[[View], Any]:
    """Does not get ready for a bad `a`."""
    return lambda view: asyncio.Event().wait() if view[numbers].a == BAD else None


def refusing_all(_: View) -> None:
    """Refuses everything."""
    raise PrepareRefused("not now")


def accepting(_: View) -> None:
    """Refuses nothing."""
