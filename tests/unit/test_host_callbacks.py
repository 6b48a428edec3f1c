"""Synchronous callbacks: on threads of their own, which are few, reused and forgetful."""

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal

import pytest

from dynconf._host.host import Host
from tests.servers.process import until
from tests.unit.host_props import (
    LOOK,
    SHORT,
    Signal,
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


def call_back(host: Host, name: str, function: Callable[[], object]) -> object:
    """Run a callback and wait for what it returns."""

    async def run() -> object:
        return await host.run_callback(name, function)

    return host.call(run, instead="x()")


def test_callbacks_run_on_daemon_threads_that_are_reused(host: Host) -> None:
    """One after the other they share a thread, which is a daemon and not the loop's."""
    threads = {call_back(host, "who", threading.current_thread) for _ in range(5)}
    (thread,) = threads
    assert isinstance(thread, threading.Thread)
    assert thread.daemon
    assert thread.name.startswith("test-callback-")


def test_callbacks_run_side_by_side_up_to_the_cap() -> None:
    """As many run at once as there may be threads; the next one waits for a free thread."""
    host = Host.in_thread("test", threads=3)
    meeting = threading.Barrier(3)

    async def run() -> list[object]:
        calls = [host.run_callback("meet", lambda: meeting.wait(LOOK)) for _ in range(3)]
        calls.append(host.run_callback("late", lambda: -1))
        return list(await asyncio.gather(*calls))

    assert sorted(map(str, host.call(run, instead="x()"))) == ["-1", "0", "1", "2"]
    assert sum(thread.name.startswith("test-callback-") for thread in threading.enumerate()) == 3
    host.stop()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (LookupError("gone"), "gone"),
        (StopIteration(), "odd raised StopIteration"),
        (SystemExit(3), "odd raised SystemExit"),
        (asyncio.CancelledError(), "odd raised CancelledError"),
    ],
)
def test_a_callbacks_error_is_the_awaiters(host: Host, raised: BaseException, expected: str) -> None:
    """Errors reach the awaiter; those that would end, cancel or confuse it are wrapped."""

    def callback() -> None:
        raise raised

    with pytest.raises((LookupError, RuntimeError)) as caught:
        call_back(host, "odd", callback)
    assert str(caught.value) == expected


def test_a_callback_sees_the_context_it_was_submitted_in(host: Host) -> None:
    """Context variables are copied: read in the callback, and not written back."""
    request = contextvars.ContextVar("request", default="none")

    async def run() -> tuple[object, str]:
        request.set("this one")
        seen = await host.run_callback("reader", lambda: (request.get(), request.set("other"))[0])
        return seen, request.get()

    assert host.call(run, instead="x()") == ("this one", "this one")


def test_a_cancelled_awaiter_abandons_its_callback(host: Host, log: Signal) -> None:
    """The callback goes on, its later error is logged, and its thread is used again."""
    began, release = threading.Event(), threading.Event()

    def callback() -> None:
        began.set()
        release.wait(LOOK)
        raise LookupError("the password is hunter2")

    async def run() -> None:
        answer = host.run_callback("slow one", callback)
        await host.run_callback("waits for it", lambda: began.wait(LOOK))
        answer.cancel()
        with suppress(asyncio.CancelledError):
            await answer

    host.call(run, instead="x()")
    release.set()
    assert log.logged.wait(LOOK)
    assert log.messages == ["test: slow one raised LookupError after it was given up"]


def test_a_callback_cancelled_before_its_turn_is_not_run() -> None:
    """What waits for a thread and is no longer wanted is skipped."""
    host = Host.in_thread("test", threads=1)
    release = threading.Event()
    ran: list[str] = []

    async def run() -> None:
        first = host.run_callback("first", lambda: release.wait(LOOK))
        second = host.run_callback("second", lambda: ran.append("second"))
        third = host.run_callback("third", lambda: ran.append("third"))
        second.cancel()
        release.set()
        await asyncio.gather(first, third)

    host.call(run, instead="x()")
    host.stop()
    assert ran == ["third"]


def test_busy_threads_are_named_in_one_warning(log: Signal) -> None:
    """When all threads have been busy for a second, one warning names what they run."""
    host = Host.in_thread("test", threads=2)
    release = threading.Event()

    async def run() -> None:
        for name in ("redis_moved", "flush", "never begun"):
            host.run_callback(name, lambda: release.wait(LOOK))

    host.call(run, instead="x()")
    assert log.logged.wait(LOOK)
    release.set()
    host.stop()
    (message,) = log.messages
    assert message.endswith("running: redis_moved, flush")


def test_those_that_hang_are_replaced(host: Host, log: Signal) -> None:
    """Code that a change waits for goes on past what hangs; the threads that this took end with it."""
    release = threading.Event()

    async def fill() -> list[asyncio.Future[bool]]:
        return [host.run_work("hangs", lambda: release.wait(LOOK), "prepare") for _ in range(40)]

    async def ask(*kinds: Literal["work", "prepare", "close"]) -> list[bool]:
        return [await host.run_work("quick", lambda: True, kind) for kind in kinds]

    async def end(hanging: list[asyncio.Future[bool]]) -> list[bool]:
        return await asyncio.gather(*hanging)

    hanging = host.call(fill, instead="x()")
    assert host.call(lambda: ask("work", "close", "prepare"), instead="x()", timeout=LOOK) == [True] * 3
    assert not release.is_set()
    assert log.messages[0].endswith("others take their place; running: hangs (16 times)")
    release.set()
    assert host.call(lambda: end(hanging), instead="x()") == [True] * 40
    until(lambda: sum("test-prepare" in one.name for one in threading.enumerate()) <= 16, "the end of most")
    host.stop()
    assert not [one for one in threading.enumerate() if one.name.startswith("test")]


def test_idle_threads_keep_nobody_alive(host: Host) -> None:
    """Once a callback has returned, neither loop nor thread holds on to what it used."""

    class Owner:
        def callback(self) -> "Owner":
            return self

        def restart(self) -> None: ...

    owner = Owner()
    gone = threading.Event()
    weakref.finalize(owner, gone.set)
    watched = Host.in_thread("watched", on_fork=owner.restart)
    watched.post(owner.callback)
    call_back(watched, "mine", owner.callback)
    del owner
    gc.collect()
    assert gone.wait(LOOK)
    watched.stop()


def test_what_still_waits_for_a_thread_is_dropped_at_the_stop(log: Signal) -> None:
    """A callback that has not begun when the host stops is never called, though nobody cancelled it."""
    host = Host.in_thread("test", threads=1)
    began, release = threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        began.set()
        release.wait(LOOK)

    host.post(host.run_callback, "first", first)
    host.post(host.run_callback, "second", lambda: ran.append("second"))
    assert began.wait(LOOK)
    (worker,) = (thread for thread in threading.enumerate() if thread.name == "test-callback-0")
    host.stop(SHORT)
    release.set()
    worker.join(LOOK)
    assert ran == []
    assert log.messages == ["test: stopped without waiting for first"]


def test_a_system_out_of_threads(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any thread the awaiter gets the error; with one, the others' work waits for it."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def two() -> list[int]:
        return await asyncio.gather(*(host.run_callback("number", lambda n=n: n) for n in range(2)))  # type: ignore[misc]

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            call_back(host, "none", bool)
    call_back(host, "one", bool)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert host.call(two, instead="x()") == [0, 1]


def test_no_further_thread_for_its_own_kind(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work then runs where a thread of another kind has nothing to do, not behind what its own ones do."""
    busy = threading.Event()

    async def close(function: Callable[[], object]) -> object:
        return await host.run_work("close", function, "close")

    def keep_busy() -> None:
        busy.set()
        release.wait(LOOK)

    async def begin() -> None:
        host.run_work("busy", keep_busy, "close")

    release = threading.Event()
    thread = call_back(host, "idle", threading.current_thread)
    host.call(begin, instead="x()")
    busy.wait(LOOK)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert host.call(lambda: close(threading.current_thread), instead="x()") is thread
    release.set()
