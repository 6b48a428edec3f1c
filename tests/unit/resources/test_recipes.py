"""How one is made and closed, where that is out of the ordinary."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from dynconf import Config, Memory
from dynconf.errors import StartFailed
from dynconf.resources.recipe import Kind, kind_of
from tests.servers.process import until
from tests.unit.core_props import LOOK
from tests.unit.resources.clients import (
    App,
    Client,
    create_async,
    generate,
    generate_async,
    managed,
    managed_async,
)


class Maker:
    def __call__(self, host: str) -> Client:
        return Client(host)


class AsyncMaker:
    async def __call__(self, host: str) -> Client:
        return Client(host)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (Client, "function"),
        (Maker(), "function"),
        (AsyncMaker(), "async function"),
        (partial(create_async, "a"), "async function"),
        (partial(partial(generate), "a"), "generator"),
        (managed, "generator"),
        (managed_async, "async generator"),
        (partial(generate_async), "async generator"),
        (Client.aclose, "async function"),
        (len, "function"),
    ],
)
def test_kinds(function: Callable[..., Any], kind: Kind) -> None:
    """What a function is shows through whatever is wrapped around it."""
    assert kind_of(function) == kind


@pytest.mark.parametrize(
    "options",
    [
        {"create": create_async},
        {"create": generate_async},
        {"create": lambda host: create_async(host)},  # noqa: PLW0108 - no async function itself
        {"create": Client, "close": Client.aclose},
        {"create": Client, "check": Client.aclose},
        {"create": Client, "check": lambda client: client.aclose()},
    ],
)
def test_async_under_a_thread(options: dict[str, Any]) -> None:
    """Under `with` the core's loop is none of the user's, so what is async is refused."""
    config = Config(Memory({"host": "one"}))
    config.bind(App).resource("host", **{"close": None, **options})
    with pytest.raises(StartFailed, match="async with"):
        config.start()


def test_a_close_that_happens_to_be_async() -> None:
    """Under `with`, too, it is awaited."""
    config = Config(Memory({"host": "one"}))
    config.bind(App).resource("host", create=Client, close=lambda client: client.aclose())
    with config:
        assert Client.hosts() == ["one"]
    assert Client.hosts() == []


class Answer:
    """An awaitable that is no coroutine, as a future is."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function

    def __await__(self) -> Iterator[None]:
        yield
        self.function()


def test_awaitables_that_are_no_coroutines() -> None:
    """What `check` and `close` give is awaited; a client that can be awaited itself is not."""

    class Awaitable(Client):
        def __await__(self) -> Iterator[None]:
            raise AssertionError

    async def test(config: Config, app: Any) -> None:
        app.resource(
            "host",
            create=Awaitable,
            check=lambda client: Answer(client.ping),
            close=lambda client: Answer(client.close),
        )
        with pytest.raises(StartFailed, match="bad does not answer"):
            await config.astart()
        assert [one.open for one in Client.made] == [False]

    in_a_loop(Memory({"host": "bad"}), test)


def test_a_late_one_whose_close_gives_an_awaitable() -> None:
    """That is awaited, too."""
    go_on = threading.Event()

    def create(host: str) -> Client:
        go_on.wait(LOOK)
        return Client(host)

    async def test(config: Config, app: Any) -> None:
        options: dict[str, Any] = {"timeout": 0.05, "on_failure": "keep"}
        app.resource("host", create=create, close=lambda client: Answer(client.close), **options)
        async with config:
            go_on.set()
            await asyncio.to_thread(
                until, lambda: Client.made and len(Client.hosts()) < len(Client.made), "the close"
            )

    in_a_loop(Memory({"host": "one"}), test)


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit])
def test_code_that_gives_up(error: type[BaseException]) -> None:
    """It is a failure as any other: nothing else is given up with it, and a kept one heals."""
    tries = []

    async def create(host: str) -> Client:
        tries.append(host)
        if len(tries) < 3:
            raise error
        return Client(host)

    async def test(config: Config, app: Any) -> None:
        client = app.resource("host", create=create, close=Client.close, on_failure="keep")
        async with config:
            assert f"its code raised {error.__name__}" in client.error
            await asyncio.to_thread(until, lambda: client.state == "ready", "another try")
            assert len(tries) == 3

    in_a_loop(Memory({"host": "one"}), test)


def in_a_loop(document: Memory, test: Callable[[Config, Any], Any]) -> None:
    """Run a test with a Config in its loop."""

    async def run() -> None:
        config = Config(document)
        await test(config, config.bind(App))

    asyncio.run(run())


def test_late_with_an_async_close() -> None:
    """A sync `create` that comes too late is closed by an async `close`, too."""
    go_on = threading.Event()

    def create(host: str) -> Client:
        go_on.wait(LOOK)
        return Client(host)

    async def test(config: Config, app: Any) -> None:
        app.resource("host", create=create, close=Client.aclose, timeout=0.05, on_failure="keep")
        async with config:
            go_on.set()
            await asyncio.to_thread(
                until, lambda: Client.made and len(Client.hosts()) < len(Client.made), "the close"
            )

    in_a_loop(Memory({"host": "one"}), test)


def test_a_late_generator() -> None:
    """One that yields too late is left, as any is."""
    go_on = threading.Event()

    def create(host: str) -> Iterator[Client]:
        go_on.wait(LOOK)
        client = Client(host)
        yield client
        client.close()

    config = Config(Memory({"host": "one"}))
    config.bind(App).resource("host", create=create, timeout=0.05)
    with pytest.raises(StartFailed, match=r"within 0\.05 s"):
        config.start()
    go_on.set()
    until(lambda: Client.made and not Client.hosts(), "the close of the late one")


def test_an_async_generator_whose_check_fails() -> None:
    """What stands after its `yield` is run though it has no `finally`."""
    left = []

    async def create(host: str) -> AsyncIterator[Client]:
        client = Client(host)
        yield client
        left.append(host)
        client.close()

    async def test(config: Config, app: Any) -> None:
        app.resource("host", create=create, check=Client.ping)
        with pytest.raises(StartFailed, match="bad does not answer"):
            await config.astart()
        assert left == ["bad"]

    in_a_loop(Memory({"host": "bad"}), test)


@pytest.mark.parametrize("fails", ["before", "late"])
def test_an_async_generator_that_is_not_entered(fails: str) -> None:
    """Its error, or its being late, is the reason, and it can tidy up."""
    tidied = []

    async def create(host: str) -> AsyncIterator[Client]:
        try:
            if fails == "before":
                raise ConnectionError("nobody is there")
            await asyncio.Event().wait()
            yield Client(host)
        finally:
            tidied.append(host)

    async def test(config: Config, app: Any) -> None:
        app.resource("host", create=create, timeout=0.05)
        with pytest.raises(StartFailed, match=r"nobody is there|within 0\.05 s"):
            await config.astart()
        assert tidied == ["one"]

    in_a_loop(Memory({"host": "one"}), test)


def test_an_async_generator_whose_end_fails(caplog: pytest.LogCaptureFixture) -> None:
    """That is logged without its text, and hurts nobody."""

    async def create(host: str) -> AsyncIterator[Client]:
        client = Client(host)
        yield client
        raise RuntimeError(client.secret)

    async def test(config: Config, app: Any) -> None:
        app.resource("host", create=create)
        with caplog.at_level(logging.ERROR):
            async with config:
                pass

    in_a_loop(Memory({"host": "one"}), test)
    assert "life of host failed: RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_secret_in_an_error() -> None:
    """An error that quotes a secret is told by its type alone."""

    class Locked(App):
        password: str = ""

    def create(password: str) -> Client:
        raise ConnectionError(f"wrong password {password}")

    config = Config(Memory({"password": "hunter2"}))
    config.bind(Locked).resource("password", create=create)
    with pytest.raises(StartFailed, match="password: ConnectionError") as failed:
        config.start()
    assert "hunter2" not in str(failed.value)
