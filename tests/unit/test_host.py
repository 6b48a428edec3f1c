"""Work on a host: calls from any thread and loop, posts and tasks."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from dynconf._host.host import Host
from dynconf.errors import BlockingCall, UsageError
from tests.unit.host_props import (
    LOOK,
    Signal,
    footprint,
    listening,
)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host on a thread of its own."""
    host = Host.in_thread("test")
    yield host
    host.stop()


@pytest.fixture
def log() -> Iterator[Signal]:
    """What the host logs."""
    with listening() as handler:
        yield handler


async def forty_two() -> int:
    """Answer after the loop went round once."""
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    """Raise after the loop went round once."""
    await asyncio.sleep(0)
    raise LookupError("gone")


async def exit_program() -> None:
    """Want to end the program."""
    raise SystemExit(3)


class Forever:
    """A coroutine that waits until cancelled, and says when it began and ended."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def test_call_gives_the_result(host: Host) -> None:
    """A blocking call returns what its coroutine returns, and runs it on the host's loop."""

    async def there() -> tuple[bool, str]:
        return host.here(), threading.current_thread().name

    assert host.call(forty_two, instead="x()") == 42
    assert host.call(there, instead="x()") == (True, "test")
    assert not host.here()


def test_call_raises_what_the_coroutine_raises(host: Host) -> None:
    """An error crosses the threads; so does a wish to exit, which leaves the loop running."""
    with pytest.raises(LookupError, match="gone"):
        host.call(fail, instead="x()")
    with pytest.raises(SystemExit):
        host.call(exit_program, instead="x()")
    assert host.call(forty_two, instead="x()") == 42


def test_call_raises_what_making_the_coroutine_raises(host: Host) -> None:
    """A factory that fails doesn't leave its caller waiting."""

    def make() -> Coroutine[object, object, int]:
        raise LookupError("not made")

    with pytest.raises(LookupError, match="not made"):
        host.call(make, instead="x()")


def test_call_on_the_own_loop_is_refused(host: Host) -> None:
    """A call that would wait for itself names the form to await, and makes no coroutine."""
    made: list[str] = []

    def make() -> Coroutine[object, object, int]:
        made.append("made")
        return forty_two()

    async def inside() -> None:
        host.call(make, instead="await areload()")

    with pytest.raises(BlockingCall, match=r"use `await areload\(\)`"):
        host.call(inside, instead="x()")
    with pytest.raises(BlockingCall, match=r"use `await astop\(\)`"):
        host.call(lambda: stop_inside(host), instead="x()")
    assert made == []


async def stop_inside(host: Host) -> None:
    """Stop a host from its own loop, in the form that blocks."""
    host.stop()


def test_call_in_the_callers_loop_is_refused_there_only() -> None:
    """With the caller's loop as host, other threads may block on it and its own code may not."""

    async def main() -> None:
        host = Host.in_loop("test")
        with pytest.raises(BlockingCall):
            host.call(forty_two, instead="x()")
        assert await host.run_callback("from outside", lambda: host.call(forty_two, instead="x()")) == 42
        await host.close()

    asyncio.run(main())


def test_call_is_cancelled_by_its_timeout(host: Host) -> None:
    """When the time is up the caller hears of it and the coroutine is cancelled."""
    forever = Forever()
    with pytest.raises(TimeoutError):
        host.call(forever, instead="x()", timeout=0.01)
    assert not forever.began.is_set() or forever.cancelled.wait(LOOK)


def test_call_passes_on_a_timeout_error_of_the_coroutine(host: Host) -> None:
    """A TimeoutError that the coroutine raises is not taken for the call's own."""

    async def out_of_time() -> None:
        raise TimeoutError("the server's")

    with pytest.raises(TimeoutError, match="the server's"):
        host.call(out_of_time, instead="x()")


def test_call_is_cancelled_by_an_interrupt(host: Host) -> None:
    """Control-C in the waiting thread cancels the coroutine."""
    forever = Forever()

    def interrupt() -> None:
        forever.began.wait(LOOK)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        host.call(forever, instead="x()")
    thread.join()
    assert forever.cancelled.wait(LOOK)


def test_call_whose_coroutine_is_cancelled_from_inside(host: Host) -> None:
    """A coroutine that gives up by itself doesn't pass for a stopped host."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledError):
        host.call(give_up, instead="x()")


def test_acall_from_another_loop(host: Host) -> None:
    """A coroutine of another loop gets the result, the error, and may cancel the work."""
    forever = Forever()

    async def main() -> None:
        assert await host.acall(forty_two) == 42
        with pytest.raises(LookupError, match="gone"):
            await host.acall(fail)
        waiting = asyncio.create_task(host.acall(forever))
        await asyncio.to_thread(forever.began.wait, LOOK)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert forever.cancelled.wait(LOOK)


def test_acall_at_home_stays_in_the_task() -> None:
    """On the host's own loop the coroutine is awaited directly."""

    async def main() -> None:
        host = Host.in_loop("test")

        async def who() -> object:
            return asyncio.current_task()

        assert await host.acall(who) is asyncio.current_task()
        await host.close()
        with pytest.raises(UsageError):
            await host.acall(who)

    asyncio.run(main())


def test_posts_of_one_thread_keep_their_order(host: Host) -> None:
    """What one thread posts is called in that order, whatever other threads post meanwhile."""
    seen: dict[int, list[int]] = {worker: [] for worker in range(8)}

    def post_many(worker: int) -> None:
        for number in range(500):
            assert host.post(seen[worker].append, number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post_many, seen))
    host.call(forty_two, instead="x()")
    assert all(numbers == list(range(500)) for numbers in seen.values())


def test_a_post_that_fails_is_logged(host: Host, log: Signal) -> None:
    """A posted function that raises stops nobody; its arguments and the error's text stay out of the log."""
    assert host.post(int, "hunter2")
    assert host.call(forty_two, instead="x()") == 42
    (message,) = log.messages
    assert message.startswith("test: a posted call failed: ValueError\n")
    assert "hunter2" not in message


def test_a_spawned_task_that_fails_is_logged_by_name(host: Host, log: Signal) -> None:
    """The error that ends a task is logged with the task's name."""

    async def spawn() -> None:
        host.spawn(fail(), "watch app.yaml")

    host.call(spawn, instead="x()")
    assert log.logged.wait(LOOK)
    (message,) = log.messages
    assert message.startswith("test: watch app.yaml failed: LookupError\n")
    assert "in fail" in message
    assert "gone" not in message.replace('raise LookupError("gone")', "")


def test_a_task_that_wants_to_exit_leaves_the_loop_running(host: Host, log: Signal) -> None:
    """SystemExit in a task of the host's thread is logged, and later work is done."""

    async def spawn() -> None:
        host.spawn(exit_program(), "rude")

    host.call(spawn, instead="x()")
    assert log.logged.wait(LOOK)
    assert log.messages[0].startswith("test: rude failed: SystemExit\n")
    assert host.call(forty_two, instead="x()") == 42


def test_calls_made_during_the_delay_wait_for_the_loop() -> None:
    """A delayed host takes work at once and has no loop, selector or socket before its time."""
    descriptors = footprint()[1]
    host = Host.in_thread("test", delay=LOOK)
    seen: list[int] = []
    assert host.post(seen.append, 1)
    assert footprint()[1] == descriptors
    host.stop()
    assert seen == []

    host = Host.in_thread("test", delay=0.02)
    assert host.post(seen.append, 2)
    assert host.call(forty_two, instead="x()") == 42
    assert seen == [2]
    host.stop()
