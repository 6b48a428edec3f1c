"""What several sources share, such as a connection: made when it is first asked for, closed at the stop."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Any, Final

from dynconf._host.inbox import trace
from dynconf._values.source import C, Closable

CLOSE_TIMEOUT: Final = 0.4
"""Seconds that closing may take."""

logger = logging.getLogger("dynconf.config")


class Shared:
    """What the sources of one running period share."""

    def __init__(self) -> None:
        self._things: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], C]) -> C:
        """See `Feed.shared`."""
        if key not in self._things:
            self._things[key] = make()
        found: C = self._things[key]
        return found

    async def close(self, *others: Closable | None) -> None:
        """Close all of it side by side, and others with it; what takes too long is left behind."""
        closing = {
            asyncio.create_task(one.close()): type(one).__name__
            for one in (*self._things.values(), *others)
            if one is not None
        }
        self._things = {}
        if not closing:
            return
        done, late = await asyncio.wait(closing, timeout=CLOSE_TIMEOUT)
        for task in late:
            task.cancel()
            logger.warning("closing %s took too long; it is left behind", closing[task])
        for task in done:
            if error := task.exception():
                logger.error("closing %s failed\n%s", closing[task], trace(error))
