"""Resources and the stop: all that was made is closed, whatever was going on, and in time."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from dynconf import Config, Memory
from dynconf.errors import DynconfError, UsageError
from dynconf.resources.recipe import Recipe
from tests.servers.process import until
from tests.unit.core_props import LOOK
from tests.unit.resources.clients import App, Client, made


class Slow:
    """Makes clients; with the second it takes its time, in `create` or in `check`."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def wait(self, host: str) -> None:
        """Be busy with it until told to go on."""
        if host == "two":
            self.begun.set()
            self.go_on.wait(LOOK)

    async def await_(self, host: str) -> None:
        """Likewise, on a loop, until cancelled."""
        if host == "two":
            self.begun.set()
            await asyncio.Event().wait()

    def create(self, host: str) -> Client:
        """Take it before there is a client."""
        self.wait(host)
        return Client(host)

    def check(self, client: Client) -> None:
        """Take it when there is one."""
        self.wait(client.host)

    def generate(self, host: str) -> Iterator[Client]:
        """Take it between."""
        client = Client(host)
        self.wait(host)
        yield client
        client.close()

    async def check_async(self, client: Client) -> None:
        """Take it when there is a client."""
        await self.await_(client.host)

    async def generate_async(self, host: str) -> AsyncIterator[Client]:
        """Take it between."""
        client = Client(host)
        try:
            await self.await_(host)
            yield client
        finally:
            client.close()


@pytest.mark.parametrize(
    "options",
    [
        lambda slow: {"create": slow.create},
        lambda slow: {"check": slow.check},
        lambda slow: {"create": slow.generate, "close": None},
    ],
)
def test_while_one_is_built(options: Callable[[Slow], dict[str, Any]]) -> None:
    """A change that is being prepared is broken off; what comes of it is closed as soon as it can be."""
    slow = Slow()
    document, config, _, client = made(**options(slow))
    with config:
        document.set({"host": "two"})
        assert slow.begun.wait(LOOK)
    assert client.state == "declared"
    slow.go_on.set()
    until(lambda: Client.made and not Client.hosts(), "the close of both")


@pytest.mark.parametrize(
    "options",
    [
        lambda slow: {"check": slow.check_async, "close": Client.aclose},
        lambda slow: {"create": slow.generate_async, "close": None},
    ],
)
def test_while_one_is_built_in_the_loop(options: Callable[[Slow], dict[str, Any]]) -> None:
    """Likewise where it is built by async functions; nothing is open after the stop."""
    slow = Slow()

    async def test() -> None:
        document, config, _, _ = made(**options(slow))
        async with config:
            document.set({"host": "two"})
            assert await asyncio.to_thread(slow.begun.wait, LOOK)
        assert Client.hosts() == []
        assert len(Client.made) == 2

    asyncio.run(test())


def test_while_one_is_tried_again() -> None:
    """Nor is anything left by a try that was under way."""
    slow, tries = Slow(), []

    def check(one: Client) -> None:
        tries.append(one)
        if one.host == "two":
            if len(tries) == 2:
                raise ConnectionError
            slow.wait(one.host)

    document, config, app, client = made(check=check, on_failure="keep")
    with config:
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        assert client.state == "degraded"
        assert slow.begun.wait(LOOK)
    slow.go_on.set()
    until(lambda: Client.hosts() == [], "the close of all")
    assert len(Client.made) == 3


def test_while_one_is_declared() -> None:
    """Whoever declares one meanwhile is told that everything stops."""
    slow = Slow()
    _, config, app, _ = made()
    told: list[BaseException] = []

    def declare() -> None:
        try:
            app.resource(lambda _: "two", create=slow.create, close=Client.close)
        except DynconfError as error:
            told.append(error)

    with config:
        thread = threading.Thread(target=declare)
        thread.start()
        assert slow.begun.wait(LOOK)
    thread.join()
    slow.go_on.set()
    assert isinstance(told[0], UsageError)
    assert "stopped" in str(told[0])
    until(lambda: len(Client.made) == 2 and not Client.hosts(), "the close of both")


def test_while_one_is_declared_in_the_loop() -> None:
    """There it is the caller's own task, which must not look as if it had been cancelled."""

    async def test() -> None:
        slow = Slow()
        document = Memory({"host": "one"})
        config = Config(document)
        app = config.bind(App)
        async with config:
            declaring = asyncio.create_task(
                app.aresource(lambda _: "two", create=Client, check=slow.check_async, close=Client.aclose)
            )
            assert await asyncio.to_thread(slow.begun.wait, LOOK)
        with pytest.raises(UsageError, match="stopped meanwhile"):
            await declaring
        assert [one.open for one in Client.made] == [False]

    asyncio.run(test())


def test_while_it_starts() -> None:
    """A start that is broken off leaves nothing open."""
    slow = Slow()
    document, config, _, _ = made(create=slow.create)
    document.set({"host": "two"})
    told: list[BaseException] = []

    def start() -> None:
        try:
            config.start()
        except DynconfError as error:
            told.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert slow.begun.wait(LOOK)
    config.stop()
    thread.join()
    slow.go_on.set()
    assert "stopped" in str(told[0])
    until(lambda: Client.made and not Client.hosts(), "the close of it")


def test_while_one_goes() -> None:
    """One that was closed by hand, and whose grace is not over, is closed as well."""
    _, config, _, client = made(grace=20.0)
    with config:
        client.close()
        assert Client.hosts() == ["one"]
    assert Client.hosts() == []


def test_one_that_comes_after_it(caplog: pytest.LogCaptureFixture) -> None:
    """What only a loop could close, and what comes when there is none any more, is named in the log."""
    slow = Slow()

    async def test() -> None:
        document, config, _, _ = made(create=slow.create, close=Client.aclose)
        async with config:
            document.set({"host": "two"})
            assert await asyncio.to_thread(slow.begun.wait, LOOK)

    asyncio.run(test())
    slow.go_on.set()
    until(lambda: "host: one came after the stop; it is left behind" in caplog.text, "the warning")


class Stopped:
    """In a host's place: it takes a call, and has stopped when it comes to that."""

    def post(self, function: Callable[[], object]) -> bool:
        function()
        return True

    def spawn(self, coroutine: Coroutine[Any, Any, None], _: str) -> None:
        coroutine.close()
        raise UsageError("it has stopped")


def test_one_that_comes_while_it_stops(caplog: pytest.LogCaptureFixture) -> None:
    """It is named in the log as well, and nothing else is."""
    recipe = Recipe("host", Client, None, Client.aclose)
    recipe._late(Stopped())(Client("one"))  # type: ignore[arg-type]
    assert caplog.messages == ["host: one came after the stop; it is left behind"]


def test_the_last_first() -> None:
    """They are closed in the reverse of the order in which they were declared, each after its users."""
    closed: list[str] = []

    def close(one: Client) -> None:
        closed.append(one.host)
        one.close()

    document, config, app, client = made(close=close)
    document.set({"host": "one", "other": "two"})
    app.resource("other", create=Client, close=close, uses=(client,))
    app.resource(lambda _: "three", create=Client, close=close)
    with config:
        pass
    assert closed == ["three", "two", "one"]


def test_closers_that_hang(caplog: pytest.LogCaptureFixture) -> None:
    """They are left behind and named, and those that do not hang are closed all the same."""
    go_on = threading.Event()
    _, config, app, _ = made()
    for number in range(5):
        app.resource(lambda _: "x", create=Client, close=lambda _: go_on.wait(LOOK), name=f"hangs {number}")
    with caplog.at_level(logging.WARNING), config:
        pass
    go_on.set()
    assert "one" not in Client.hosts()
    for number in range(5):
        assert f"hangs {number}: closing it takes too long" in caplog.text


def test_a_stop_with_leases(caplog: pytest.LogCaptureFixture) -> None:
    """A stop waits for them for a moment, then closes everything, and says so."""
    _, config, _, client = made()
    config.start()
    lease = client.lease()
    lease.__enter__()
    config.stop()
    assert Client.hosts() == []
    assert "closed at the stop although 1 still use it" in caplog.text
    lease.__exit__(None, None, None)


def test_a_stop_while_one_is_being_closed() -> None:
    """What is being closed already is not closed once more."""
    begun, closed = threading.Event(), []

    def close(one: Client) -> None:
        closed.append(one.host)
        begun.set()
        one.close()

    document, config, app, client = made(close=close)
    with config:
        document.set({"host": "two"})
        app.until(lambda now: now.host == "two", LOOK)
        assert begun.wait(LOOK)
    assert closed == ["one", "two"]
    assert client.draining == 0
