"""Who is held back when a change is refused, for how long, and who gets through all the same."""

import asyncio

import pytest

from dynconf import Memory, View
from dynconf._values.prepare import PrepareRefused
from tests.unit.core_props import at_once
from tests.unit.prepare_props import (
    BAD,
    CLASHING,
    House,
    Numbers,
    accepting,
    hanging,
    refusing_all,
    refusing_pairs,
)


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


def test_who_only_made_the_refused_valid_is_not_blamed() -> None:
    """A document that another needs, valid and harmless without it, gets through at once."""

    def decide(view: View) -> None:
        if view[house.numbers].b == 99:
            raise PrepareRefused("nobody answers there", lambda view: view[house.numbers].b, "b")

    house = House()
    house.left.set({"a": 0})
    with house.config:
        house.guard.decide = decide
        at_once(house.config, (house.left, {"a": 2}), (house.right, {"b": 99}))
        house.numbers.until(lambda now: now.a == 2, 20)
        assert house.numbers.current.b == 1
        assert (house.state("left"), house.state("right")) == ("live", "refused")
        [_] = house.errors.wait()


def test_who_is_beside_two_of_the_same_is_not_blamed() -> None:
    """When two documents say the same, each could do without the other: both are held, and only they."""
    house = House()
    twin = Memory({}, name="twin")
    house.config.add(twin)
    with house.config:
        at_once(house.config, (house.left, {"a": BAD}), (twin, {"a": BAD}), (house.right, {"b": 2}))
        house.numbers.until(lambda now: now.b == 2, 20)
        assert [one.state for one in house.config.status().sources] == ["refused", "live", "refused"]


def test_who_is_blamed_together_is_tried_alone_after_a_back_off() -> None:
    """A good document does not wait for the bad one beside it: later, each is asked about alone."""
    house = House()
    with house.config:
        house.guard.decide = refusing_pairs(house.numbers)
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 2}))
        house.clock.wait_for_sleepers(2)
        assert house.prepared() == [(BAD, 2)]
        house.clock.advance(1.0)
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.numbers.current.a == 1
        assert (house.state("left"), house.state("right")) == ("refused", "live")
    assert house.guard.outcomes.replace("pc", "").replace("pa", "") == ""


def test_what_is_only_valid_together_is_held_and_tried_together() -> None:
    """Nobody is asked about alone who is not valid alone, even when nobody is named."""
    house = House()
    house.left.set({"a": 0})
    with house.config:
        house.guard.decide = refusing_all
        at_once(house.config, (house.left, {"a": 99}), (house.right, {"b": 99}))
        for text in house.errors.texts(2):
            assert "not now" in text
        house.clock.wait_for_sleepers(2)
        assert house.prepared() == [(99, 99)]
        house.guard.decide = accepting
        house.clock.advance(1.0)
        house.numbers.until(lambda now: (now.a, now.b) == (99, 99), 20)


def test_what_is_withdrawn_while_it_is_prepared_is_not_held() -> None:
    """A document that breaks while its batch is prepared is out of it; the rest is held and tried again."""
    house = House()

    async def decide(view: View) -> None:
        house.left.set(b"{")
        for _ in range(10):
            await asyncio.sleep(0)  # until the source has reported it
        house.guard.decide = accepting
        refusing_pairs(house.numbers)(view)

    with house.config:
        house.guard.decide = decide
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 2}))
        house.clock.wait_for_sleepers()
        house.clock.advance(1.0)
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.numbers.current.a == 1


def test_the_held_document_delays_nobody() -> None:
    """While a document is held, changes of others are prepared without it."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.errors.wait()
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.prepared() == [(BAD, 1), (1, 2)]


def test_a_time_out_is_not_waited_for_again_for_each_document() -> None:
    """A batch that runs into the limit is held as a whole; a good one gets through all the same, later."""
    house = House()
    with house.config:
        house.guard.timeout = 0.01
        house.guard.decide = hanging(house.numbers)
        at_once(house.config, (house.left, {"a": BAD}), (house.right, {"b": 2}))
        house.clock.wait_for_sleepers(2)
        assert house.prepared() == [(BAD, 2)]
        while house.numbers.current.b == 1:
            house.clock.wait_for_sleepers()
            house.clock.advance(30.0)
        assert house.numbers.current.a == 1


def test_a_time_out_holds_up_no_other_document() -> None:
    """What ran into the limit waits for its back-off, whatever another document says meanwhile."""
    house = House()
    with house.config:
        house.guard.timeout = 0.01
        house.guard.decide = hanging(house.numbers)
        house.left.set({"a": BAD})
        house.errors.wait()
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
        assert house.prepared() == [(BAD, 1), (1, 2)]
