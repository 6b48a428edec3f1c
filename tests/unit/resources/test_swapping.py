"""Resources and changes: what is built when, what is refused, and what is closed."""

import asyncio
import logging
import threading
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel, Field

from dynconf import Change, Config, Memory, Settings, View
from dynconf.errors import ChangeRefused, ResourceUnavailable, StartFailed, UsageError
from dynconf.testing import ManualClock
from tests.servers.process import until
from tests.unit.core_props import LOOK, Told, at_once
from tests.unit.resources.clients import (
    App,
    Client,
    create_async,
    generate,
    generate_async,
    managed,
    managed_async,
)
from tests.unit.resources.house import OPTIONS, Down, House, has_number


def refuse(client: Client) -> None:
    """Find no client good enough."""
    raise ConnectionError(f"{client.host} does not answer")


def refuse_two(client: Client) -> None:
    """Find one client not good enough."""
    if client.host == "two":
        refuse(client)


def test_built_and_swapped() -> None:
    """It is built with the start, swapped when its value differs, and closed with the stop."""
    house = House()
    assert house.client.state == "declared"
    with pytest.raises(ResourceUnavailable, match="it is built when the Config starts"):
        _ = house.client.current
    with house.config:
        assert house.client.current.host == "one"
        house.goes_to("two")
        assert house.client.current.host == "two"
        assert house.client.swaps == 1
        until(lambda: Client.hosts() == ["two"], "the close of the first")
    assert Client.hosts() == []


class Site(BaseModel):
    host: str


class Sites(Settings):
    hosts: dict[str, str] = Field(default_factory=dict)
    first: Site | None = None


@pytest.mark.parametrize("path", ["hosts.main", "first.host"])
def test_a_path_where_nothing_is(path: str) -> None:
    """It is built of None before something comes and once it has gone, as subscribers are told."""
    memory = Memory({})
    config = Config(memory)
    sites = config.bind(Sites)
    made = sites.resource(path, create=lambda host: [host])
    with config:
        assert made.current == [None]
        memory.set({"hosts": {"main": "one"}, "first": {"host": "one"}})
        sites.until(lambda now: now.hosts, LOOK)
        assert made.current == ["one"]
        memory.set({})
        sites.until(lambda now: not now.hosts, LOOK)
        assert made.current == [None]


def test_only_its_own_value_counts() -> None:
    """What else changes builds nothing."""
    house = House()
    with house.config:
        first = house.client.current
        house.numbers.set({"n": 2})
        house.app.until(lambda now: now.n == 2, LOOK)
        house.config.reload()
        assert house.client.current is first
    assert len(Client.made) == 1


@pytest.mark.parametrize("host", ["no", "bad"])
def test_refused(host: str) -> None:
    """What cannot be built or fails its check is not published, nor left open; others' changes are."""
    house = House()
    with house.config:
        house.hosts.set({"host": host})
        (error,) = house.errors.texts()
        assert "host: ConnectionError" in error
        house.numbers.set({"n": 2})
        house.app.until(lambda now: now.n == 2, LOOK)
        assert house.app.current.host == house.client.current.host == "one"
        until(lambda: Client.hosts() == ["one"], "the close of what was refused")
        with pytest.raises(ChangeRefused, match="host: ConnectionError"):
            house.config.reload()
        house.goes_to("two")
        assert house.client.current.host == "two"


def test_tried_again() -> None:
    """What was refused is taken without a further edit once it can be built."""
    house = House()
    with house.config:
        house.hosts.set({"host": "bad"})
        house.errors.wait()
        Client.working.add("bad")
        house.app.until(lambda now: now.host == "bad", LOOK)
        assert house.client.current.host == "bad"


def test_a_start_without_it() -> None:
    """It fails, and says of what and why."""
    house = House()
    house.hosts.set({"host": "bad"})
    with pytest.raises(StartFailed, match="host: ConnectionError: bad does not answer"):
        house.config.start()
    assert Client.hosts() == []


def test_kept() -> None:
    """With `keep` the settings are published, the former one serves, and a new one is built later."""
    house = House(on_failure="keep")
    with house.config:
        house.goes_to("bad")
        assert house.client.current.host == "one"
        assert house.client.state == "degraded"
        assert "ConnectionError: bad does not answer" in house.client.error
        Client.working.add("bad")
        until(lambda: house.client.state == "ready", "the next try")
        assert house.client.current.host == "bad"
        until(lambda: Client.hosts() == ["bad"], "the close of the former one")


def test_kept_is_told_of() -> None:
    """`on_error` is told of each reason once, when it stands in the status: nothing else tells of it."""
    clock, tried = ManualClock(), Told()

    def check(client: Client) -> None:
        tried(client.host)
        if client.host == "bad":
            raise ConnectionError("it is down" if tried.items.count("bad") < 3 else "wrong password")

    house = House(clock=clock, check=check, on_failure="keep")
    seen = Told()
    house.config.on_error(lambda _: seen(house.client.error))
    with house.config:
        house.goes_to("bad")
        for count in (3, 4, 5):
            clock.wait_for_sleepers()
            clock.advance(8.0)
            tried.wait(count)
        clock.wait_for_sleepers()
        told = house.errors.texts(2)
        house.goes_to("two")
        assert [isinstance(error, ResourceUnavailable) for error in house.errors.items] == [True, True]
    for text, reason, shown in zip(told, ("it is down", "wrong password"), seen.wait(2), strict=True):
        assert text.endswith(f"could not be built of the settings that hold: ConnectionError: {reason}")
        assert reason in shown


def test_a_reload_tries_what_was_kept() -> None:
    """Whoever has mended the server need not wait for the back-off; one that is still down is no refusal."""
    house = House(clock=ManualClock(), on_failure="keep")
    with house.config:
        house.goes_to("bad")
        house.config.reload()
        assert house.client.state == "degraded"
        Client.working.add("bad")
        house.config.reload()
        assert (house.client.state, house.client.current.host) == ("ready", "bad")


def test_one_that_is_down_delays_nobody() -> None:
    """What could not be built is tried again by itself: others' changes neither wait for it nor begin it."""
    down = Down()
    house = House(create=down.create, on_failure="keep", timeout=LOOK)
    with house.config:
        house.goes_to("two")
        assert down.trying.wait(LOOK)
        for number in (2, 3):
            house.numbers.set({"n": number})
            house.app.until(partial(has_number, number), LOOK)
        assert (house.client.state, house.client.current.host) == ("degraded", "one")
        down.go_on.set()
        until(lambda: house.client.state == "ready", "the second try")
        assert house.client.current.host == "two"
        assert down.tries == 2
        house.goes_to("three")
        assert house.client.current.host == "three"


def test_one_that_is_refused_delays_nobody() -> None:
    """Its further tries go on beside others' changes, and it is taken once one comes to a good end."""
    down = Down()
    house = House(create=down.create, timeout=LOOK)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        for number in (2, 3):
            house.numbers.set({"n": number})
            house.app.until(partial(has_number, number), LOOK)
        assert (house.app.current.host, house.client.current.host) == ("one", "one")
        assert "it is down" in str(house.config.status())
        down.go_on.set()
        house.app.until(lambda now: now.host == "two", LOOK)
        assert house.client.current.host == "two"
        assert down.tries == 2
        until(lambda: Client.hosts() == ["two"], "the close of the former one")
        assert len(house.errors.items) == 1
    assert Client.hosts() == []


def test_a_stop_while_one_is_tried() -> None:
    """What comes of a try after the stop is closed."""
    down = Down()
    house = House(create=down.create, timeout=LOOK)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
    down.go_on.set()
    until(lambda: [one.host for one in Client.made] == ["one", "two"], "the late one")
    until(lambda: Client.hosts() == [], "its close")


def test_an_override_that_ends_while_one_is_down() -> None:
    """What can be built for what holds then is; the other one is degraded, and tried again by itself."""
    Client.working = {"no"}
    house = House()
    other = house.app.resource("other", create=Client, close=Client.close, grace=0.0)
    house.hosts.set({"host": "no"})
    with house.config:
        with house.app.override(host="two", other="y"):
            assert (house.client.current.host, other.current.host) == ("two", "y")
            Client.working = set()
        assert (house.app.current.host, house.app.current.other) == ("no", "x")
        assert (other.state, other.current.host) == ("ready", "x")
        assert (house.client.state, house.client.current.host) == ("degraded", "two")
        Client.working = {"no"}
        until(lambda: house.client.state == "ready", "the next try")
        assert house.client.current.host == "no"


@pytest.mark.parametrize("options", [{"on_failure": "keep"}, {}], ids=["kept", "refused"])
def test_another_value_while_one_is_tried(options: dict[str, Any]) -> None:
    """A try for what holds no more is broken off, and what comes of it is closed."""
    down = Down()
    house = House(create=down.create, **options)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        house.goes_to("three")
        down.go_on.set()
        until(lambda: [one.host for one in Client.made] == ["one", "three", "two"], "the late one")
        until(lambda: Client.hosts() == ["three"], "the close of all others")
        assert (house.client.state, house.client.current.host) == ("ready", "three")


def test_a_value_that_is_gone_back_to_while_one_is_tried() -> None:
    """The try that was broken off is waited for: it hangs no longer than it may."""
    down = Down()
    house = House(create=down.create)
    with house.config:
        house.hosts.set({"host": "two"})
        assert down.trying.wait(LOOK)
        house.goes_to("three")
        house.hosts.set({"host": "two"})
        until(lambda: house.client._preparer._coming is not None, "the change")
        down.go_on.set()
        house.app.until(lambda now: now.host == "two", LOOK)
        assert "it is down" in str(*house.errors.items)
        until(lambda: Client.hosts() == ["two"], "the close of all others")


def test_a_try_that_is_broken_off_by_an_equal_one() -> None:
    """The other one begins when it has ended."""
    clock, go_on, begun = ManualClock(), threading.Event(), Told()
    house = House(clock=clock, on_failure="keep")

    def create(other: str, used: Client) -> Client:
        begun(other)
        go_on.wait(LOOK)
        return Client(other, used)

    async def tries() -> int:
        return len(user._preparer._builder._tries)

    house.hosts.set({"host": "bad"})
    user = house.app.resource("other", create=create, uses=(house.client,), on_failure="keep")
    with house.config:
        Client.working.add("bad")
        clock.wait_for_sleepers(2)
        clock.advance(1.0)
        begun.wait()
        house.numbers.set({"n": 2})
        until(
            lambda: user._preparer._coming is not None and user._preparer._retry._task is None, "the change"
        )
        assert house.config._lifecycle.host is not None
        assert house.config._lifecycle.host.call(tries, instead="x()") == 1
        go_on.set()
        house.app.until(partial(has_number, 2), LOOK)
        assert user.current.used == (house.client.current,)


def test_kept_from_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """A start goes on without it; until it is there, its use is an error that says why."""
    house = House(on_failure="keep")
    house.hosts.set({"host": "bad"})
    with house.config:
        assert house.client.state == "unavailable"
        with pytest.raises(ResourceUnavailable, match="bad does not answer"), house.client.lease():
            raise AssertionError
        Client.working.add("bad")
        with caplog.at_level(logging.INFO, "dynconf.resources"):
            until(lambda: house.client.state == "ready", "the next try")
    assert "host: is there again" in [one.message for one in caplog.records]


def test_declared_while_it_runs() -> None:
    """It is built at once, or refused."""
    house = House()
    with house.config:
        other = house.app.resource(lambda app: app.other, create=Client, close=Client.close)
        assert (other.name, other.current.host) == ("other", "x")
        house.numbers.set({"other": "bad"})
        house.app.until(lambda now: now.other == "bad", LOOK)
        with pytest.raises(ChangeRefused, match="bad does not answer"):
            house.app.resource("other", create=Client, uses=(house.client,), **{**OPTIONS, "check": refuse})
        house.client.close()  # which nobody uses
    assert Client.hosts() == []


def test_one_that_uses_another() -> None:
    """It is given the other, built after it, and built anew with it."""
    house = House()
    house.numbers.set({"other": "x"})
    second = house.app.resource("other", create=Client, uses=(house.client,), close=Client.close, grace=0.0)
    with house.config:
        assert second.current.used == (house.client.current,)
        first = second.current
        house.goes_to("two")
        assert second.current is not first
        assert second.current.used == (house.client.current,)
        house.hosts.set({"host": "bad"})
        house.errors.wait()
        assert second.current.used == (house.client.current,)
    with pytest.raises(UsageError, match="no resource of this Config"):
        House().app.resource("other", create=Client, uses=(house.client,))


@pytest.mark.parametrize(
    ("create", "options"),
    [
        (create_async, {"close": Client.aclose}),
        (create_async, {"close": Client.close}),
        (generate, {}),
        (generate_async, {}),
        (managed, {}),
        (managed_async, {}),
        (lambda host: create_async(host), {"close": Client.close}),  # noqa: PLW0108 - no async function itself
        (generate, {"check": Client.ping}),
    ],
)
def test_ways_to_create(create: Any, options: dict[str, Any]) -> None:
    """Functions, async ones, generators and context managers: each is closed once, in its own way."""

    async def test() -> None:
        document = Memory({"host": "one"})
        config = Config(document)
        app = config.bind(App)
        client = app.resource("host", create=create, grace=0.0, **options)
        async with config:
            async with client.lease() as first:
                document.set({"host": "two"})
                await app.auntil(lambda now: now.host == "two", LOOK)
                assert first.open
            assert client.current.host == "two"
            await asyncio.to_thread(until, lambda: Client.hosts() == ["two"], "the close of the first")
        assert Client.hosts() == []

    asyncio.run(test())


def test_side_by_side() -> None:
    """Those of one change are made at the same time: each waits for the other."""
    meeting = threading.Barrier(2)

    def create(host: str) -> Client:
        meeting.wait(LOOK)
        return Client(host)

    house = House(create=create)
    house.app.resource("host", create=create, close=Client.close)
    with house.config:
        house.goes_to("two")


def test_another_one_fails() -> None:
    """If one of a change cannot be built, those that could be are closed, and the former ones serve."""
    house = House()
    other = house.app.resource("host", create=Client, check=refuse_two, close=Client.close)
    with house.config:
        first = house.client.current, other.current
        house.hosts.set({"host": "two"})
        house.errors.wait()
        assert (house.client.current, other.current) == first
        until(lambda: Client.hosts() == ["one", "one"], "the close of the new ones")
        assert [one.host for one in Client.made] == ["one", "one", "two", "two"]


def test_its_own_time_out() -> None:
    """A time-out within `create` is not told as the resource's time limit."""

    def create(host: str) -> Client:
        raise TimeoutError

    with pytest.raises(StartFailed, match=r"host: TimeoutError$"):
        House(create=create).config.start()


def test_a_healed_one_is_passed_on() -> None:
    """What uses one that was kept and has healed is built anew with it."""
    house = House(on_failure="keep")
    user = house.app.resource("other", create=Client, uses=(house.client,), close=Client.close)
    with house.config:
        house.goes_to("bad")
        assert user.current.used == (house.client.current,)
        Client.working.add("bad")
        until(lambda: user.current.used[0].host == "bad", "the user of the healed one")
        assert user.current.used == (house.client.current,)
        until(lambda: len(Client.hosts()) == 2, "the close of the former ones")


def test_healed_while_its_user_is_built() -> None:
    """One that was built with what is a former one by then is built anew."""
    building, go_on = threading.Event(), threading.Event()

    def create(host: str, used: Client) -> Client:
        building.set()
        go_on.wait(LOOK)
        return Client(host, used)

    house = House(on_failure="keep")
    users: list[Any] = []

    def declare() -> None:
        options: dict[str, Any] = {"uses": (house.client,), "close": Client.close}
        users.append(house.app.resource("other", create=create, **options))

    with house.config:
        house.goes_to("bad")
        declaring = threading.Thread(target=declare)
        declaring.start()
        assert building.wait(LOOK)
        Client.working.add("bad")
        until(lambda: house.client.state == "ready", "the healed one")
        go_on.set()
        declaring.join()
        until(lambda: users[0].current.used == (house.client.current,), "the user of the healed one")


def test_a_start_without_what_it_uses() -> None:
    """The error names what is missing; it is there as soon as that is, without a back-off of its own."""
    clock, down = ManualClock(), Down()
    house = House(clock=clock, create=down.create, on_failure="keep")
    house.hosts.set({"host": "two"})
    user = house.app.resource("other", create=Client, uses=(house.client,), on_failure="keep")
    with house.config:
        with pytest.raises(ResourceUnavailable, match="host, which it uses, is not there"):
            _ = user.current
        clock.wait_for_sleepers(2)
        clock.advance(1.0)
        assert down.trying.wait(LOOK)
        clock.wait_for_sleepers()  # its user has tried again, too early
        down.go_on.set()
        until(lambda: user.state == house.client.state == "ready", "both")


def test_closed_by_hand() -> None:
    """It is closed after its grace, built no more, and its use is an error that says so."""
    house = House()
    user = house.app.resource("other", create=Client, uses=(house.client,), close=Client.close)
    with house.config:
        with pytest.raises(UsageError, match="host is used by other: close that first"):
            house.client.close()
        user.close()
        house.client.close()
        house.client.close()
        until(lambda: Client.hosts() == [], "the close")
        with pytest.raises(ResourceUnavailable, match="it was closed"):
            _ = house.client.current
        house.goes_to("two")
        assert len(Client.made) == 2
        assert house.config.status().resources == ()


def test_closed_before_the_start() -> None:
    """Then it is never built."""
    house = House()
    house.client.close()
    with house.config:
        assert Client.made == []


def test_closed_while_it_is_built() -> None:
    """What was being built is closed, too."""
    making, go_on = threading.Event(), threading.Event()

    def create(host: str) -> Client:
        if host == "two":
            making.set()
            go_on.wait(LOOK)
        return Client(host)

    house = House(create=create)
    with house.config:
        house.hosts.set({"host": "two"})
        assert making.wait(LOOK)
        house.client.close()
        go_on.set()
        house.app.until(lambda now: now.host == "two", LOOK)
        until(lambda: Client.hosts() == [], "the close of both")


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"grace": 2, "drain": 1},
        {"on_failure": "?"},
        {"create": 1},
        {"uses": ("x",)},
        {"uses": "x"},
        {"uses": 1},
        {"check": 1},
        {"close": "x"},
    ],
)
def test_wrong_options(options: dict[str, Any]) -> None:
    """They are refused where the resource is declared."""
    with pytest.raises(UsageError):
        House(**options)


def test_neither_a_path_nor_a_selector() -> None:
    """So is what nothing can be picked with."""
    house = House()
    what: Any = 5
    with pytest.raises(UsageError, match="a path or of what a selector picks, not of 5"):
        house.app.resource(what, create=Client)


def test_unknown_option() -> None:
    """So is a word that is none of them."""
    with pytest.raises(TypeError, match="no option timout"):
        House(timout=1)


def test_awaitable_form() -> None:
    """`aresource` declares before the start, and builds after it."""

    async def test() -> None:
        config = Config(Memory({"host": "one"}))
        app = config.bind(App)
        declared = await app.aresource("host", create=Client, close=Client.close)
        async with config:
            built = await app.aresource("other", create=create_async, close=Client.aclose)
            assert (declared.current.host, built.current.host) == ("one", "x")
        assert Client.hosts() == []

    asyncio.run(test())


def test_a_generator_is_left_to_itself() -> None:
    """It closes what it made, so there is nothing else to close it with."""
    with pytest.raises(UsageError, match="leave close= out"):
        House(create=generate)


def test_create_must_not_change_the_configuration() -> None:
    """A change waits for it, so it is refused at once with the reason; its close may, as nobody waits."""
    closed = Told()

    def create(host: str) -> Client:
        if host == "two":
            house.config.reload()
        return Client(host)

    def close(client: Client) -> None:
        closed(house.config.reload())

    house = House(create=create, close=close, timeout=LOOK)
    with house.config:
        house.hosts.set({"host": "two"})
        assert "waits for the code that calls this" in house.errors.texts()[0]
        house.goes_to("three")
        closed.wait()


def test_what_comes_while_others_are_asked() -> None:
    """It is taken at once when they agree, though it was not waited for any longer."""
    clock, down = ManualClock(), Down()
    hosts = Memory({"host": "one"}, name="hosts")
    config = Config(hosts, clock=clock)
    app = config.bind(App)
    client = app.resource("host", create=down.create, close=Client.close, grace=0.0)
    errors, asked, answer = Told(), Told(), threading.Event()
    config.on_error(errors)

    @config.before_change(timeout=LOOK)
    def agree(change: Change[View]) -> None:
        asked(change)
        if len(asked.items) > 2:  # after the start and the first try
            answer.wait(LOOK)

    with config:
        hosts.set({"host": "two"})
        errors.wait()
        clock.advance(2.0)
        assert down.trying.wait(LOOK)
        inner = client._preparer
        until(lambda: inner._coming is not None and inner._coming.done(), "it is not waited for")
        down.go_on.set()
        until(lambda: Client.hosts() == ["one", "two"], "the new one")
        answer.set()
        app.until(lambda now: now.host == "two", LOOK)
        assert down.tries == 2


def test_an_unrelated_change_beside_one_that_another_cannot_use() -> None:
    """What is refused for the sake of one that uses another is blamed on what that is built of."""
    house = House(create=Client)

    def refuse_two(number: int, client: Client) -> str:
        if client.host == "two":
            raise ConnectionError("it is of no use")
        return f"{number} at {client.host}"

    house.app.resource(lambda _: 0, create=refuse_two, uses=(house.client,), name="user")
    with house.config:
        at_once(house.config, (house.hosts, {"host": "two"}), (house.numbers, {"n": 2}))
        house.app.until(lambda now: now.n == 2, LOOK)
        assert house.app.current.host == "one"
        [error] = house.errors.wait()
        assert "hosts (revision 2) was refused" in str(error)
