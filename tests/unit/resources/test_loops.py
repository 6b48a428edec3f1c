"""Resources and loops of the user's that end without a stop, as where each test has a loop of its own."""

import asyncio
import gc
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.process import until
from tests.unit.core_props import LOOK
from tests.unit.resources.clients import Client, create_async, generate, generate_async, made

LEFT = "client: its event loop ended, or the time for the stop was up; it was not closed"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, True),
        ({"create": create_async, "close": Client.aclose}, True),
        ({"create": generate, "close": None}, False),  # Python closes a generator that nobody has any more
    ],
)
def test_one_of_each_loop(options: dict[str, Any], left: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The next start has a new one made; the other is not touched, since nothing there can be awaited."""
    _, config, _, client = made(name="client", **options)

    async def program() -> Client:
        await config.astart()
        found: Client = client.current
        return found

    first = asyncio.run(program())
    assert LEFT not in caplog.messages

    async def again() -> None:
        async with config:
            assert Client.made == [first, client.current]

    asyncio.run(again())
    assert caplog.messages.count(LEFT) == 1
    gc.collect()
    assert [one.open for one in Client.made] == [left, False]


def test_closed_as_its_loop_ended(caplog: pytest.LogCaptureFixture) -> None:
    """An async generator is ended by `asyncio.run` itself; nobody is given what it has closed."""
    _, config, _, client = made(create=generate_async, close=None, name="client")

    async def program() -> bool:
        await config.astart()
        found: bool = client.current.open
        return found

    assert [asyncio.run(program()), asyncio.run(program())] == [True, True]
    config.stop()
    assert Client.hosts() == []
    assert caplog.messages.count(LEFT) == 2


@pytest.mark.parametrize("stop", [lambda config: config.stop(), lambda config: asyncio.run(config.astop())])
def test_stopped_afterwards(stop: Callable[[Any], object], caplog: pytest.LogCaptureFixture) -> None:
    """A stop once the loop has ended says what it cannot close; the next start and stop are like any."""
    _, config, _, client = made(name="client")
    asyncio.run(config.astart())
    stop(config)
    stop(config)
    assert caplog.messages.count(LEFT) == 1
    assert client.state == "declared"
    with config:
        assert client.state == "ready"
    assert [one.open for one in Client.made] == [True, False]
    assert caplog.messages.count(LEFT) == 1


def test_tried_again_in_the_next_loop() -> None:
    """What could not be built is tried again there."""
    document, config, _, client = made(on_failure="keep")
    document.set({"host": "no"})

    async def program() -> None:
        await config.astart()
        assert client.state == "unavailable"

    asyncio.run(program())
    Client.working.add("no")
    with config:
        assert client.current.host == "no"
    assert Client.hosts() == []


def test_swapped_after_its_loop_ended() -> None:
    """Nothing is left of former ones that were on their way out."""
    document, config, app, client = made(grace=LOOK, drain=LOOK)

    async def program() -> None:
        await config.astart()
        document.set({"host": "two"})
        await app.auntil(lambda now: now.host == "two", LOOK)
        assert client.draining == 1

    asyncio.run(program())
    with config:
        assert (client.draining, client.current.host) == (0, "two")


def test_started_anew_while_a_stop_still_waits() -> None:
    """The end of the one takes nothing from the other."""
    document, config, app, client = made()
    told, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        if not go_on.is_set():
            told.set()
            go_on.wait(LOOK)

    app.on_change("host")(hang)
    config.start()
    document.set({"host": "two"})
    assert told.wait(LOOK)
    stopping = threading.Thread(target=config.stop)
    stopping.start()
    until(lambda: not config.status().running, "the stop to have begun")
    config.start()
    assert stopping.is_alive()
    go_on.set()
    stopping.join()
    assert client.state == "ready"
    document.set({"host": "three"})
    app.until(lambda now: now.host == "three", LOOK)
    assert client.current.host == "three"
    config.stop()
    assert Client.hosts() == []


def test_started_anew_while_a_stop_tells_what_it_left() -> None:
    """A start waits for that; or the rest of it would be taken from what the start has made."""
    _, config, app, client = made(name="client")
    other = app.resource("host", create=Client, close=Client.close, name="other")
    asyncio.run(config.astart())
    told, go_on = threading.Event(), threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()
            go_on.wait(LOOK)

    slow, logger = Slow(), logging.getLogger("dynconf.resources")
    logger.addHandler(slow)
    stopping, starting = (threading.Thread(target=what) for what in (config.stop, config.start))
    stopping.start()
    assert told.wait(LOOK)
    starting.start()
    starting.join(0.5)
    assert starting.is_alive()
    go_on.set()
    stopping.join()
    starting.join()
    logger.removeHandler(slow)
    assert (client.state, other.state) == ("ready", "ready")
    config.stop()
    assert [one.open for one in Client.made] == [True, True, False, False]


def test_a_stop_that_was_cut_off() -> None:
    """What it did not come to is not served to the next loop."""
    closing = asyncio.Event()

    async def never(_: Client) -> None:
        closing.set()
        await asyncio.Event().wait()

    _, config, app, client = made(create=create_async, close=Client.aclose)
    app.resource("other", create=create_async, close=never)

    async def program() -> Client:
        await config.astart()
        found: Client = client.current
        if len(Client.made) == 2:
            stop = asyncio.create_task(config.astop())
            await closing.wait()
            stop.cancel()
        return found

    assert asyncio.run(program()) is not asyncio.run(program())
    config.stop()


@pytest.mark.parametrize("create", [Client, create_async])
def test_a_dropped_config_leaves_no_thread(create: Callable[..., Any]) -> None:
    """Also where its loop ended without a stop."""
    before = set(threading.enumerate())

    async def program() -> None:
        _, config, _, client = made(create=create)
        await config.astart()
        assert client.state == "ready"

    with warnings.catch_warnings(action="ignore"):
        asyncio.run(program())
        gc.collect()
    until(lambda: set(threading.enumerate()) <= before, "the end of its threads")
