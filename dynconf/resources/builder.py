"""Building instances within a time limit; what hangs is left to itself, and not begun once more."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import inf
from typing import Any, Final, Generic, TypeVar

from dynconf._host.asking import asking
from dynconf._host.attempt import Attempt
from dynconf._host.host import Host
from dynconf.errors import ResourceUnavailable
from dynconf.resources.drain import Drain
from dynconf.resources.instance import Instance
from dynconf.resources.outcome import Wanted
from dynconf.resources.recipe import Recipe

__all__ = ["Builder"]

R = TypeVar("R")

_MOST: Final = 4
"""Tries of one resource that may hang at a time, each with settings of its own."""


class Builder(Generic[R]):
    """Makes the instances of one resource. All of this runs on the core's loop.

    Args:
        recipe: how one is made and checked.
        uses: the names of the resources that it uses.
        limit: seconds that one may take, its check included.
        host: where it runs; asked for each time.
        drain: takes what nobody wants any more.

    Attributes:
        begun: the loop's time at which the last try was begun.
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
        self.begun: float = -inf
        self._recipe = recipe
        self._uses = uses
        self._host = host
        self._drain = drain
        self._tries: dict[_Try[R], asyncio.Task[Any]] = {}

    async def build(self, wanted: Wanted) -> Instance[R]:
        """Build one, once no earlier try for equal settings runs any more, nor too many others.

        Raises:
            ResourceUnavailable: not in time, or what it uses is not there, or its code gave up.
            Exception: whatever its functions raise.
        """
        task, until = asyncio.current_task(), asyncio.get_running_loop().time() + self.limit
        assert task is not None
        limit = asyncio.timeout_at(until)
        cancels, begun = task.cancelling(), False
        try:
            async with limit:
                while tries := self._in_the_way(wanted):
                    ends = [self._tries[one] for one in tries]
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                begun = True
                return await self._begin(_Try(wanted, until))
        except TimeoutError:
            if not limit.expired():
                raise
            late = f"it was not built and checked within {self.limit:g} s"
            raise ResourceUnavailable((not begun and self.hangs(wanted)) or late) from None
        except (asyncio.CancelledError, SystemExit) as error:
            if task.cancelling() > cancels:
                raise
            raise ResourceUnavailable(f"its code raised {type(error).__name__}") from error

    def hangs(self, wanted: Wanted) -> str:
        """Why nothing can be begun for now, if that is so: those in the way have had their time."""
        tries, now = self._in_the_way(wanted), asyncio.get_running_loop().time()
        if not tries or any(now < one.until for one in tries):
            return ""
        return "an earlier try to build it still hangs: it was given up, and another waits for its end"

    def ending(self) -> list[asyncio.Task[Any]]:
        """What still has to clean up on the loop, where tries do that."""
        return [*self._tries.values()] if self._recipe.is_async else []

    def forget(self) -> object:
        """Have nothing any more, as what it was on is not there; gives what that was."""
        held, self._tries = self._tries, {}
        return held

    def _in_the_way(self, wanted: Wanted) -> "list[_Try[R]]":
        """Those for equal settings, though one of them may not know yet that it was broken off."""
        left = [one for one in self._tries if one.left]
        return left if len(left) >= _MOST else [one for one in self._tries if wanted.same(one.wanted)]

    async def _begin(self, one: "_Try[R]") -> Instance[R]:
        self.begun = asyncio.get_running_loop().time()
        attempt = Attempt(self._host(), self._make(one), f"build of {self._recipe.name}")
        tries = self._tries
        tries[one] = attempt.task
        attempt.task.add_done_callback(lambda _: tries.pop(one))
        try:
            return await attempt.result()
        except asyncio.CancelledError:
            one.left = True
            self._let_go(one)
            raise

    async def _make(self, one: "_Try[R]") -> Instance[R]:
        host = self._host()
        with ExitStack() as holds, asking(host):
            used = []
            for name, other in zip(self._uses, one.wanted.uses, strict=True):
                if other is None or not other.take(by_another=True):
                    raise ResourceUnavailable(f"{name}, which it uses, is not there")
                holds.callback(other.give, by_another=True)
                used.append(other)
            value, close = await self._recipe.make(
                host, one.wanted.settings, *(other.value for other in used)
            )
            one.instance = instance = Instance(value, one.wanted.settings, used, close)
            holds.pop_all()
            if one.left:
                self._let_go(one)
                return instance  # to nobody
            try:
                await self._recipe.check(host, value)
            except BaseException:
                self._let_go(one)
                raise
        return instance

    def _let_go(self, one: "_Try[R]") -> None:
        instance, one.instance = one.instance, None
        if instance is not None:
            self._drain.add(instance)


class _Try(Generic[R]):
    """One try, and what has come of it so far; left once nobody waits for it any more.

    It has time until that moment of the loop's.
    """

    def __init__(self, wanted: Wanted, until: float) -> None:
        self.wanted = wanted
        self.until = until
        self.instance: Instance[R] | None = None
        self.left: bool = False
