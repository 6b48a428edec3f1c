"""A call of the user's that nobody waits for any longer."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVarTuple

from dynconf._host.attempt import on_a_thread
from dynconf._host.host import Host
from tests.unit.host_props import LOOK, forever

Ts = TypeVarTuple("Ts")

LOOKS = 12


class Hasty(asyncio.SelectorEventLoop):
    """A loop on which all times are up at once, which notes how long they would have been."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []
        self.enough = asyncio.Event()

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        self.delays.append(delay)
        if len(self.delays) == LOOKS:
            self.enough.set()
        return super().call_later(0.0, callback, *args, context=context)


def test_one_that_hangs_is_looked_at_ever_more_rarely() -> None:
    """The longer it hangs the less it costs to see whether all else has been told to end; then it ends."""
    loop, begun, go_on = Hasty(), asyncio.Event(), threading.Event()

    def hang() -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(LOOK)

    async def test() -> list[float]:
        host = Host.in_loop("hasty")
        other = host.spawn(forever(), "other")
        call = host.spawn(on_a_thread(host, "the call", hang), "call")
        await begun.wait()
        call.cancel()
        await loop.enough.wait()
        looks = loop.delays[:LOOKS]
        other.cancel()
        await asyncio.wait([call])
        go_on.set()
        await host.close()
        return looks

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        looks = runner.run(test())
    assert all(later >= 2 * sooner for sooner, later in pairwise(looks))
