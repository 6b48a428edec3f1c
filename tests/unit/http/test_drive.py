"""Running a protocol: requests are sent, pauses waited for, news passed on, and it is closed in the end."""

import asyncio
from typing import Any

import pytest

from dynconf._http.drive import perform
from dynconf.errors import SourceError, SourceUnavailable
from dynconf.protocols.exchange import Pause, Reply, Request, Steps
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
        return await perform(steps, self.send, self.sleep, self.seen.append)


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
    task = asyncio.create_task(perform(steps(), never, asyncio.sleep, print))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert closed.is_set()
