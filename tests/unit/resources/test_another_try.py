"""Another try of what was refused: it holds up nobody, and what comes of it is put to use."""

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from dynconf import Config, Env, Memory
from dynconf._manager import transactions
from dynconf.testing import ManualClock
from tests.servers.process import until
from tests.unit.core_props import LOOK, Told
from tests.unit.resources.clients import App, Client
from tests.unit.resources.house import OPTIONS, Down, House, has_number
from tests.unit.resources.test_aside import settled

BOTH = {"host": "two", "other": "two"}


class Asked(Told):
    """A veto that refuses nothing, and so tells how often changes were tried."""

    __name__ = __qualname__ = "asked"

    def again(self, house: House, number: int) -> None:
        """Wait until another try has been made, and until another document's change was taken after it."""
        self.wait(len(self.items) + 1)
        others_pass(house, number)


def others_pass(house: House, number: int) -> None:
    """Have another document's change be taken."""
    house.numbers.set({"n": number})
    house.app.until(partial(has_number, number), LOOK)


@pytest.mark.parametrize("first", [0, 1])
def test_two_that_become_ready_one_after_the_other(first: int) -> None:
    """Neither is let go of for the other's sake: each is built once, and the change is taken with both."""
    downs = Down(), Down()
    house = House(create=downs[0].create)
    other = house.app.resource("other", **{"create": downs[1].create, **OPTIONS})
    asked = Asked()
    with house.config:
        house.hosts.set(BOTH)
        for down in downs:
            assert down.trying.wait(LOOK)
        house.config.before_change(asked)
        downs[first].go_on.set()
        asked.again(house, 2)
        downs[1 - first].go_on.set()
        house.app.until(lambda now: now.host == "two", LOOK)
        assert [down.tries for down in downs] == [2, 2]
        assert (house.client.current.host, other.current.host) == ("two", "two")
        until(lambda: Client.hosts() == ["two", "two"], "the close of the former ones")
    assert Client.hosts() == []


def test_one_that_is_slow_beside_one_that_is_down() -> None:
    """It was never refused itself; it is built once more beside all else, and kept until both are ready."""
    slow = Down(fails=False)
    house = House(create=slow.create)
    other = house.app.resource("other", **{"create": Client, **OPTIONS})
    with house.config:
        house.hosts.set({"host": "two", "other": "no"})
        assert slow.trying.wait(LOOK)
        others_pass(house, 2)
        assert other.state == "ready"
        slow.go_on.set()
        Client.working.add("no")
        house.app.until(lambda now: now.host == "two", LOOK)
        assert (house.client.current.host, other.current.host) == ("two", "no")
        assert slow.tries == 2
        assert len(house.errors.items) == 1


def test_one_that_uses_another_new_one() -> None:
    """What it uses is built anew with each try; it is another try all the same."""
    down = Down()
    house = House()
    options: dict[str, Any] = {**OPTIONS, "uses": (house.client,), "timeout": 2 * LOOK}
    user = house.app.resource("other", create=down.create, **options)
    with house.config:
        house.hosts.set(BOTH)
        assert down.trying.wait(LOOK)
        others_pass(house, 2)
        assert house.app.current.host == "one"
        down.go_on.set()
        house.app.until(lambda now: now.host == "two", LOOK)
        assert user.current.used == (house.client.current,)
        until(lambda: Client.hosts() == ["two", "two"], "the close of the former ones")
    assert Client.hosts() == []


def test_one_that_uses_what_is_refused() -> None:
    """It is not built, and the reason is that of the other."""
    house = House()
    down = Down(fails=False)
    house.app.resource("other", **{"create": down.create, **OPTIONS, "uses": (house.client,)})
    with house.config:
        house.hosts.set({"host": "no", "other": "two"})
        assert "host: ConnectionError: no is not there" in house.errors.texts()[0]
    assert down.tries == 0


def test_one_that_is_kept_beside_one_that_was_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its change goes on without it once the other one is there; it follows when it is ready."""
    monkeypatch.setattr(transactions, "MOMENT", 0.1)
    slow = Down(fails=False)
    house = House(create=slow.create, on_failure="keep")
    other = house.app.resource("other", **{"create": Client, **OPTIONS})
    with house.config:
        house.hosts.set({"host": "two", "other": "no"})
        assert slow.trying.wait(LOOK)
        Client.working.add("no")
        house.app.until(lambda now: now.host == "two", LOOK)
        assert (house.client.state, house.client.current.host) == ("degraded", "one")
        assert "it is still being built" in house.client.error
        assert other.current.host == "no"
        slow.go_on.set()
        until(lambda: house.client.state == "ready", "the slow one")
        assert (house.client.current.host, slow.tries) == ("two", 2)


def chosen(house: House) -> None:
    """In its document."""
    house.goes_to("bad")


def overridden(house: House) -> None:
    """By an override."""
    with house.app.override(host="bad"):
        assert house.client.current.host == "bad"


@pytest.mark.parametrize("choose", [chosen, overridden])
@pytest.mark.parametrize("taken", [True, False])
def test_a_value_that_is_chosen_again(
    monkeypatch: pytest.MonkeyPatch, choose: Callable[[House], None], *, taken: bool
) -> None:
    """That it was refused once, and then taken or left, makes it no further try: it has all its time."""
    house = House()
    with house.config:
        house.hosts.set({"host": "bad"})
        house.errors.wait()
        if taken:
            Client.working.add("bad")
            house.app.until(lambda now: now.host == "bad", LOOK)
        house.goes_to("three")
        Client.working.add("bad")
        monkeypatch.setattr(transactions, "MOMENT", 0.0)  # nothing could be built in that
        choose(house)
        assert len(house.errors.items) == 1


def test_a_reload_waits() -> None:
    """Whoever reloads gets the answer of the try that is under way."""
    down = Down()
    house = House(create=down.create)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        others_pass(house, 2)
        down.go_on.set()
        house.config.reload()
        assert house.app.current.host == house.client.current.host == "two"
        assert down.tries == 2


def test_one_that_is_edited_elsewhere() -> None:
    """New content with the same value is another try of that, too, and is told with the same reason."""
    down = Down()
    house = House(create=down.create)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        house.hosts.set({"host": "two", "other": "y"})
        assert all("it is down" in text for text in house.errors.texts(2))
        others_pass(house, 2)
        down.go_on.set()
        house.app.until(lambda now: (now.host, now.other) == ("two", "y"), LOOK)
        assert down.tries == 2


def test_closed_while_it_is_tried_again() -> None:
    """Then the change is taken without it, and what comes of the try is closed."""
    down = Down()
    house = House(create=down.create)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        house.client.close()
        house.app.until(lambda now: now.host == "two", LOOK)
        down.go_on.set()
        until(lambda: len(Client.made) == 2 and not Client.hosts(), "the close of both")


class Rejecting:
    """Makes clients, but of the host two none: first it is down, later it takes its time to say no."""

    def __init__(self) -> None:
        self.tries = 0
        self.trying, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def create(self, host: str) -> Client:
        """Make one."""
        if host == "two":
            self.tries += 1
            if self.tries == 1:
                raise ConnectionError("it is down")
            self.trying.release()
            self.go_on.acquire(timeout=LOOK)
            raise PermissionError("wrong password")
        return Client(host)


def test_one_that_fails_for_another_reason_when_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    """The newest reason is told once, wherever the first one was; it makes no back-off longer."""
    clock, hosts, errors, server = ManualClock(), Memory({"host": "one"}), Told(), Rejecting()
    config = Config(hosts, clock=clock)
    config.on_error(errors)
    client = config.bind(App).resource("host", create=server.create, close=Client.close, grace=0.0)
    with config:
        hosts.set({"host": "two"})
        assert "it is down" in errors.texts()[0]
        for seconds in (1.0, 2.0, 4.0):
            clock.wait_for_sleepers()
            clock.advance(seconds)
            assert server.trying.acquire(timeout=LOOK)
            clock.wait_for_sleepers()  # it is not waited for any longer
            server.go_on.release()
            assert "wrong password" in errors.texts(2)[1]
            until(lambda: client._preparer._aside._task is None, "the end of the try")
            assert "wrong password" in str(config.status())
            assert "it is down" not in str(config.status())
        assert len(errors.items) == 2
    [told] = [one for one in caplog.records if "could not be built: PermissionError" in one.message]
    assert told.levelno == logging.WARNING


def test_one_that_fails_late_and_quotes_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """The refused change's own secret is shown as little as that which holds."""

    class Account(App):
        password: SecretStr = SecretStr("")

    def log_in(account: Account) -> None:
        if account.password.get_secret_value():
            tries.append(account)
            if len(tries) > 1:
                trying.release()
                go_on.acquire(timeout=LOOK)
                raise PermissionError(f"not with {account.password.get_secret_value()}")
            raise ConnectionError("it is down")

    tries: list[Account] = []
    trying, go_on = threading.Semaphore(0), threading.Semaphore(0)
    clock, document, errors = ManualClock(), Memory({}), Told()
    config = Config(document, clock=clock)
    config.on_error(errors)
    config.bind(Account).resource(lambda account: account, create=log_in, name="account")
    with config:
        document.set({"password": "hunter2-and-more"})
        errors.wait()
        clock.wait_for_sleepers()
        clock.advance(1.0)
        assert trying.acquire(timeout=LOOK)
        clock.wait_for_sleepers()
        go_on.release()
        assert "PermissionError" in errors.texts(2)[1]
        shown = f"{config.status()} {errors.texts()} {caplog.text}"
        assert "PermissionError" in str(config.status())
        assert "hunter2" not in shown


def test_a_reload_waits_for_a_whole_chain() -> None:
    """Whoever mends a server and reloads finds all there that is built with it."""
    config = Config(Memory({"host": "no"}), clock=ManualClock())
    app = config.bind(App)
    first = app.resource("host", create=Client, on_failure="keep", name="first")
    second = app.resource("other", create=Client, uses=(first,), on_failure="keep", name="second")
    third = app.resource("n", create=lambda n, used: Client(f"{n}", used), uses=(second,), on_failure="keep")
    with config:
        assert {one.state for one in (first, second, third)} == {"unavailable"}
        Client.working.add("no")
        config.reload()
        assert third.current.used == (second.current,)
        assert second.current.used == (first.current,)


def test_a_reload_tries_nothing_twice() -> None:
    """What could not be built in the reload itself is not tried once more at its end."""
    tried: list[str] = []

    def create(host: str) -> Client:
        tried.append(host)
        return Client(host)

    environ = {"APP_HOST": "one"}
    config = Config(Env("APP_", environ=environ), clock=ManualClock())
    app = config.bind(App)
    app.resource("host", create=create, on_failure="keep")
    with config:
        environ["APP_HOST"] = "no"
        config.reload()
        assert tried == ["one", "no"]
        config.reload()
        assert tried == ["one", "no", "no"]


def test_a_reload_tries_nothing_twice_that_others_use() -> None:
    """Nor what uses it, once it is there, and cannot be built itself."""
    tried: list[str] = []

    def create(host: str, *used: Client) -> Client:
        tried.append(host)
        if host not in Client.working:
            raise ConnectionError(f"{host} is not there")
        return Client(host, *used)

    options: dict[str, Any] = {"create": create, "on_failure": "keep"}
    config = Config(Memory({}), clock=ManualClock())
    app = config.bind(App)
    first = app.resource("host", **options)
    second = app.resource("other", uses=(first,), **options)
    app.resource(lambda app: f"{app.n}", uses=(first, second), **options)
    with config:
        config.reload()
        assert tried == ["one", "one"]
        Client.working.add("one")
        config.reload()
        assert tried == ["one", "one", "one", "x"]


@pytest.mark.parametrize("begins", ["no", "one"])
def test_a_reload_waits_for_what_is_built_with_another(begins: str) -> None:
    """Also if that was tried in the reload already, or there is one that was built with a former one."""
    trying, go_on = threading.Event(), threading.Event()

    def create(host: str, used: Client) -> Client:
        if used.host == "no":
            trying.set()
            go_on.wait(LOOK)
        return Client(host, used)

    async def test() -> None:
        environ = {"APP_HOST": begins}
        config = Config(Env("APP_", environ=environ), clock=ManualClock())
        app = config.bind(App)
        first = app.resource("host", create=Client, on_failure="keep")
        second = app.resource("other", create=create, uses=(first,), on_failure="keep")
        async with config:
            environ["APP_HOST"] = "no"
            await config.areload()
            Client.working.add("no")
            environ["APP_OTHER"] = "y"
            reloading = asyncio.create_task(config.areload())
            assert await asyncio.to_thread(trying.wait, LOOK)
            await settled()
            await settled()
            ended = reloading.done()
            go_on.set()
            await reloading
            assert not ended
            assert (second.current.host, second.current.used) == ("y", (first.current,))

    asyncio.run(test())
