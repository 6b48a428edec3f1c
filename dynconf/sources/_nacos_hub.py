"""Follows the configurations that one Config's sources read of one Nacos, with as few requests as can be."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dynconf._http.client import Client
from dynconf._http.drive import Driver
from dynconf._values.clock import Clock
from dynconf.errors import SourceError
from dynconf.protocols.exchange import Reply, Request
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.listen import MOST
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.watch import follow
from dynconf.protocols.nacos.watched import Answered, News, Watched
from dynconf.sources._nacos_access import Access

Report = Callable[[News | Answered], None]
Send = Callable[[Request], Awaitable[Reply]]


class NacosHub:
    """Shared by the Nacos sources of one Config that get in by the same way.

    Args:
        client: the connections.
        access: how to get in.
        clock: for pauses.
        limit: bytes that a reply may have.
    """

    def __init__(self, client: Client, access: Access, clock: Clock, limit: int) -> None:
        self._client = client
        self._access = access
        self._clock = clock
        self._limit = limit
        self._login = Login(access.username, access.password, clock.monotonic, random.random)
        self._lanes: list[_Lane] = []

    def transport(self, report: Report) -> str:
        """How changes are noticed for somebody who follows; empty as long as that is not known."""
        found = {lane.watched.transport for lane in self._lanes if lane.tells(report)}
        return ", ".join(sorted(filter(None, found)))

    @contextmanager
    def follow(self, keys: Sequence[NacosKey], report: Report) -> Iterator["asyncio.Future[None]"]:
        """Report what is there, then every change, until the context ends.

        Args:
            keys: which.
            report: takes the news.

        Yields:
            A future that fails if following ends for some fault of ours.
        """
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        joined = []
        for start in range(0, len(keys), MOST):
            part = keys[start : start + MOST]
            lane = next((lane for lane in self._lanes if lane.room(part)), None) or self._new_lane()
            lane.join(part, report, broken)
            joined.append(lane)
        try:
            yield broken
        finally:
            broken.cancel()
            for lane in joined:
                lane.leave(report)

    async def close(self) -> None:
        """End everything, and close the connections."""
        for lane in self._lanes:
            lane.task.cancel()
        try:
            await asyncio.gather(*(lane.task for lane in self._lanes), return_exceptions=True)
        finally:  # even if that takes longer than a stop may
            self._lanes.clear()
            await self._client.close()

    def _new_lane(self) -> "_Lane":
        watched = Watched(self._login, self._access.wait, self._access.interval, self._limit)
        lane = _Lane(watched, self._client.send, self._clock)
        lane.task.add_done_callback(lambda _: self._lanes.remove(lane) if lane in self._lanes else None)
        self._lanes.append(lane)
        return lane


class _Lane:
    """One long poll, and whom it tells of what."""

    def __init__(self, watched: Watched, send: Send, clock: Clock) -> None:
        self.watched = watched
        self._followers: dict[Report, tuple[frozenset[NacosKey], asyncio.Future[None]]] = {}
        self._driver = Driver(send, clock.sleep, self._tell)
        steps = follow(watched, now=clock.monotonic, random=random.random)
        self.task = asyncio.create_task(self._driver.run(steps), name="nacos: changes")
        self.task.add_done_callback(self._ended)

    def room(self, keys: Sequence[NacosKey]) -> bool:
        """Whether these may join as well."""
        return len(self.watched) + len(keys) <= MOST

    def tells(self, report: Report) -> bool:
        """Whether he follows something here."""
        return report in self._followers

    def join(self, keys: Sequence[NacosKey], report: Report, broken: "asyncio.Future[None]") -> None:
        """Tell somebody of these from now on; they are read at once."""
        self._followers[report] = (frozenset(keys), broken)
        for key in keys:
            self.watched.join(key)
        self._driver.wake()

    def leave(self, report: Report) -> None:
        """Tell him no more, and follow no longer what nobody else wants to know."""
        keys, _ = self._followers.pop(report)
        for key in keys.difference(*(others for others, _ in self._followers.values())):
            self.watched.leave(key)
        self._driver.wake()

    def _tell(self, news: News | Answered) -> None:
        for report, (keys, _) in list(self._followers.items()):
            if isinstance(news, Answered):
                report(Answered(news.keys & keys))
            elif news.key in keys:
                report(replace(news, error=news.error and _twin(news.error)))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        for _, broken in self._followers.values():
            if not broken.done() and error is not None:
                broken.set_exception(error)


def _twin(error: SourceError) -> SourceError:
    """The same error once more, as each source writes into it that it is its own."""
    twin = type(error).__new__(type(error))
    twin.args = error.args
    vars(twin).update(vars(error))
    return twin
