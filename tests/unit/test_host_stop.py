"""Stopping a host: in time whatever hangs, from wherever, and without leftovers."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable

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
    stubborn,
)


def begin_callback(host: Host, name: str, function: Callable[[], object]) -> None:
    """Start a callback and don't wait for its end."""
    began = threading.Event()

    def callback() -> None:
        began.set()
        function()

    host.post(host.run_callback, name, callback)
    assert began.wait(LOOK)


def join_callback_threads() -> None:
    """Wait for callback threads that nobody had to wait for."""
    for thread in threading.enumerate():
        if thread.name.startswith("test-callback"):
            thread.join(LOOK)


def test_two_hundred_starts_and_stops_leave_nothing() -> None:
    """Threads and file descriptors are as before, with tasks and callback threads in between."""
    gc.collect()
    before = footprint()
    for _ in range(200):
        host = Host.in_thread("test")
        spawn(host, forever, forever)
        begin_callback(host, "quick", bool)
        host.stop(LONG)
        host.stop(LONG)
    assert footprint() == before


def test_two_hundred_starts_and_stops_in_one_loop_leave_nothing() -> None:
    """The caller's loop has its own tasks and descriptors as before, and still runs."""

    async def main() -> None:
        mine = asyncio.create_task(forever())
        await asyncio.sleep(0)
        before = footprint(), asyncio.all_tasks()
        for _ in range(200):
            host = Host.in_loop("test")
            host.spawn(forever(), "forever")
            await host.run_callback("quick", bool)
            await host.close(LONG)
            await host.close(LONG)
            await asyncio.sleep(0)
        assert (footprint(), asyncio.all_tasks()) == before
        assert not mine.done()

    asyncio.run(main())


def test_a_stopped_host_takes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Every way to give it work says so, and no coroutine is left behind."""
    host = Host.in_thread("test")
    host.stop(LONG)
    assert not host.alive
    assert not host.post(bool)
    with pytest.raises(UsageError, match="test has stopped"):
        host.call(answer, instead="x()")
    with pytest.raises(UsageError):
        asyncio.run(host.acall(answer))
    coroutine = answer()
    with pytest.raises(UsageError):
        host.spawn(coroutine, "late")
    with pytest.raises(UsageError):
        host.run_callback("late", bool)
    host.abort()
    assert caplog.messages == []


def test_open_calls_hear_of_the_stop() -> None:
    """Whoever waits for an answer gets an error when the host stops, from thread and loop alike."""
    host = Host.in_thread("test")
    waiting = threading.Barrier(3)
    errors: list[BaseException] = []

    async def wait_forever() -> None:
        host.run_callback("begun", lambda: waiting.wait(LOOK))
        await forever()

    def call() -> None:
        with pytest.raises(UsageError) as caught:
            host.call(wait_forever, instead="x()")
        errors.append(caught.value)

    def acall() -> None:
        with pytest.raises(UsageError) as caught:
            asyncio.run(host.acall(wait_forever))
        errors.append(caught.value)

    threads = [threading.Thread(target=target) for target in (call, acall)]
    for thread in threads:
        thread.start()
    waiting.wait(LOOK)
    host.stop(LONG)
    for thread in threads:
        thread.join(LOOK)
    assert len(errors) == 2


def race_with_stop(host: Host) -> list[object]:
    """What eighty calls from four threads come to while the host stops."""
    outcomes: list[object] = []
    ready = threading.Barrier(5)

    def call() -> None:
        ready.wait(LOOK)
        for _ in range(20):
            try:
                outcomes.append(host.call(answer, instead="x()"))
            except UsageError as error:
                outcomes.append(type(error))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait(LOOK)
    host.stop(LONG)
    for thread in threads:
        thread.join(LOOK)
    return outcomes


def test_calls_that_race_with_the_stop_all_return() -> None:
    """Every call made while the host stops gets its answer or the error, and none hangs."""
    for _ in range(50):
        outcomes = race_with_stop(Host.in_thread("test"))
        assert len(outcomes) == 80
        assert set(outcomes) <= {42, UsageError}


def test_what_hangs_is_abandoned_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """A task that ignores its cancellation and a callback that never returns don't hold up the stop."""
    host = Host.in_thread("test")
    release = threading.Event()
    spawn(host, stubborn)
    begin_callback(host, "sleeper", lambda: release.wait(LOOK))
    worker = next(thread for thread in threading.enumerate() if thread.name == "test-callback-0")
    host.stop(SHORT)
    assert caplog.messages == ["test: stopped without waiting for sleeper, stubborn"]
    assert "test" not in {thread.name for thread in threading.enumerate()}
    release.set()
    worker.join(LOOK)
    assert not worker.is_alive()


def test_a_blocked_loop_is_given_up_and_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Code that blocks the loop itself is named; once it returns, loop and thread end."""
    host = Host.in_thread("test")
    blocked, release = threading.Event(), threading.Event()
    before = footprint()

    async def blocker() -> None:
        blocked.set()
        release.wait(LOOK)

    host.post(lambda: host.spawn(blocker(), "blocker"))
    assert blocked.wait(LOOK)
    thread = next(thread for thread in threading.enumerate() if thread.name == "test")
    host.stop(SHORT)
    assert caplog.messages == ["test: its event loop did not stop in time, blocker blocks it"]
    with pytest.raises(UsageError):
        host.call(answer, instead="x()")
    release.set()
    thread.join(LOOK)
    assert footprint()[1] < before[1]


def test_cancelled_tasks_may_still_clean_up() -> None:
    """While it is being cancelled, a task may run a callback and start a task of its own."""
    host = Host.in_thread("test")
    cleaned: list[str] = []

    async def late() -> None:
        cleaned.append("in a task")

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await host.run_callback("closer", lambda: cleaned.append("in a callback"))
            await asyncio.create_task(late())

    spawn(host, tidy)
    host.stop(LONG)
    assert cleaned == ["in a callback", "in a task"]


def test_generators_are_closed_on_the_loop() -> None:
    """An asynchronous generator left half-way gets its clean-up before the loop closes."""
    host = Host.in_thread("test")
    closed: list[bool] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(host.here())

    async def take_one() -> int:
        kept.append(numbers())
        return await anext(kept[0])

    assert host.call(take_one, instead="x()") == 1
    host.stop(LONG)
    assert closed == [True]


def test_stop_from_a_callback_does_not_wait_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """A callback may stop the host that runs it, and goes on afterwards."""
    host = Host.in_thread("test")
    stopped = threading.Event()

    def callback() -> None:
        host.stop(LONG)
        stopped.set()

    host.post(host.run_callback, "stopper", callback)
    assert stopped.wait(LOOK)
    join_callback_threads()
    assert not host.alive
    assert caplog.messages == []


def test_stop_from_two_callbacks_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Callbacks that stop the host at the same time don't wait for each other."""
    host = Host.in_thread("test")
    ready, stopped = threading.Barrier(2), threading.Barrier(3)

    def callback() -> None:
        ready.wait(LOOK)
        host.stop(LONG)
        stopped.wait(LOOK)

    for name in "ab":
        host.post(host.run_callback, name, callback)
    stopped.wait(LOOK)
    join_callback_threads()
    assert caplog.messages == []


def test_a_callers_loop_that_was_closed_without_stop(caplog: pytest.LogCaptureFixture) -> None:
    """Work for a loop that is gone is refused or failed, never waited for; stop is at once."""

    async def main() -> Host:
        host = Host.in_loop("test")
        await host.run_callback("quick", bool)
        return host

    before = footprint()
    host = asyncio.run(main())
    assert not host.post(bool)
    with pytest.raises(UsageError):
        host.call(answer, instead="x()")
    with pytest.raises(UsageError):
        asyncio.run(host.acall(answer))
    host.stop(LONG)
    join_callback_threads()
    assert footprint() == before
    assert caplog.messages == []


def test_a_callers_loop_that_is_no_longer_run() -> None:
    """A call for a loop that stands still ends with an error."""
    loop = asyncio.new_event_loop()

    async def main() -> Host:
        host = Host.in_loop("test")
        host.spawn(forever(), "forever")
        return host

    host = loop.run_until_complete(main())
    with pytest.raises(UsageError):
        host.call(answer, instead="x()")
    with pytest.raises(UsageError):
        asyncio.run(host.acall(answer))
    host.stop(LONG)
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
    loop.close()


def test_abort_ends_all_without_waiting() -> None:
    """After an abort, from any thread and also before there is a loop, the thread ends by itself."""
    for delay in (0.0, LOOK):
        host = Host.in_thread("test", delay=delay)
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "test")
        host.abort()
        assert not host.alive
        thread.join(LOOK)
        assert not thread.is_alive()


def test_abort_from_a_finalizer_on_the_loop() -> None:
    """An owner whose finalizer happens to run on the host's own loop can abort it there."""
    host = Host.in_thread("test")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "test")

    class Owner:
        def __del__(self) -> None:
            host.abort()

    owners = [Owner()]
    host.post(owners.clear)
    thread.join(LOOK)
    assert not thread.is_alive()


def test_a_host_whose_thread_cannot_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system gives no thread, the error is raised and the loop is closed."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = footprint()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        Host.in_thread("test")
    monkeypatch.undo()
    assert footprint() == before
