"""Building one instance: of what was picked and of those that it uses, checked, and in time."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Generic, TypeVar

from dynconf._host.asking import asking
from dynconf._host.host import Host
from dynconf.errors import ResourceUnavailable
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Wanted
from dynconf.resources.recipe import Recipe

__all__ = ["Builder"]

R = TypeVar("R")


class Builder(Generic[R]):
    """Builds a resource's instances; all of it on the core's loop.

    Args:
        recipe: makes and checks.
        uses: the names of the resources that it uses.
        limit: seconds in which one is built and checked.
        host: where it runs; asked for each time.
        drain: takes what fails its check.
    """

    def __init__(
        self,
        recipe: Recipe[R],
        uses: Sequence[str],
        limit: float,
        host: Callable[[], Host],
        drain: Drain[R],
    ) -> None:
        self.limit: Final = limit
        self._recipe = recipe
        self._uses = uses
        self._host = host
        self._drain = drain

    async def build(self, wanted: Wanted) -> Instance[R]:
        """Build one; cancelled, it leaves nothing open.

        Raises:
            ResourceUnavailable: it was not there in time, or what it uses is not, or its code gave up.
            Exception: whatever the recipe raises.
        """
        task, limit = asyncio.current_task(), asyncio.timeout(self.limit)
        assert task is not None
        cancels = task.cancelling()
        try:
            async with limit:
                return await self._build(wanted)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ResourceUnavailable(f"it was not built and checked within {self.limit:g} s") from None
        except (asyncio.CancelledError, SystemExit) as error:
            if task.cancelling() > cancels:
                raise
            raise ResourceUnavailable(f"its code raised {type(error).__name__}") from error

    async def _build(self, wanted: Wanted) -> Instance[R]:
        host = self._host()
        with ExitStack() as holds, asking(host):
            used = []
            for name, other in zip(self._uses, wanted.uses, strict=True):
                if other is None or not other.take(by_another=True):
                    raise ResourceUnavailable(f"{name}, which it uses, is not there")
                holds.callback(other.give, by_another=True)
                used.append(other)
            values = (other.value for other in used)
            value, close = await self._recipe.make(host, wanted.settings, *values)
            instance = Instance(value, wanted.settings, used, close)
            holds.pop_all()
            try:
                await self._recipe.check(host, value)
            except BaseException:
                self._drain.add(instance)
                raise
        return instance
