"""How an override ends: always, even if nobody waits for that any longer, or everything is stopped."""

import asyncio
from collections.abc import Callable

from dynconf._manager.manager import Manager
from dynconf._store.state import Plan
from dynconf.errors import UsageError


async def leave(manager: Manager, make_plan: Callable[[], Plan]) -> None:
    """End one, on the core's loop; it goes on if this is cancelled."""
    leaving = leave_soon(manager, make_plan)
    if leaving is not None:
        await asyncio.wait([leaving])
        if not leaving.cancelled():
            leaving.result()


def leave_soon(manager: Manager, make_plan: Callable[[], Plan]) -> asyncio.Task[None] | None:
    """Begin to end one, on the core's loop; `None` if that is done."""

    async def end() -> None:
        try:
            await manager.change(make_plan, leaving=True)
        except asyncio.CancelledError:
            _end_now(manager, make_plan)
            raise
        except UsageError:  # it was stopped meanwhile
            _end_now(manager, make_plan)

    try:
        return manager.host.spawn(end(), "end of an override")
    except UsageError:  # everything is being stopped
        _end_now(manager, make_plan)
        return None


def _end_now(manager: Manager, make_plan: Callable[[], Plan]) -> None:
    while manager.publisher.commit(make_plan()) is None:  # another thread was quicker
        pass
