"""Running a protocol: requests are sent, pauses waited for, news passed on, and it is closed in the end."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from dynconf._http.drive import BREATHER, SIDE_BY_SIDE, Driver
from dynconf.errors import SourceError, SourceUnavailable
from dynconf.protocols.exchange import Pause, Reply, Request, Rest, Steps, UnderWay
from tests.unit.http.fake_server import in_loop

GET = Request("GET", "/")
REPLY = Reply(200, {}, b"x")


class Log:
    """What is asked of the surroundings, in order; requests get the answers given."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[Any] = []

    async def send(self, request: Request) -> Reply:
        self.seen.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.seen.append(seconds)

    async def run(self, steps: Steps[Any]) -> Any:
        return await Driver(self.send, self.sleep, self.seen.append).run(steps)


@in_loop
async def test_steps() -> None:
    """Each step is done in its turn; a reply is given to the request that it is of, and to nothing else."""

    def steps() -> Steps[bytes]:
        assert (yield "news") is None
        reply = yield GET
        assert (yield Pause(3.0)) is None
        assert reply is REPLY
        return b"x"

    log = Log(REPLY)
    assert await log.run(steps()) == b"x"
    assert log.seen == ["news", GET, 3.0]


@in_loop
async def test_news_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much news there is, the next request waits once for what it sets off."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    def steps() -> Steps[None]:
        yield from ("news",) * 1000
        yield GET
        yield GET

    monkeypatch.setattr(asyncio, "sleep", note)
    log = Log(REPLY, REPLY)
    await log.run(steps())
    assert log.seen == ["news"] * 1000 + [GET, GET]
    assert [seconds for seconds in slept if seconds] == [BREATHER]


@in_loop
async def test_protocol_that_does_nothing() -> None:
    """A protocol may end before its first step."""

    def steps() -> Steps[int]:
        return 5
        yield

    assert await Log().run(steps()) == 5


@in_loop
async def test_faults_are_thrown_in() -> None:
    """What a source may suffer is for the protocol to deal with."""

    def steps() -> Steps[str]:
        try:
            yield GET
        except SourceUnavailable as error:
            yield error.reason
        reply = yield GET
        assert reply is REPLY
        return "well"

    log = Log(SourceUnavailable("nobody"), REPLY)
    assert await log.run(steps()) == "well"
    assert log.seen == [GET, "nobody", GET]


@pytest.mark.parametrize("error", [SourceError("x"), ValueError("x")])
@in_loop
async def test_faults_that_go_through(error: Exception) -> None:
    """What the protocol does not catch, or is not shown, is the caller's; the protocol is closed."""
    closed = []

    def steps() -> Steps[None]:
        try:
            yield GET
        finally:
            closed.append(True)

    with pytest.raises(type(error)):
        await Log(error).run(steps())
    assert closed == [True]


@in_loop
async def test_cancelled() -> None:
    """A protocol that is cancelled in the middle of a request is closed at once."""
    closed = asyncio.Event()

    def steps() -> Steps[None]:
        try:
            yield GET
        finally:
            closed.set()

    async def never(request: Request) -> Reply:
        begun.set()
        await asyncio.Event().wait()
        return REPLY

    begun = asyncio.Event()
    task = asyncio.create_task(Driver(never).run(steps()))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert closed.is_set()


@in_loop
async def test_several_at_once() -> None:
    """A list of requests is sent side by side; each answer, reply or error, stands in its place."""
    fault = SourceUnavailable("nobody")

    async def send(request: Request) -> Reply:
        started.append(request.path)
        if len(started) == 3:
            all_started.set()
        await all_started.wait()
        if request.path == "/b":
            raise fault
        return Reply(200, {}, request.path.encode())

    def steps() -> Steps[list[Any]]:
        answers = yield [Request("GET", path) for path in ("/a", "/b", "/c")]
        return [answer.body if isinstance(answer, Reply) else answer for answer in answers]

    started: list[str] = []
    all_started = asyncio.Event()
    assert await Driver(send).run(steps()) == [b"/a", fault, b"/c"]


class Slow:
    """Answers at once, but what is at `/slow` only when that is let go.

    Attributes:
        begun: how many of the slow ones have begun.
        first: set when one has.
        ended: how many of them have ended, or were cancelled.
    """

    def __init__(self, fault: Exception | None = None) -> None:
        self.begun = self.ended = 0
        self.first, self.go = asyncio.Event(), asyncio.Event()
        self._fault = fault

    async def send(self, request: Request) -> Reply:
        if request.path == "/slow":
            self.begun += 1
            self.first.set()
            try:
                await self.go.wait()
            finally:
                self.ended += 1
            if self._fault:
                raise self._fault
        return Reply(200, {}, request.path.encode())


SEVERAL = [Request("GET", path) for path in ("/a", "/slow", "/c")]


def several() -> Steps[list[Any]]:
    """Ask for several, tell of it, and rest until the slow one is there as well."""
    answers = yield SEVERAL
    yield "the others"
    yield Rest(None)
    return list(answers)


@in_loop
async def test_one_of_several_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others don't wait for it; that it is there in the end wakes the protocol."""
    monkeypatch.setattr("dynconf._http.drive.SLOW", 0.0)
    slow = Slow()
    first, second, third = await Driver(slow.send, report=lambda _: slow.go.set()).run(several())
    assert (first.body, third.body) == (b"/a", b"/c")
    assert isinstance(second, UnderWay)
    assert isinstance(second.reply, Reply)
    assert second.reply.body == b"/slow"


@in_loop
async def test_slow_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a source may suffer is its answer; anything else ends the protocol."""
    monkeypatch.setattr("dynconf._http.drive.SLOW", 0.0)
    fault = SourceUnavailable("nobody")
    slow = Slow(fault)
    _, second, _ = await Driver(slow.send, report=lambda _: slow.go.set()).run(several())
    assert second.reply is fault
    broken = Slow(ValueError("x"))

    def steps() -> Steps[None]:
        yield from several()
        yield "never"

    with pytest.raises(ValueError, match="x"):
        await Driver(broken.send, report=lambda _: broken.go.set()).run(steps())


@in_loop
async def test_slow_one_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the protocol, whether that comes to its end or is cancelled."""
    monkeypatch.setattr("dynconf._http.drive.SLOW", 0.0)

    def steps() -> Steps[None]:
        yield SEVERAL

    slow = Slow()
    await Driver(slow.send).run(steps())
    assert slow.begun == slow.ended == 1
    told = asyncio.Event()
    task = asyncio.create_task(Driver(slow.send, report=lambda _: told.set()).run(several()))
    await told.wait()
    task.cancel()
    await asyncio.wait([task])
    assert slow.begun == slow.ended == 2


@in_loop
async def test_cancelled_before_it_is_slow() -> None:
    """What several are waited for with ends as well."""
    slow = Slow()
    task = asyncio.create_task(Driver(slow.send).run(several()))
    await slow.first.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert slow.ended == 1


@in_loop
async def test_many_that_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow with all of them is not asked more and more at the same time."""
    monkeypatch.setattr("dynconf._http.drive.SLOW", 0.0)

    def steps() -> Steps[list[Any]]:
        return list((yield [Request("GET", "/slow")] * 40))

    slow = Slow()
    task = asyncio.create_task(Driver(slow.send).run(steps()))
    for _ in range(200):
        await asyncio.sleep(0)
    assert slow.begun == 2 * SIDE_BY_SIDE
    slow.go.set()
    assert len(await task) == 40


HELD = Request("GET", "/", held=True)


@in_loop
async def test_held_request_is_given_up() -> None:
    """Waking ends what a server holds, its patience does so as well, and neither is a failure."""

    async def never(request: Request) -> Reply:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return REPLY

    def steps(request: Request) -> Steps[object]:
        return (yield request)

    begun = asyncio.Event()
    ended: list[bool] = []
    driver = Driver(never)
    task = asyncio.create_task(driver.run(steps(HELD)))
    await begun.wait()
    driver.wake()
    assert await task is None
    assert await driver.run(steps(replace(HELD, patience=0.0))) is None
    assert ended == [True, True]


@in_loop
async def test_waking_is_not_lost() -> None:
    """What there is to do before a request is held is looked at first; a reply that is there is given."""
    sent: list[Request] = []

    async def send(request: Request) -> Reply:
        sent.append(request)
        await asyncio.sleep(0)
        return REPLY

    def steps() -> Steps[list[object]]:
        driver.wake()
        first = yield GET
        second = yield HELD
        third = yield HELD
        return [first, second, third]

    driver = Driver(send)
    assert await driver.run(steps()) == [REPLY, None, REPLY]


@in_loop
async def test_rest() -> None:
    """A rest ends when its time is over or when there is something to do; one without a time only then."""

    def steps(seconds: float | None) -> Steps[str]:
        assert (yield Rest(seconds)) is None
        return "rested"

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    slept: list[float] = []
    driver = Driver(Log().send, sleep)
    assert await driver.run(steps(7.0)) == "rested"
    assert slept == [7.0]
    task = asyncio.create_task(driver.run(steps(None)))
    await asyncio.sleep(0)
    driver.wake()
    assert await task == "rested"
