"""Closing a host from a loop: its own, the caller's or another one."""

import asyncio
import threading

import pytest

from dynconf._host.host import Host
from dynconf.errors import UsageError
from tests.unit.host_props import (
    LONG,
    LOOK,
    SHORT,
    answer,
    footprint,
    forever,
    spawn,
)


def test_close_from_a_task_of_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    """An asynchronous callback may close the host that runs it: it isn't cancelled, and runs to its end."""
    host = Host.in_thread("test")
    steps: list[str] = []

    async def closer() -> None:
        await host.close(LONG)
        steps.append("closed")
        await asyncio.sleep(0)
        steps.append("ended")

    spawn(host, forever)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "test")
    host.post(lambda: host.spawn(closer(), "closer"))
    thread.join(LOOK)
    assert steps == ["closed", "ended"]
    assert caplog.messages == []


def test_close_from_a_task_that_never_ends(caplog: pytest.LogCaptureFixture) -> None:
    """What closes its own host and then goes on for ever is cancelled when the budget runs out."""
    host = Host.in_thread("test")
    ended = threading.Event()

    async def closer() -> None:
        await host.close(SHORT)
        try:
            await forever()
        finally:
            ended.set()

    (thread,) = (thread for thread in threading.enumerate() if thread.name == "test")
    host.post(lambda: host.spawn(closer(), "closer"))
    thread.join(LOOK)
    assert ended.is_set()
    assert caplog.messages == []


def test_close_from_several_tasks(caplog: pytest.LogCaptureFixture) -> None:
    """Tasks that close their host while it is being closed don't wait for each other."""
    host = Host.in_thread("test")

    async def again() -> None:
        try:
            await forever()
        finally:
            await host.close(LONG)

    spawn(host, again, again)
    host.stop(LONG)
    assert caplog.messages == []


def test_close_in_the_callers_loop() -> None:
    """Closing cancels our tasks and none of the caller's, and the loop runs on."""

    async def main() -> None:
        host = Host.in_loop("test")
        mine = asyncio.create_task(forever())
        ours = host.spawn(forever(), "forever")
        await host.close(LONG)
        assert ours.cancelled()
        await asyncio.sleep(0)
        assert not mine.done()
        mine.cancel()

    asyncio.run(main())


def test_close_by_one_of_our_tasks_in_the_callers_loop(caplog: pytest.LogCaptureFixture) -> None:
    """A task of the host that closes it goes on undisturbed."""

    async def main() -> None:
        host = Host.in_loop("test")

        async def closer() -> str:
            await host.close(LONG)
            await asyncio.sleep(0)
            return "went on"

        assert await host.spawn(closer(), "closer") == "went on"

    asyncio.run(main())
    assert caplog.messages == []


def test_close_from_another_loop() -> None:
    """A host on a thread can be closed from a loop without blocking that loop."""
    host = Host.in_thread("test")
    spawn(host, forever)

    async def main() -> int:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        await host.close(LONG)
        turning.cancel()
        return turns

    before = footprint()
    assert asyncio.run(main()) > 0
    assert footprint()[0] == before[0] - {"test"}


def test_a_cancelled_close_goes_on() -> None:
    """Cancelling whoever waits for the close doesn't stop it half-way."""

    async def main() -> None:
        host = Host.in_loop("test")
        ours = host.spawn(forever(), "forever")
        closing = asyncio.create_task(host.close(LONG))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await host.close(LONG)
        assert ours.cancelled()

    asyncio.run(main())


def test_a_cancelled_close_from_another_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Nor does it when the host's loop is another."""
    host = Host.in_thread("test")

    async def main() -> None:
        closing = asyncio.create_task(host.close(LONG))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    host.call(lambda: asyncio.sleep(0), instead="x()")
    asyncio.run(main())
    host.stop(LONG)
    assert caplog.messages == []


def test_a_close_that_the_callers_loop_cancels() -> None:
    """If the caller's loop ends while the host is closing, the host is gone all the same."""

    async def main() -> Host:
        host = Host.in_loop("test")

        async def lingering() -> None:
            try:
                await forever()
            finally:
                with pytest.raises(UsageError):
                    await host.acall(answer)
                await asyncio.sleep(LONG)

        host.spawn(lingering(), "lingering")
        await asyncio.sleep(0)
        host.abort(LONG)
        for _ in range(5):
            await asyncio.sleep(0)
        return host

    host = asyncio.run(main())
    host.stop(LONG)
    assert not host.post(bool)
