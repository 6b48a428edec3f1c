"""Changes that have to be prepared: who may refuse them, and what gets through all the same."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import model_validator

from dynconf import Binding, Config, Memory, Settings, View
from dynconf._manager.prepare import PrepareRefused
from dynconf.errors import ChangeRefused, StartFailed
from dynconf.testing import ManualClock
from tests.unit.core_props import Guard, Told, at_once, guarded

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


def refusing_all(_: View) -> None:
    """Refuses everything."""
    raise PrepareRefused("not now")


def accepting(_: View) -> None:
    """Refuses nothing."""


def test_a_change_is_prepared_and_committed_once() -> None:
    """What is accepted is prepared once with the new values, then committed, then seen."""
    house = House()
    with house.config:
        house.left.set({"a": 2})
        house.numbers.until(lambda now: now.a == 2, 20)
        assert house.prepared() == [(2, 1)]
    assert house.guard.log == ["prepare", "commit"] * 2


def test_what_nobody_can_see_is_not_prepared() -> None:
    """New content without any difference asks nobody, and commits nothing that was not prepared."""
    house = House()
    with house.config:
        house.left.set({"a": 1})
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
    assert house.guard.log == ["prepare", "commit"] * 2


@pytest.mark.parametrize("blame", [True, False])
def test_only_the_blamed_document_is_held(blame: bool) -> None:
    """Of two documents in one batch, the one without fault gets through, named or not."""
    house = House(blame=blame)
    with house.config:
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 2}))
        house.numbers.until(lambda now: now.b == 2, 20)
        [text] = house.errors.texts()
        assert "nobody answers there" in text
        assert "left" in text
        assert house.numbers.current == Numbers(a=1, b=2)
        assert (house.state("left"), house.state("right")) == ("refused", "live")
    assert house.guard.outcomes.strip("pc") in {"", "a"}


@pytest.mark.parametrize("blame", [True, False])
@pytest.mark.parametrize("more", [[], [{"c": 1}], [{"c": 1}, {"c": 2}]])
def test_what_is_valid_without_the_blamed_document_is_taken(blame: bool, more: list[dict[str, int]]) -> None:
    """A document that clashes with a refused one, not with what serves, gets through and is not blamed."""
    house = House(blame=blame)
    others = [(Memory({}, name=f"more{number}"), content) for number, content in enumerate(more)]
    for memory, _ in others:
        house.config.add(memory)
    with house.config:
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": CLASHING}), *others)
        house.numbers.until(lambda now: now.b == CLASHING, 20)
        assert house.numbers.current == Numbers(a=1, b=CLASHING, c=len(more))
        [text] = house.errors.texts()
        assert "nobody answers there" in text
        assert [one.state for one in house.config.status().sources] == [
            "refused",
            "live",
            *["live" for _ in more],
        ]
    assert house.guard.outcomes.replace("pc", "").replace("pa", "") == ""


def test_the_held_document_delays_nobody() -> None:
    """While a document is held, changes of others are prepared without it."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.errors.wait()
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.prepared() == [(BAD, 1), (1, 2)]


def test_retry_after_a_back_off() -> None:
    """What was refused is tried again after a second, then after twice as long; then it is taken."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        for number, delay in enumerate((1.0, 2.0, 4.0), 2):
            house.clock.wait_for_sleepers()
            house.clock.advance(delay - 0.25)
            assert house.clock.sleepers == 1
            house.clock.advance(0.25)
            house.guard.asked.wait(number + 1)
        house.clock.wait_for_sleepers()
        house.guard.decide = accepting
        house.clock.advance(30.0)
        house.numbers.until(lambda now: now.a == BAD, 20)
        assert house.state("left") == "live"
        assert len(house.errors.items) == 1


def test_another_value_is_tried_at_once() -> None:
    """A held document that is edited does not wait for the back-off."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.errors.wait()
        house.left.set({"a": 2})
        assert house.numbers.until(lambda now: now.a == 2, 20).b == 1
        assert house.state("left") == "live"


def test_reload_tries_again() -> None:
    """`reload` tries what is held, and says so if it is still refused."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.errors.wait()
        with pytest.raises(ChangeRefused, match="nobody answers there"):
            house.config.reload()
        house.guard.decide = accepting
        house.config.reload()
        assert house.numbers.current.a == BAD


def test_a_start_that_is_refused_fails() -> None:
    """The first load is all or nothing for those who prepare, too."""
    house = House()
    house.left.set({"a": BAD})
    with pytest.raises(StartFailed, match="nobody answers there"):
        house.config.start()
    assert house.guard.log == ["prepare", "abandon"]
    house.left.set({"a": 2})
    with house.config:
        assert house.numbers.current.a == 2


def test_calls_that_are_refused_say_so() -> None:
    """`override`, `add` and `remove` raise what a guard says, and nothing has changed."""
    house = House()
    bad = Memory({"a": BAD}, name="bad")
    with house.config:
        with pytest.raises(ChangeRefused, match="nobody answers there"):
            house.numbers.override(a=BAD).__enter__()
        with pytest.raises(ChangeRefused, match="nobody answers there"):
            house.config.add(bad)
        house.guard.decide = accepting
        house.config.add(bad)
        assert house.numbers.current.a == BAD
        house.guard.decide = refusing_all
        with pytest.raises(ChangeRefused, match="not now"):
            house.config.remove(bad)
        assert house.numbers.current.a == BAD
    assert set(house.guard.outcomes.replace("pc", "").replace("pa", "")) == set()


def test_time_limit() -> None:
    """Who does not get ready in time has refused."""
    house = House()
    with house.config:
        house.guard.timeout = 0.01
        house.guard.decide = lambda _: asyncio.Event().wait()
        house.left.set({"a": 2})
        assert "guard was not ready within 0.01 s" in house.errors.texts()[0]
        assert house.numbers.current.a == 1
    assert house.guard.log == ["prepare", "commit", "prepare", "abandon"]


def test_who_fails_has_refused() -> None:
    """An error is a refusal that tells its type only: its text may hold a value."""

    def fail(_: View) -> None:
        raise RuntimeError("hunter2")

    house = House()
    with house.config:
        house.guard.decide = fail
        house.left.set({"a": 2})
        [text] = house.errors.texts()
        assert "guard failed with RuntimeError" in text
        assert "hunter2" not in text


def test_prepared_side_by_side() -> None:
    """Guards do not wait for each other."""
    together = asyncio.Barrier(2)
    other = Guard(name="other")
    house = House(other)
    with house.config:
        other.decide = house.guard.decide = lambda _: together.wait()
        house.left.set({"a": 2})
        house.numbers.until(lambda now: now.a == 2, 20)


def test_what_was_prepared_for_a_refused_batch_is_never_committed() -> None:
    """When the rest of a refused batch changes nothing, what the other guards built is abandoned."""
    other = Guard(name="other")
    house = House(other)
    with house.config:
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 1}))
        house.errors.wait()
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
    assert other.outcomes == house.guard.outcomes == "pcpapc"


def test_what_was_prepared_is_abandoned_when_the_rest_is_invalid() -> None:
    """When the rest of a refused batch is not valid without the blamed document, nothing stays prepared."""
    house = House()
    house.left.set({"a": 0})
    with house.config:
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 99}))
        house.errors.wait(2)
    assert house.guard.log == ["prepare", "commit", "prepare", "abandon"]


def test_what_is_being_prepared_at_a_stop_is_abandoned() -> None:
    """A stop in the middle of a preparation lets go of what was built."""
    house = House()
    with house.config:
        house.guard.decide = lambda _: asyncio.Event().wait()
        house.left.set({"a": 2})
        house.guard.asked.wait(2)
    assert house.guard.log == ["prepare", "commit", "prepare", "abandon"]


def test_an_update_during_an_add_is_not_lost() -> None:
    """What a source reports while its being added is prepared is taken afterwards."""
    house = House()
    more = Memory({"a": 2}, name="more")

    async def edit() -> None:
        more.set({"a": 3})
        for _ in range(10):
            await asyncio.sleep(0)  # until the source has reported it

    with house.config:
        house.guard.decide = lambda view: edit() if view[house.numbers].a == 2 else None
        house.config.add(more)
        house.numbers.until(lambda now: now.a == 3, 20)


def test_a_removed_document_is_not_tried_again() -> None:
    """With its source gone, nothing is left of a document that was held."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.clock.wait_for_sleepers()
        house.config.remove(house.left)
        house.clock.advance(60.0)
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.numbers.current.a == 0
