"""Runs a protocol over a client: sends what it asks for, waits as long as it says, passes on its news."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Pause, Reply, Request, Steps

T = TypeVar("T")

BREATHER = 0.002
"""Seconds after news in which what it sets off goes first; the next request can wait."""


async def perform(
    steps: Steps[T],
    send: Callable[[Request], Awaitable[Reply]],
    sleep: Callable[[float], Awaitable[None]],
    report: Callable[[Any], None],
) -> T:
    """Run a protocol to its end.

    Args:
        steps: the protocol.
        send: sends a request.
        sleep: waits some seconds.
        report: takes whatever else it yields.

    Raises:
        SourceError: what the protocol raises.
    """
    answer: Reply | None = None
    fault: SourceError | None = None
    try:
        while True:
            step = steps.send(answer) if fault is None else steps.throw(fault)
            answer = fault = None
            if isinstance(step, Request):
                try:
                    answer = await send(step)
                except SourceError as error:
                    fault = error
            elif isinstance(step, Pause):
                await sleep(step.seconds)
            else:
                report(step)
                await asyncio.sleep(BREATHER)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()
