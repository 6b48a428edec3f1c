"""Values that are laid over everything end, whoever is cancelled, interrupted or stopped meanwhile."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field, FilePath, RootModel, model_validator
from pydantic_settings import SettingsConfigDict

from dynconf import Config, Env, Feed, File, Memory, NotStarted, Settings, Source
from dynconf.errors import ChangeRefused, StartFailed, UsageError
from tests.unit.core_props import LOOK, Told
from tests.unit.test_life_supervision import Numbers, Scripted, stubborn


@pytest.mark.parametrize("how", ["cancelled", "stopped"])
def test_an_override_always_ends(how: str) -> None:
    """Its end goes on when nobody waits for it any longer, and when everything is stopped meanwhile."""

    async def test() -> None:
        over = asyncio.Event()
        config = Config(Scripted(stubborn(over, a=1)))
        numbers = config.bind(Numbers)
        await config.astart()

        async def work() -> None:
            async with numbers.override(a=5):
                entered.set()
                await leave.wait()

        entered, leave = asyncio.Event(), asyncio.Event()
        working = asyncio.create_task(work())
        await entered.wait()
        reloading = asyncio.create_task(config.areload())  # holds the turn for a while
        await asyncio.sleep(0)
        leave.set()
        for _ in range(5):
            await asyncio.sleep(0)
        if how == "cancelled":
            working.cancel()
            await numbers.auntil(lambda now: now.a == 1, LOOK)
            over.set()
        else:
            over.set()
            await config.astop()
        await asyncio.wait([working, reloading])
        reloading.exception()
        assert working.cancelled() == (how == "cancelled")
        assert numbers.current.a == 1
        await config.astop()
        async with config:
            assert numbers.current.a in {1, 2}
            assert not config._lifecycle.publisher.store.state.overrides

    asyncio.run(test())


def test_an_override_ends_over_a_restart() -> None:
    """If everything was stopped and is started again while it ends, it ends there."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)
    config.start()
    entered, leave, busy, go_on = (threading.Event() for _ in range(4))

    def block() -> None:
        busy.set()
        go_on.wait(LOOK)

    def work() -> None:
        with numbers.override(a=5):
            entered.set()
            leave.wait(LOOK)

    working = threading.Thread(target=work)
    working.start()
    assert entered.wait(LOOK)
    host = config._lifecycle.host
    assert host is not None
    host.post(block)
    assert busy.wait(LOOK)
    leave.set()
    stopping = threading.Thread(target=config.stop)
    stopping.start()
    go_on.set()
    stopping.join(LOOK)
    config.start()
    working.join(LOOK)
    assert not working.is_alive()
    assert numbers.until(lambda now: now.a == 1, LOOK).a == 1
    assert not config._lifecycle.publisher.store.state.overrides
    config.stop()


def test_an_override_that_is_given_up_while_it_begins() -> None:
    """Whoever is cancelled while it is laid over, from another loop, leaves nothing behind."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)

    async def lay_over() -> None:
        async with numbers.override(a=5):
            await asyncio.sleep(LOOK)

    async def test() -> None:
        for number in range(60):
            task = asyncio.create_task(lay_over())
            await asyncio.sleep(0)
            if number % 2:
                time.sleep(0.002)  # noqa: ASYNC251 - the core goes on meanwhile, and this loop does not see it
            task.cancel()
            await asyncio.wait([task])
        await numbers.auntil(lambda now: now.a == 1, LOOK)

    with config:
        asyncio.run(test())
        with numbers.override(b=2):  # whatever was to end before has ended
            assert numbers.current == Numbers(a=1, b=2)
        assert not config._lifecycle.publisher.store.state.overrides


def test_overrides_that_are_given_up_before_the_core_hears_of_them() -> None:
    """Each ends after it began, in whatever order the core hears of all that."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)

    async def lay_over(a: int) -> None:
        async with numbers.override(a=a):
            raise AssertionError

    async def test() -> None:
        tasks = []
        with busy(config):
            for a in (5, 6, 7):
                tasks.append(task := asyncio.create_task(lay_over(a)))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
        # The core goes through all of that before this loop comes to say which of it is cancelled.
        host = config._lifecycle.host
        assert host is not None
        host.call(lambda: asyncio.sleep(0), instead="")
        await asyncio.wait(tasks)
        async with numbers.override(b=2):  # whatever was to end before has ended
            assert numbers.current == Numbers(a=1, b=2)

    with config:
        asyncio.run(test())
        assert not config._lifecycle.publisher.store.state.overrides


class Interrupted(Exception):
    """What a signal raises here, as Ctrl-C does."""


@contextmanager
def busy(config: Config) -> Iterator[None]:
    """Have the core do nothing meanwhile."""
    host, begun, go_on = config._lifecycle.host, threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go_on.wait(LOOK)

    assert host is not None
    host.post(block)
    assert begun.wait(LOOK)
    try:
        yield
    finally:
        go_on.set()


def test_an_override_whose_end_is_cancelled_before_the_core_hears_of_it() -> None:
    """It ends all the same, once the core has time."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)

    async def test() -> None:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with numbers.override(a=5):
                entered.set()
                await leave.wait()

        working = asyncio.create_task(work())
        await entered.wait()
        with busy(config):
            leave.set()
            for _ in range(5):
                await asyncio.sleep(0)
            working.cancel()
            await asyncio.wait([working])
        assert working.cancelled()
        await numbers.auntil(lambda now: now.a == 1, LOOK)

    with config:
        asyncio.run(test())
        assert not config._lifecycle.publisher.store.state.overrides


@pytest.mark.parametrize("when", ["begins", "ends"])
def test_an_override_that_is_interrupted(when: str) -> None:
    """What a signal raises while it begins or ends leaves nothing of it behind."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    def interrupt_a_call(config: Config) -> None:
        host = config._lifecycle.host
        assert host is not None
        while not host._inbox._calls:
            time.sleep(0.001)
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)
    try:
        with config:
            override = numbers.override(a=5)
            if when == "ends":
                override.__enter__()
            with busy(config):
                interrupting = threading.Thread(target=interrupt_a_call, args=(config,))
                interrupting.start()
                with pytest.raises(Interrupted):
                    override.__enter__() if when == "begins" else override.__exit__(None, None, None)
                interrupting.join()
            with numbers.override(b=2):  # whatever was to end before has ended
                assert numbers.current == Numbers(a=1, b=2)
            assert not config._lifecycle.publisher.store.state.overrides
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_override_that_is_given_up_when_all_is_stopped() -> None:
    """The core has laid it over, its caller has not heard of that yet: it ends with nobody there."""
    config = Config(Memory({"a": 1}))
    numbers = config.bind(Numbers)

    async def lay_over() -> None:
        async with numbers.override(a=5):
            raise AssertionError

    async def test() -> None:
        task = asyncio.create_task(lay_over())
        await asyncio.sleep(0)
        numbers.until(lambda now: now.a == 5, LOOK)  # this loop stands still meanwhile
        config.stop()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    config.start()
    asyncio.run(test())
    assert numbers.current.a == 1
    with config:
        assert numbers.current.a == 1
        assert not config._lifecycle.publisher.store.state.overrides


def test_an_override_that_is_left_twice() -> None:
    """The second time is a mistake, which is told, and takes nothing of anybody else's away."""
    numbers = Config(Memory({"a": 1})).bind(Numbers)
    twice = numbers.override(a=5)
    with numbers.override(b=6):
        with twice:
            pass
        with pytest.raises(UsageError, match="not open"):
            twice.__exit__(None, None, None)
        assert numbers.current.b == 6


class Silent(Source):
    """Never says anything."""

    name = "silent"
    remote = True

    async def run(self, feed: Feed) -> None:
        await asyncio.Event().wait()


def test_an_override_that_ends_during_a_start_that_fails() -> None:
    """What was before that start is there again, but not what has ended meanwhile."""
    config = Config(Memory({"a": 1}), start_timeout=0.5)
    numbers = config.bind(Numbers)
    config.load()
    override = numbers.override(a=5)
    override.__enter__()
    config.add(Silent())
    failures = []

    def start() -> None:
        try:
            config.start()
        except StartFailed as failed:
            failures.append(failed)

    starting = threading.Thread(target=start)
    starting.start()
    while not config._lifecycle.running:
        time.sleep(0.001)
    override.__exit__(None, None, None)
    starting.join(LOOK)
    assert len(failures) == 1
    assert numbers.current.a == 1
    config.remove("silent")
    with config:
        assert numbers.current.a == 1


class Licence(BaseModel):
    """What is valid depends on more than what the settings say."""

    file: FilePath
    a: int = 0


@pytest.mark.parametrize("running", [True, False], ids=["running", "at rest"])
def test_an_override_ends_though_the_rest_would_not_be_valid_any_more(tmp_path: Path, running: bool) -> None:
    """What served before it serves again, as it was valid when it came, and all goes on from there."""
    licence = tmp_path / "licence"
    licence.touch()
    memory = Memory({"file": str(licence), "a": 1})
    config = Config(memory)
    licensed = config.bind(Licence)
    if running:
        config.start()
    else:
        config.load()
    with licensed.override(a=5), licensed.override(a=6):
        assert licensed.current.a == 6
        licence.unlink()
    assert licensed.current == Licence.model_construct(file=licence, a=1)
    assert config.get("a") == 1
    assert not config._lifecycle.publisher.store.state.overrides
    licence.touch()
    with licensed.override(a=7):
        assert licensed.current.a == 7
    assert licensed.current.a == 1
    config.stop()


def test_what_changes_under_an_override_serves_when_that_has_to_end(tmp_path: Path) -> None:
    """It is what was taken meanwhile that serves then, not what served before the override."""
    licence, edited = tmp_path / "licence", tmp_path / "app.yaml"
    licence.touch()
    edited.write_text(f"file: {licence}\na: 1\n")
    config = Config(File(edited))
    licensed = config.bind(Licence)
    with config:
        with licensed.override(a=5):
            version = config.view().version
            edited.write_text(f"file: {licence}\na: 2\n")
            config.reload()
            assert licensed.current.a == 5
            assert config.view().version >= version
            licence.unlink()
        assert licensed.current.a == 2


def test_an_outer_override_outlives_an_inner_one_that_ends_so(tmp_path: Path) -> None:
    """It goes on to serve what it was found valid with, until its own end."""
    licence, other = tmp_path / "licence", tmp_path / "other"
    licence.touch()
    other.touch()
    config = Config(Memory({"file": str(licence), "a": 1}))
    licensed = config.bind(Licence)
    with config:
        with licensed.override(file=other):
            with licensed.override(a=5):
                licence.unlink()
            assert licensed.current == Licence.model_construct(file=other, a=1)
        assert licensed.current == Licence.model_construct(file=licence, a=1)


class Pair(Settings):
    numbers: Numbers = Numbers()
    n: int = 0


def test_overrides_before_anything_is_loaded() -> None:
    """Each class shows what the overrides say of it as long as they last, whichever they were made for."""
    config = Config(Memory({}))
    pair, numbers = config.bind(Pair), config.bind(Numbers, at="numbers")
    with pair.override(n=2):
        assert pair.current == Pair(n=2)
        with pytest.raises(NotStarted):
            assert numbers.current.a
        with numbers.override(a=3):
            assert pair.current == Pair(n=2, numbers=Numbers(a=3))
            assert numbers.current == Numbers(a=3)
        assert pair.current == Pair(n=2)
        with pytest.raises(NotStarted):
            assert numbers.current.a
    with pytest.raises(NotStarted):
        assert pair.current.n


class Inner(BaseModel):
    port: int = Field(default=0, validation_alias=AliasChoices("port", "tcp"))
    host: str = Field(default="", validation_alias=AliasPath("address", "host"))


class Seeing(BaseModel):
    port: int = 0

    @model_validator(mode="before")
    @classmethod
    def read(cls, given: Any) -> Any:
        """Take the port from a URL."""
        return {"port": given["url"].rpartition(":")[2]} if "url" in given else given


class Outer(Settings):
    inner: Inner = Inner()
    seeing: Seeing = Seeing()
    either: Inner | dict[str, int] = Inner()
    free: dict[str, int] | None = None


@pytest.mark.parametrize("values", [{"iner": {}}, {"inner": {"prot": 1}}])
def test_a_name_that_is_no_field_is_told(values: dict[str, Any]) -> None:
    """A mistyped name, which would alter nothing, is refused with those that are there, at any depth."""
    outer = Config(Memory({})).bind(Outer)
    with pytest.raises(UsageError, match=r"has no field '(iner|prot)'; it has (inner|port), "):
        outer.override(**values)


class Pools(Settings):
    each: dict[str, Inner] = Field(default_factory=dict)
    deep: dict[str, dict[str, Inner]] = Field(default_factory=dict)


def test_models_in_mappings_are_overridden_by_field_names() -> None:
    """As the nested ones are: where the class looks first, whichever key documents use. `explain` knows."""
    given = {"each": {"a": {"tcp": 1}}, "deep": {"x": {"y": {"tcp": 1, "address": {"host": "db"}}}}}
    config = Config(Memory(given))
    pools = config.bind(Pools)
    config.load()
    assert pools.explain("deep.x.y.host").value == "db"
    with pools.override(each={"a": {"port": 2}}, deep={"x": {"y": {"host": "other"}}}):
        assert pools.current.each["a"].port == 2
        assert (pools.current.deep["x"]["y"].port, pools.current.deep["x"]["y"].host) == (1, "other")
        assert pools.explain("each.a.port").value == 2
    assert pools.current.each["a"].port == pools.explain("each.a.port").value == 1
    for wrong in ({"each": {"a": {"prot": 2}}}, {"deep": {"x": {"y": {"prot": 2}}}}):
        with pytest.raises(UsageError, match="Inner has no field 'prot'; it has port, host"):
            pools.override(**wrong)


class Item(BaseModel):
    first: str = Field(default="", validation_alias=AliasPath("names", 0))
    second: str = Field(default="", validation_alias=AliasChoices(AliasPath("names", 1), "second"))
    port: int = Field(default=0, validation_alias=AliasChoices("port", AliasPath("server", "port")))


class Items(Item, Settings):
    item: Item = Item()


EVE = Item.model_validate({"names": ["eve"]})


@pytest.mark.parametrize(
    "values",
    [{"first": "eve"}, {"second": "eve"}, {"item": {"first": "eve"}}, {"item": EVE}],
)
def test_one_item_of_a_list_is_not_overridden(values: dict[str, Any]) -> None:
    """A layer replaces a list whole, so the other items would go: it is refused, with the place."""
    items = Config(Memory({"names": ["ann"]})).bind(Items)
    with pytest.raises(UsageError, match=r"Items?\.\w+ is one item of a list \(names\.[01]\)"):
        items.override(**values)


class Reached(Settings):
    host: str = Field(default="", validation_alias=AliasChoices(AliasPath("net", "host"), "host"))
    port: int = Field(default=0, validation_alias=AliasChoices("port", AliasPath("net", "port")))


class ReachedByEnvironment(Reached):
    model_config = SettingsConfigDict(env_prefix="DYNCONF_TEST_")  # it does not hold for aliases


@pytest.mark.parametrize("net", [{"net": {"host": "file", "port": 1}}, {"host": "file", "port": 1}, {}])
def test_what_is_above_an_alias_path_holds(net: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, a class's own ones, and overrides win wherever the field stands below, and are explained."""
    names = Env("APP_", environ={"APP_HOST": "named", "APP_PORT": "2"})
    config = Config(Memory(net), names)
    reached, own = config.bind(Reached), config.bind(ReachedByEnvironment)
    monkeypatch.setenv("HOST", "own")
    monkeypatch.setenv("PORT", "3")
    config.load()
    assert (reached.current.host, reached.current.port) == ("named", 2)
    assert reached.explain("host").answers[0].origin.document == "APP_HOST"
    assert (own.current.host, own.current.port) == ("own", 3)
    with own.override(host="test", port=4):
        for binding in (own, reached):
            assert (binding.current.host, binding.current.port) == ("test", 4)
            assert [binding.explain(path).value for path in ("host", "port")] == ["test", 4]


def test_explained_by_an_alias_path() -> None:
    """What came along an alias path is explained by where it stands, beside other keys of the field."""
    config = Config(Memory({"server": {"port": 5}, "names": ["ann"]}))
    items = config.bind(Items)
    config.load()
    assert [one.value for one in items.explain("port").answers] == [5]
    assert items.explain("first").path == "names.0"


def test_explained_by_what_the_model_takes() -> None:
    """Between a key and an alias path the model goes by pydantic's order, whichever layer is higher."""
    config = Config(Memory({"port": 1}), Memory({"server": {"port": 5}}))
    items = config.bind(Items)
    config.load()
    assert items.current.port == 1
    assert items.explain("port").path == "port"
    assert items.explain("port").value == 1


@pytest.mark.parametrize(
    "values",
    [
        {"inner": {"tcp": 1}},
        {"inner": Inner(port=1)},
        {"inner": {"address": {"host": "a"}}},
        {"inner": {"host": "a"}},
        {"seeing": {"url": "a:1"}},
        {"either": {"prot": 1}},
        {"free": {"any": 1}},
    ],
)
def test_every_name_that_a_model_takes_is_taken(values: dict[str, Any]) -> None:
    """Aliases, alias paths, and whatever a validator, a mapping or a member of a union may take count."""
    outer = Config(Memory({})).bind(Outer)
    with outer.override(**values):
        assert outer.current != Outer()


def test_what_is_no_mapping_is_bound_and_overridden() -> None:
    """A `RootModel` of a list is told of, read and overridden like any other class, and in one."""

    class Ports(RootModel[list[int]]):
        pass

    class Server(Settings):
        ports: Ports = Ports([1])

    document = Memory({"ports": [1, 2]})
    config = Config(document)
    ports, server, told = config.bind(Ports, at="ports"), config.bind(Server), Told()
    ports.on_change("1")(told)
    with config:
        document.set({"ports": [1, 3]})
        [change] = told.wait()
        assert (change.old, change.new, change.paths) == (2, 3, {"1"})
        with ports.override(root=[7]):
            assert (ports.current, server.current.ports) == (Ports([7]), Ports([7]))
        with server.override(ports=Ports([8])):
            assert ports.current == Ports([8])
        assert ports.current == Ports([1, 3])
        with (
            pytest.raises(ChangeRefused, match=r"ports\.0: expected a valid integer"),
            ports.override(root=["a"]),
        ):
            pass


def test_overrides_that_end_in_any_order() -> None:
    """What one hid below the others is gone with it, also where a later one says the same."""
    memory = Memory({"a": 0})
    config = Config(memory)
    numbers, pair = config.bind(Numbers), config.bind(Pair)
    first, second, third = numbers.override(a=1), numbers.override(b=7), numbers.override(a=0)
    with config:
        first.__enter__()
        second.__enter__()
        third.__enter__()
        first.__exit__(None, None, None)
        third.__exit__(None, None, None)
        memory.set({"a": 0, "n": 5})
        pair.until(lambda now: now.n == 5, LOOK)
        assert config.view()[numbers] == numbers.current == Numbers(a=0, b=7)
        second.__exit__(None, None, None)
        assert config.view()[numbers] == numbers.current == Numbers(a=0)
