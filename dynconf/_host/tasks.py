"""Ending tasks that may not want to end."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

_MOMENT: Final = 0.01  # seconds


async def cancel_all(
    own: Callable[[], set[asyncio.Task[Any]]], spared: set[asyncio.Task[Any] | None], until: float
) -> set[asyncio.Task[Any]]:
    """Cancel every task, and those that they start meanwhile; give those that don't end.

    Args:
        own: gives the tasks that there are.
        spared: those that are left alone.
        until: the loop's time, in seconds, after which nothing is waited for.
    """
    loop = asyncio.get_running_loop()
    asked: set[asyncio.Task[Any]] = set()
    while tasks := own() - spared:
        for task in tasks - asked:
            task.cancel()
        if asked and loop.time() >= until:
            break
        asked |= tasks
        # At least a moment, however late a busy machine has made it: most tasks end at once.
        await asyncio.wait(tasks, timeout=max(_MOMENT, until - loop.time()))
    return tasks
