"""When what could not be built is tried again."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from dynconf._host.host import Host
from dynconf.resources.retry import Retry
from dynconf.testing import ManualClock
from tests.unit.resources.test_aside import settled


class Stand:
    """Stands in for the host and the resource of a retry: each try waits for its turn."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.amiss = True
        self.begun = self.ended = 0
        self.turn = asyncio.Semaphore(0)
        self.retry = Retry("x", lambda: cast("Host", self), self.clock, lambda: self.amiss, self.attempt)

    def spawn(self, work: Coroutine[Any, Any, None], _: str) -> asyncio.Task[None]:
        """As the host does."""
        return asyncio.create_task(work)

    async def attempt(self) -> None:
        """Try once."""
        self.begun += 1
        await self.turn.acquire()
        self.ended += 1

    async def next_one(self) -> None:
        """Wait for a try that begins from now on."""
        self.retry.outdated = True
        self.retry.go_on()
        await self.retry.ended()


def test_what_is_outdated_waits_no_longer() -> None:
    """The pause between two tries is broken off."""

    async def test() -> None:
        stand = Stand()
        stand.retry.go_on()
        await settled()
        assert (stand.begun, stand.clock.sleepers) == (0, 1)
        stand.retry.outdated = True
        stand.retry.go_on()
        await settled()
        assert (stand.begun, stand.clock.sleepers) == (1, 0)
        stand.amiss = False
        stand.turn.release()
        await settled()
        assert (stand.begun, stand.ended) == (1, 1)

    asyncio.run(test())


def test_a_try_that_is_outdated_goes_on() -> None:
    """No other is begun beside it, but one right after it."""

    async def test() -> None:
        stand = Stand()
        stand.retry.go_on()
        await settled()
        stand.clock.advance(1.0)
        await settled()
        stand.retry.outdated = True
        stand.retry.go_on()
        await settled()
        assert (stand.begun, stand.ended) == (1, 0)
        stand.turn.release()
        await settled()
        assert (stand.begun, stand.ended) == (2, 1)
        stand.amiss = False
        stand.turn.release()
        await settled()
        assert (stand.begun, stand.ended) == (2, 2)

    asyncio.run(test())


def test_somebody_waits() -> None:
    """Whoever waits for the next try is told of its end, or that there is none; not of one under way."""

    async def test() -> None:
        stand = Stand()
        first = asyncio.create_task(stand.next_one())
        await settled()
        second = asyncio.create_task(stand.next_one())
        third = asyncio.create_task(stand.next_one())
        await settled()
        assert stand.begun == 1
        stand.turn.release()
        await settled()
        assert (stand.begun, first.done(), second.done(), third.done()) == (2, True, False, False)
        stand.retry.break_off()
        await settled()
        assert second.done()
        assert third.done()

    asyncio.run(test())


def test_somebody_waits_for_one_under_way() -> None:
    """Where nothing is outdated its end is enough; between two tries there is nothing to wait for."""

    async def test() -> None:
        stand = Stand()
        stand.retry.go_on()
        await settled()
        await stand.retry.ended()
        stand.clock.advance(1.0)
        await settled()
        waiting = asyncio.create_task(stand.retry.ended())
        await settled()
        assert (stand.begun, waiting.done()) == (1, False)
        stand.turn.release()
        await settled()
        assert (stand.ended, waiting.done()) == (1, True)
        stand.retry.break_off()

    asyncio.run(test())


def test_somebody_waits_for_one_that_is_broken_off_before_it_begins() -> None:
    """They are told as well."""

    async def test() -> None:
        stand = Stand()
        waiting = asyncio.create_task(stand.next_one())
        await asyncio.sleep(0)
        stand.retry.break_off()
        await settled()
        assert (stand.begun, waiting.done()) == (0, True)

    asyncio.run(test())


def test_what_is_held_begins_no_try() -> None:
    """While everything stops, what a late try of another one makes outdated is left; a start begins anew."""

    async def test() -> None:
        stand = Stand()
        stand.retry.break_off(hold=True)
        stand.retry.outdated = True
        stand.retry.go_on()
        await settled()
        assert (stand.begun, stand.clock.sleepers) == (0, 0)
        await stand.retry.ended()
        stand.retry.break_off()
        stand.retry.go_on()
        await settled()
        assert stand.begun == 1
        stand.amiss = False
        stand.turn.release()
        await settled()
        assert stand.ended == 1

    asyncio.run(test())


def test_a_try_of_a_former_loop_is_not_waited_for() -> None:
    """A Config may be stopped and started again, in another loop: what was tried before has ended."""
    stand = Stand()

    async def first() -> None:
        stand.retry.outdated, stand.amiss = True, False
        stand.retry.go_on()
        stand.turn.release()
        await stand.retry.ended()
        assert stand.ended == 1

    asyncio.run(first())
    asyncio.run(stand.retry.ended())
