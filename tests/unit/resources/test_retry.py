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
