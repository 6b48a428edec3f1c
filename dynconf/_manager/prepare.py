"""Asking all who stand between a valid plan and its commit, side by side."""

import asyncio
from collections.abc import Sequence

from dynconf._values.prepare import Preparer, PrepareRefused, PrepareTimedOut
from dynconf._values.snapshot import View


async def prepare_all(preparers: Sequence[Preparer], old: View | None, new: View) -> PrepareRefused | None:
    """Prepare side by side; the first refusal in order, if there is one."""
    outcomes = await asyncio.gather(*(_prepare(preparer, old, new) for preparer in preparers))
    return next((outcome for outcome in outcomes if outcome is not None), None)


async def _prepare(preparer: Preparer, old: View | None, new: View) -> PrepareRefused | None:
    limit = asyncio.timeout(preparer.timeout)
    task = asyncio.current_task()
    assert task is not None
    try:
        async with limit:
            await preparer.prepare(old, new)
    except PrepareRefused as refusal:
        return refusal
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            raise  # by us; else by something that it awaited
        if limit.expired():
            return PrepareTimedOut(f"{preparer.name} was not ready within {preparer.timeout:g} s")
        return PrepareRefused(f"{preparer.name} failed with {type(error).__name__}")
    return None
