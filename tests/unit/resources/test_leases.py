"""Using a resource: it is not closed under its user, nor kept open for ever."""

import asyncio
import logging
import threading
import time

import pytest

from dynconf.errors import StartFailed, UsageError
from dynconf.testing import ManualClock
from tests.servers.process import until
from tests.unit.core_props import LOOK
from tests.unit.resources.clients import Client, generate_async, made


def test_a_lease_holds_it_open() -> None:
    """Who has one may finish; whoever comes later gets the new one."""
    document, config, app, client = made()
    with config, client.lease() as first:
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        with client.lease() as second:
            assert (first.host, second.host) == ("one", "two")
            assert first.open
            assert client.draining == 1
            assert client.leases == 2


def test_one_lease_for_each_with() -> None:
    """One that is entered already is refused: it could be given back only once."""
    _, config, _, client = made()
    with config:
        lease = client.lease()
        with lease, pytest.raises(UsageError, match="entered already"), lease:
            raise AssertionError
        with lease:
            assert client.leases == 1
        assert client.leases == 0


def test_the_last_lease_ends() -> None:
    """Then the former one is closed, and not before."""
    document, config, app, client = made()
    with config:
        lease, another = client.lease(), client.lease()
        first = lease.__enter__()
        another.__enter__()
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        lease.__exit__(None, None, None)
        assert first.open
        another.__exit__(None, None, None)
        until(lambda: not first.open, "the close")
        assert client.draining == 0


def test_a_lease_that_never_ends(caplog: pytest.LogCaptureFixture) -> None:
    """After the drain it is closed all the same, and that is logged."""
    document, config, app, client = made(drain=0.05)
    with config, client.lease() as first:
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        until(lambda: not first.open, "the close")
    assert "host: closed after 0.05 s although 1 still use it" in caplog.text


def test_grace() -> None:
    """Without a lease a former one stays open for a second, unless it is told another time."""
    clock = ManualClock()
    document, config, app, client = made(clock=clock)
    with config:
        first = client.current
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        clock.wait_for_sleepers()
        clock.advance(0.99)
        assert clock.sleepers
        assert first.open
        clock.advance(0.02)
        until(lambda: not first.open, "the close")


def test_a_create_that_is_late() -> None:
    """What comes when nobody waits for it any longer is closed."""
    go_on = threading.Event()

    def create(host: str) -> Client:
        go_on.wait(LOOK)
        return Client(host)

    _, config, _, _ = made(create=create, timeout=0.05)
    with pytest.raises(StartFailed, match=r"host: .*within 0.05 s"):
        config.start()
    go_on.set()
    until(lambda: Client.made and not Client.hosts(), "the close of the late one")


def test_an_async_create_under_a_thread() -> None:
    """Under `with` the core's loop is none of the user's, which is said."""
    _, config, _, _ = made(create=generate_async, close=None)
    with pytest.raises(StartFailed, match="async with"):
        config.start()


def test_threads_and_swaps() -> None:
    """Nobody is ever given a client that is closed while he has it."""
    document, config, app, client = made()
    faults: list[str] = []
    ending = threading.Event()

    def work() -> None:
        while not ending.is_set():
            with client.lease() as one:
                if not one.open:
                    faults.append("closed on entry")
                time.sleep(0)
                if not one.open:
                    faults.append("closed under its user")

    with config:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(30):
            document.set({"host": f"h{number}"})
            app.until(lambda now, number=number: now.host == f"h{number}", LOOK)
        ending.set()
        for thread in threads:
            thread.join()
        until(lambda: Client.hosts() == ["h29"], "the close of all others")
    assert faults == []
    assert client.swaps == 30


def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    """A close that fails is logged by where it failed, and hurts nobody."""

    def close(one: Client) -> None:
        raise RuntimeError(one.secret)

    document, config, app, _ = made(close=close)
    with caplog.at_level(logging.INFO), config:
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
    assert "closing host failed\nRuntimeError" in caplog.text
    assert "hunter2" not in caplog.text


def test_in_a_loop() -> None:
    """The same under `async with`, with many tasks."""

    async def test() -> None:
        document, config, app, client = made()
        async with config:
            ending = asyncio.Event()

            async def work() -> int:
                count = 0
                while not ending.is_set():
                    async with client.lease() as one:
                        assert one.open
                        await asyncio.sleep(0)
                        assert one.open
                        count += 1
                return count

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work()) for _ in range(20)]
                for number in range(10):
                    document.set({"host": f"h{number}"})
                    await app.auntil(lambda now, number=number: now.host == f"h{number}", LOOK)
                ending.set()
            assert all(task.result() for task in tasks)

    asyncio.run(test())


@pytest.mark.parametrize("drains", [(0.0, 30.0), (0.05, 0.05)])
def test_what_another_one_uses(drains: tuple[float, float]) -> None:
    """Its own drain does not close it before the other one is closed, whose drain alone counts."""
    closed: list[str] = []

    def close(one: Client) -> None:
        assert all(used.open for used in one.used)
        closed.append(f"user of {one.host}" if one.used else one.host)
        one.close()

    def gone(count: int) -> None:
        until(lambda: len(closed) == count, "the close of so many")

    document, config, app, client = made(close=close, drain=drains[0])
    user = app.resource("host", create=Client, close=close, uses=(client,), grace=0.0, drain=drains[1])
    with config:
        lease = user.lease()
        first = lease.__enter__()
        for number, host in enumerate(("two", "three")):
            document.set({"host": host})
            app.until(lambda now, host=host: now.host == host, LOOK)
            if drains[1] < 1:
                gone(2 * (number + 1))
        if drains[1] > 1:
            until(lambda: closed == ["user of two", "two"], "the close of those that nobody has")
            assert (first.open, first.used[0].open) == (True, True)
        lease.__exit__(None, None, None)
        gone(4)
        assert sorted(closed[::2]) == ["user of one", "user of two"]
    assert closed[4:] == ["user of three", "three"]
