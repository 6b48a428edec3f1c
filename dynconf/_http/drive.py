"""Runs a protocol over a client: sends what it asks for, waits as long as it says, passes on its news."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Pause, Reply, Request, Rest, Steps, UnderWay

T = TypeVar("T")

BREATHER = 0.002
"""Seconds after news in which what it sets off goes first; the next request can wait."""

SIDE_BY_SIDE = 8
"""Requests of one protocol that are under way at the same time; as many more if they take long."""

SLOW = 0.5
"""Seconds after which one of several requests is not waited for any longer: all else goes on without it."""

Sleep = Callable[[float], Awaitable[None]]


class Driver:
    """What a protocol runs on.

    Args:
        send: sends a request.
        sleep: waits some seconds.
        report: takes the news.
    """

    def __init__(
        self,
        send: Callable[[Request], Awaitable[Reply]],
        sleep: Sleep = asyncio.sleep,
        report: Callable[[Any], None] | None = None,
    ) -> None:
        self._send = send
        self._sleep = sleep
        self._report = report
        self._woken = asyncio.Event()
        self._told = False
        self._slow: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None

    def wake(self) -> None:
        """There is something new to do: a rest ends, and what a server holds is given up."""
        self._woken.set()

    async def run(self, steps: Steps[T]) -> T:
        """Run a protocol to its end.

        Raises:
            SourceError: what the protocol raises.
        """
        answer: object = None
        fault: SourceError | None = None
        try:
            while True:
                step = steps.send(answer) if fault is None else steps.throw(fault)
                answer = fault = None
                try:
                    answer = await self._do(step)
                except SourceError as error:
                    fault = error
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            steps.close()
            for task in self._slow:
                task.cancel()
            await asyncio.gather(*self._slow, return_exceptions=True)

    async def _do(self, step: object) -> object:
        if self._broken is not None:
            raise self._broken
        if isinstance(step, Request | list) and self._told:
            self._told = False
            await asyncio.sleep(BREATHER)
        if isinstance(step, Request):
            return await (self._hold(step) if step.held else self._send(step))
        if isinstance(step, list):
            return await self._send_all(step)
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
        elif isinstance(step, Rest):
            await self._unless_woken(asyncio.get_running_loop().create_future, step.seconds)
        else:
            assert self._report is not None, f"a call has no news: {type(step).__name__}"
            self._report(step)
            self._told = True
            await asyncio.sleep(0)  # there may be thousands
        return None

    async def _hold(self, request: Request) -> Reply | None:
        return await self._unless_woken(lambda: self._send(request), request.patience)

    async def _send_all(self, requests: list[Request]) -> list[Reply | SourceError | UnderWay]:
        turn = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(request: Request) -> Reply | SourceError | UnderWay:
            async with turn:
                return await self._unless_slow(request)

        return await asyncio.gather(*map(one, requests))

    async def _unless_slow(self, request: Request) -> Reply | SourceError | UnderWay:
        """Send one of several; one that takes long goes on by itself, unless too many do so already."""
        waiting = UnderWay()

        async def send() -> None:
            try:
                waiting.reply = await self._send(request)
            except SourceError as error:
                waiting.reply = error

        sending = asyncio.create_task(send())
        try:
            await asyncio.wait([sending], timeout=SLOW)
            if not sending.done() and len(self._slow) < SIDE_BY_SIDE:
                self._slow.add(sending)
                sending.add_done_callback(self._arrived)
                return waiting
            await sending
        except asyncio.CancelledError:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            raise
        assert waiting.reply is not None
        return waiting.reply

    def _arrived(self, sending: "asyncio.Task[None]") -> None:
        self._slow.discard(sending)
        if not sending.cancelled():
            self._broken = self._broken or sending.exception()
        self.wake()

    async def _unless_woken(self, make: Callable[[], Awaitable[T]], patience: float | None) -> T | None:
        """Wait for what comes first: the work, the end of patience, or something new to do."""
        if self._woken.is_set():
            self._woken.clear()
            return None
        working = asyncio.ensure_future(make())
        woken = asyncio.ensure_future(self._woken.wait())
        tasks: list[asyncio.Future[Any]] = [working, woken]
        if patience is not None:
            tasks.append(asyncio.ensure_future(self._sleep(patience)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if woken.done():
                self._woken.clear()
            return None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
