"""Resources and loops of the user's that end without a stop, as where each test has a loop of its own."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.core_props import LOOK
from tests.unit.resources.clients import Client, create_async, generate, generate_async, made

LEFT = "client: the event loop ended before the stop; it was not closed"


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
