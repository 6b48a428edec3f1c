"""What becomes of another try: kept, lent, given back, and let go of in the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from dynconf._host.host import Host
from dynconf.resources.aside import Aside, StillTrying
from dynconf.resources.builder import Builder
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Wanted


class Stand:
    """Stands in for the host, the builder and the drain of an aside."""

    limit = 5.0

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.drained: list[Instance[str]] = []
        self.came = 0
        self.aside: Aside[str] = Aside(
            "x", cast("Builder[str]", self), lambda: cast("Host", self), cast("Drain[str]", self), self.note
        )

    def note(self) -> None:
        """One has come that nobody waited for."""
        self.came += 1

    def spawn(self, work: Coroutine[Any, Any, Any], _: str) -> asyncio.Task[Any]:
        """As the host does."""
        return asyncio.create_task(work)

    def add(self, instance: Instance[str]) -> None:
        """As the drain does."""
        self.drained.append(instance)

    async def build(self, wanted: Wanted) -> Instance[str]:
        """As the builder does, once it may."""
        await self.go_on.wait()
        return Instance("value", wanted.settings, (), asyncio.Event().wait)  # type: ignore[arg-type]


WANTED = Wanted("settings", ())


def fail(error: Exception) -> None:
    """No try of these tests fails."""
    raise error


async def settled() -> None:
    """Let all that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_one_that_comes_late_is_kept_and_lent() -> None:
    """Whoever asks again gets it, and may give it back; once taken it is not let go of."""

    async def test() -> None:
        stand = Stand()
        with pytest.raises(StillTrying):
            await stand.aside.build(WANTED, 0.0, fail)
        stand.go_on.set()
        await settled()
        assert stand.came == 1
        instance = await stand.aside.build(WANTED, 0.0, fail)
        assert stand.aside.give_back(instance)
        assert await stand.aside.build(WANTED, 0.0, fail) is instance
        stand.aside.taken(instance)
        assert not stand.aside.give_back(instance)
        assert not stand.aside.has(WANTED)
        assert stand.drained == []

    asyncio.run(test())


def test_the_time_is_up() -> None:
    """It is let go of, but for one that another resource is being built with."""

    async def test() -> None:
        stand = Stand()
        stand.go_on.set()
        instance = await stand.aside.build(WANTED, None, fail)
        assert stand.came == 0
        stand.aside.give_back(instance)
        instance.take(by_another=True)
        stand.aside._expire()
        assert stand.aside.has(WANTED)
        instance.give(by_another=True)
        stand.aside._expire()
        assert not stand.aside.has(WANTED)
        assert stand.drained == [instance]

    asyncio.run(test())


def test_broken_off_while_it_is_waited_for() -> None:
    """Whoever waits is told that there is none."""

    async def test() -> None:
        stand = Stand()
        waiting = asyncio.create_task(stand.aside.build(WANTED, None, fail))
        await settled()
        stand.aside.drop()
        with pytest.raises(StillTrying):
            await waiting
        assert stand.drained == []

    asyncio.run(test())


def test_let_go_of_in_the_moment_in_which_it_comes() -> None:
    """Then nobody gets it: it is on its way out."""

    async def test() -> None:
        stand = Stand()
        waiting = asyncio.create_task(stand.aside.build(WANTED, None, fail))
        await settled()
        assert stand.aside._task is not None
        stand.aside._task.add_done_callback(lambda _: stand.aside.drop())
        stand.go_on.set()
        with pytest.raises(StillTrying):
            await waiting
        assert len(stand.drained) == 1

    asyncio.run(test())
