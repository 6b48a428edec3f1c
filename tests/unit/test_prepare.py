"""Changes that have to be prepared: by whom, when, and what comes of a refusal."""

import asyncio
from contextlib import suppress

import pytest

from dynconf import Memory, View
from dynconf._host.host import Host
from dynconf._manager.prepare import Preparers
from dynconf.errors import ChangeRefused, StartFailed
from tests.unit.core_props import Guard, at_once
from tests.unit.prepare_props import BAD, House, accepting, refusing_all


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
        assert len(house.errors.wait()) == 1


def test_another_value_is_tried_at_once() -> None:
    """A held document that is edited does not wait for the back-off."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.errors.wait()
        house.left.set({"a": 2})
        assert house.numbers.until(lambda now: now.a == 2, 20).b == 1
        assert house.state("left") == "live"


def test_who_is_waited_for() -> None:
    """All the time that it needs, but for another try of what was refused, for which nobody waits."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.clock.wait_for_sleepers()
        house.right.set({"b": 2})
        house.numbers.until(lambda now: now.b == 2, 20)
        assert not any(house.guard.hurried)
        house.clock.advance(1.0)
        house.guard.asked.wait(4)
        assert house.guard.hurried[3:] == [True]
        with pytest.raises(ChangeRefused):
            house.config.reload()
        with pytest.raises(ChangeRefused):
            house.numbers.override(a=BAD).__enter__()
        house.left.set({"a": 2})
        house.numbers.until(lambda now: now.a == 2, 20)
        assert not any(house.guard.hurried[4:])
        house.left.set({"a": BAD})
        house.errors.wait(2)
        assert not any(house.guard.hurried[4:])
        house.left.set({"a": BAD, "c": 1})
        house.guard.asked.wait(len(house.guard.hurried) + 1)
        assert house.guard.hurried[-1]


def test_another_try_comes_last() -> None:
    """What is tried for the first time is neither hurried nor told to wait by what is tried again."""
    house = House()
    with house.config:
        house.left.set({"a": BAD})
        house.clock.wait_for_sleepers()
        house.guard.log.clear()
        at_once(house.config, (house.right, {"b": 2}), (house.left, {"a": BAD, "c": 1}))
        house.errors.wait(2)
        assert house.numbers.current.b == 2
    assert house.guard.log == ["prepare", "commit", "prepare", "abandon"]
    assert house.guard.hurried[2:] == [False, True]


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


def test_who_does_not_end_is_left_to_itself() -> None:
    """Cancelled at its limit it goes on alone; it is not asked again meanwhile, and afterwards as ever."""
    house = House()
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    with house.config:
        house.guard.timeout = 0.5
        house.guard.decide = lambda _: stubborn()
        house.left.set({"a": 2})
        assert "guard was not ready within 0.5 s" in house.errors.texts()[0]
        with pytest.raises(ChangeRefused, match="still hangs since it was asked about an earlier change"):
            house.config.reload()
        assert house.guard.log == ["prepare", "commit", "prepare", "abandon", "abandon"]
        house.guard.decide = accepting
        host = house.config._lifecycle.host
        assert host is not None
        host.post(released.set)
        house.config.reload()
        assert house.numbers.current.a == 2


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


def test_a_stop_whose_time_is_up(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever it did not come to is named: what they hold stays open."""

    async def main() -> None:
        begun = asyncio.Event()

        class Hanging(Guard):
            async def stop(self, until: float) -> None:
                begun.set()
                await asyncio.Event().wait()

        host = Host.in_loop("test")
        preparers = Preparers([Guard(name="first"), Hanging(name="second"), Guard(name="third")], host)
        stopping = asyncio.create_task(preparers.stop(0.0))
        await begun.wait()
        stopping.cancel()
        await asyncio.wait([stopping])
        await host.close()

    asyncio.run(main())
    assert caplog.messages == [
        "the time for the stop was up before these had let go of everything: second, first"
    ]
