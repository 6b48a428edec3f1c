"""Closing what sources share, when everything stops."""

import asyncio
import logging
from collections.abc import Collection

from dynconf._host.inbox import trace
from dynconf._values.source import Closable

logger = logging.getLogger("dynconf.config")


async def close_all(shared: Collection[Closable], patience: float) -> None:
    """Close them side by side; what fails, or takes more than so many seconds, is logged and left behind."""
    if not shared:
        return
    closing = {asyncio.create_task(one.close()): type(one).__name__ for one in shared}
    done, late = await asyncio.wait(closing, timeout=patience)
    for task in late:
        task.cancel()
        logger.warning("closing %s took too long; it is left behind", closing[task])
    for task in done:
        if error := task.exception():
            logger.error("closing %s failed\n%s", closing[task], trace(error))
