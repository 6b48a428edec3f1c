"""Functions of resources that do not end when their time is up: what that costs whom, and what not."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dynconf import Change, Config, File, Memory, View
from dynconf.errors import ChangeRefused
from tests.servers.process import until
from tests.unit.core_props import LOOK, Told
from tests.unit.resources.clients import App, Client


class Hanging:
    """Makes clients; with bad hosts it hangs until told to go on, in `create` or in `check`."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.released = asyncio.Event()  # the same, on a loop
        self.asked = Told()

    def hang(self, host: str) -> None:
        """Hang, if it is a bad one."""
        self.asked(host)
        if host.startswith("bad"):
            self.go_on.wait(3 * LOOK)

    async def hang_async(self, host: str) -> None:
        """Likewise, whoever cancels it."""
        self.asked(host)
        while host.startswith("bad") and not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()

    def create(self, host: str) -> Client:
        """Hang before there is a client."""
        self.hang(host)
        return Client(host)

    def check(self, client: Client) -> None:
        """Hang when there is one."""
        self.hang(client.host)

    def generate(self, host: str) -> Iterator[Client]:
        """Hang before there is one."""
        self.hang(host)
        client = Client(host)
        yield client
        client.close()

    async def create_async(self, host: str) -> Client:
        """Hang before there is one."""
        await self.hang_async(host)
        return Client(host)

    async def check_async(self, client: Client) -> None:
        """Hang when there is one."""
        await self.hang_async(client.host)

    async def generate_async(self, host: str) -> AsyncIterator[Client]:
        """Hang before there is one."""
        await self.hang_async(host)
        client = Client(host)
        yield client
        client.close()


class House:
    """A Config over a document with a host, and a client of it which has little time to be built."""

    def __init__(self, **options: Any) -> None:
        self.hosts = Memory({"host": "one"}, name="hosts")
        self.config = Config(self.hosts)
        self.app = self.config.bind(App)
        self.errors = Told()
        self.config.on_error(self.errors)
        given = {"create": Client, "close": Client.close, "grace": 0.0, "timeout": 1.0, **options}
        self.client = self.app.resource("host", **given)

    def refused_for(self, reason: str) -> None:
        """Wait until something is refused for that reason."""
        self.errors.until(lambda errors: any(reason in str(error) for error in errors))


SYNC: list[Callable[[Hanging], dict[str, Any]]] = [
    lambda hanging: {"create": hanging.create},
    lambda hanging: {"check": hanging.check},
    lambda hanging: {"create": hanging.generate, "close": None},
]
ASYNC: list[Callable[[Hanging], dict[str, Any]]] = [
    lambda hanging: {"create": hanging.create_async},
    lambda hanging: {"check": hanging.check_async},
    lambda hanging: {"create": hanging.generate_async, "close": None},
]


@pytest.mark.parametrize("options", SYNC)
def test_it_is_not_called_again(options: Callable[[Hanging], dict[str, Any]]) -> None:
    """No other try is begun while one for the same hangs, which is told; a better value is taken at once."""
    hanging = Hanging()
    house = House(**options(hanging))
    with house.config:
        house.hosts.set({"host": "bad"})
        house.refused_for("it was not built and checked within 1 s")
        house.refused_for("an earlier try to build it still hangs")
        with pytest.raises(ChangeRefused, match="still hangs"):
            house.config.reload()
        assert hanging.asked.items.count("bad") == 1
        house.hosts.set({"host": "two"})
        house.app.until(lambda now: now.host == "two", LOOK)
        hanging.go_on.set()
        until(lambda: Client.hosts() == ["two"], "the close of what came late")
        house.hosts.set({"host": "bad"})
        house.app.until(lambda now: now.host == "bad", LOOK)
        assert house.client.current.host == "bad"


def test_nor_where_the_former_one_is_kept() -> None:
    """What is published all the same is tried again once the earlier try has ended."""
    hanging = Hanging()
    house = House(create=hanging.create, on_failure="keep")
    with house.config:
        house.hosts.set({"host": "bad"})
        until(lambda: "still hangs" in house.client.error, "the reason")
        assert house.client.current.host == "one"
        assert hanging.asked.items == ["one", "bad"]
        hanging.go_on.set()
        until(lambda: house.client.state == "ready", "another try")
    assert hanging.asked.items == ["one", "bad", "bad"]


def test_no_more_than_a_few_hang() -> None:
    """Each of other settings is tried, until four hang; the next is begun when one of those has ended."""
    hanging = Hanging()
    house = House(create=hanging.create)
    with house.config:
        for number in range(5):
            house.hosts.set({"host": f"bad{number}"})
            with pytest.raises(ChangeRefused):
                house.config.reload()
        assert hanging.asked.items == ["one", "bad0", "bad1", "bad2", "bad3"]
        hanging.go_on.set()
        house.app.until(lambda now: now.host == "bad4", LOOK)


def test_however_many_hang(tmp_path: Path) -> None:
    """Files are read and vetoes asked as ever, although more resources hang than there are threads."""
    hanging = Hanging()
    house = House(create=hanging.create)
    for number in range(20):
        house.app.resource("host", create=hanging.create, timeout=1.0, name=f"number {number}")
    file = tmp_path / "n.json"
    file.write_text('{"n": 1}')
    house.config.add(File(file))

    @house.config.before_change(timeout=LOOK)
    def agree(change: Change[View]) -> None:
        pass

    with house.config:
        house.hosts.set({"host": "bad"})
        house.refused_for("not built")
        file.write_text('{"n": 2}')
        house.app.until(lambda now: now.n == 2, LOOK)
        assert house.app.current.host == "one"
        hanging.go_on.set()


def test_closers_that_hang_hold_up_no_change() -> None:
    """However many do, another one is built and published."""
    go_on = threading.Event()
    house = House(close=lambda _: go_on.wait(3 * LOOK))
    with house.config:
        for number in range(40):
            house.hosts.set({"host": str(number)})
            house.app.until(lambda now, host=str(number): now.host == host, LOOK)  # type: ignore[misc]
        closing = [thread for thread in threading.enumerate() if "dynconf-close-" in thread.name]
        assert 0 < len(closing) <= 16
        go_on.set()


@pytest.mark.parametrize("options", ASYNC)
def test_one_that_ignores_its_cancellation(options: Callable[[Hanging], dict[str, Any]]) -> None:
    """An async one is left to itself as well: its change is refused in time, others are taken."""

    async def test() -> None:
        hanging = Hanging()
        house = House(**options(hanging))
        async with house.config:
            house.hosts.set({"host": "bad"})
            await asyncio.to_thread(house.refused_for, "it was not built and checked within 1 s")
            await asyncio.to_thread(house.refused_for, "an earlier try to build it still hangs")
            assert hanging.asked.items.count("bad") == 1
            house.hosts.set({"host": "two"})
            await house.app.auntil(lambda now: now.host == "two", LOOK)
            hanging.released.set()
            await asyncio.to_thread(until, lambda: Client.hosts() == ["two"], "the close of what came late")

    asyncio.run(test())


def test_one_that_ignores_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    """It is left behind and named; the others are closed."""

    async def test() -> None:
        hanging = Hanging()
        house = House(create=hanging.create_async, timeout=LOOK)
        async with house.config:
            house.hosts.set({"host": "bad"})
            await asyncio.to_thread(hanging.asked.until, lambda hosts: "bad" in hosts)
        assert Client.hosts() == []
        hanging.released.set()

    with caplog.at_level(logging.WARNING):
        asyncio.run(test())
    assert "stopped without waiting for build of host" in caplog.text


def test_an_override_that_ends_while_one_hangs() -> None:
    """What holds then is built as soon as that is possible: nobody can refuse the end."""
    hanging = Hanging()
    house = House(create=hanging.create)
    with house.config:
        house.hosts.set({"host": "bad"})
        house.refused_for("not built")
        with house.app.override(host="two"):
            house.app.until(lambda now: now.host == "two", LOOK)
            until(lambda: house.config.status().sources[0].state == "live", "what was refused holds below")
        assert house.app.current.host == "bad"
        assert house.client.current.host == "two"
        assert house.client.state == "degraded"
        hanging.go_on.set()
        until(lambda: house.client.current.host == "bad", "the one that holds")
