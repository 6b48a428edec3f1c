"""Values that are made to crash, or that a crash has left."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from pydantic import field_validator

from dynconf import Change, Config, Env, Memory, Settings
from dynconf._models import build
from dynconf.errors import ChangeRefused, StartFailed, UsageError
from tests.unit.core_props import LOOK, Told, at_once


class Tags(Settings):
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_deep_json_in_a_variable(text: str) -> None:
    """It is over a limit, as a document of the same text is."""
    config = Config(Env("APP_", environ={"APP_TAGS": text}))
    config.bind(Tags)
    with pytest.raises(StartFailed, match="depth=64"):
        config.load()


def test_what_a_crash_has_left_is_no_empty_document() -> None:
    """A file that is all zeros is none that somebody has emptied on purpose."""
    document = Memory(b"tags: [a]", allow_empty=True, format="yaml")
    config = Config(document)
    tags = config.bind(Tags)
    with config:
        document.set(b"\0" * 512)
        document.set(b"tags: [b]")
        assert tags.until(lambda now: now.tags != ("a",), 20).tags == ("b",)
    with pytest.raises(StartFailed, match="is empty"):
        Config(Memory(b"\0" * 512, allow_empty=True)).load()
    Config(Memory(b" \n", allow_empty=True)).load()


class Flags(Settings):
    limit: int = 0
    flag: bool = False


class Breaking:
    """Code that breaks on some content, as a validator's own or ours might; it looks at the whole tree."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, breaks: Callable[[dict[str, Any]], object]) -> None:
        self._breaks = breaks
        self._make = build.build
        monkeypatch.setattr("dynconf._store.draft.build", self)

    def __call__(self, cls: Any, tree: dict[str, Any], *more: Any, **named: Any) -> Any:
        if self._breaks(tree):
            raise ZeroDivisionError("hunter2")
        return self._make(cls, tree, *more, **named)


def test_a_document_that_breaks_our_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused alone, is told of again by a reload, and is taken once it is mended."""
    bad, good = Memory({"limit": 1}, name="bad"), Memory({}, name="good")
    config = Config(bad, good)
    flags, errors = config.bind(Flags), Told()
    config.on_error(errors)
    Breaking(monkeypatch, lambda tree: tree.get("limit") == 13)
    with config:
        at_once(config, (bad, {"limit": 13}), (good, {"flag": True}))
        flags.until(lambda now: now.flag, 20)
        [text] = errors.texts()
        assert "bad (revision 2)" in text
        assert "it could not be taken: ZeroDivisionError in __call__, test_hostile_values.py:" in text
        assert "hunter2" not in text
        with pytest.raises(ChangeRefused, match="it could not be taken"):
            config.reload()
        good.set({"flag": False})
        flags.until(lambda now: not now.flag, 20)
        assert flags.current.limit == 1
        with pytest.raises(ChangeRefused, match="it could not be taken"), flags.override(limit=13):
            pass
        with pytest.raises(ChangeRefused, match="it could not be taken"):
            config.add(Memory({"limit": 13}))
        bad.set({"limit": 2})
        flags.until(lambda now: now.limit == 2, 20)
        assert config.status().healthy


def test_what_breaks_in_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two documents neither of which can be taken without the other are taken together."""
    left, right = Memory({"limit": 1}, name="left"), Memory({}, name="right")
    config = Config(left, right)
    flags, errors = config.bind(Flags), Told()
    config.on_error(errors)
    Breaking(monkeypatch, lambda tree: (tree.get("limit") == 2) != (tree.get("flag") is True))
    with config:
        left.set({"limit": 2})
        errors.wait()
        right.set({"flag": True})
        assert flags.until(lambda now: now.flag, 20).limit == 2
        assert config.status().healthy


def test_keys_forge_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A key's line ends and escapes are shown as such, in logs, errors and the status; long lists are cut."""
    forged = "x\nCRITICAL root: forged\x1b[2J"
    many = [f"k{number}" for number in range(1000)]
    document = Memory({"limit": 1, "d": {forged: 0}, "many": dict.fromkeys(many, 0)})
    config = Config(document)
    flags, errors = config.bind(Flags), Told()
    config.bind(Tags, at="d")
    config.on_error(errors)
    with caplog.at_level("INFO"), config:
        document.set({"limit": 2, "d": {forged: 1}, "many": dict.fromkeys(many, 1)})
        flags.until(lambda now: now.limit == 2, 20)
        document.set({"limit": "no", "d": {forged: 1}})
        shown = errors.texts()[0] + str(config.status()) + str(config.unused())
    lines = [line for record in caplog.records for line in record.getMessage().splitlines()]
    assert not [line for line in [*lines, *shown.splitlines()] if line.startswith("CRITICAL")]
    assert "\x1b" not in shown + "".join(lines)
    assert max(map(len, lines)) < 5000
    assert "and 952 more" in "".join(lines)


@dataclass
class Connection:
    """Has something that is made on first use."""

    host: str = "h0"
    pool: Any = field(init=False, repr=False)


class Connected(Settings):
    connection: Connection = Connection()
    limit: int = 0


def test_a_dataclass_that_is_not_complete() -> None:
    """A field that is not set yet is none: it keeps nobody from being told, shown or overridden."""
    document = Memory({"connection": {"host": "h1"}})
    config = Config(document)
    connected, told = config.bind(Connected), Told()
    connected.on_change("limit")(told)
    with config:
        document.set({"connection": {"host": "h2"}, "limit": 2})
        [change] = told.wait()
        assert change.new == 2
        assert config.history[-1].version == 2
        assert "h2" in str(config.view())
        with connected.override(connection={"host": "h3"}):
            assert connected.current.connection.host == "h3"
        assert connected.current.connection.host == "h2"


@dataclass
class Certificate:
    """Looks at the disk when it is looked at."""

    path: str

    @property
    def size(self) -> int:
        """Of a file that is not there."""
        raise FileNotFoundError(self.path)


Certificate.__dataclass_fields__["size"] = Certificate.__dataclass_fields__["path"]


class Unlike:
    """As a key or a value: cannot be compared, nor written."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise self.error

    def __str__(self) -> str:
        raise self.error


class Held(Settings):
    """Holds something odd besides, which is made anew of each content."""

    a: int = 0
    odd: Any = None

    odds: ClassVar[Callable[[], Any]] = list

    def model_post_init(self, context: Any) -> None:
        """Make it."""
        object.__setattr__(self, "odd", Held.odds())


class Counted(Settings):
    n: int = 0


def _ring() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


class Panic(BaseException):
    """What is no `Exception`, as an extension in Rust may raise."""


ODDS: dict[str, Callable[[], Any]] = {
    "a property that breaks": lambda: Certificate("/nowhere"),
    "a key that breaks": lambda: {Unlike(RuntimeError()): 1},
    "a key that exits": lambda: {Unlike(SystemExit()): 1},
    "a value that cancels": lambda: [Unlike(asyncio.CancelledError())],
    "a key that panics": lambda: {Unlike(Panic()): 1},
    "a list that holds itself": _ring,
}


@pytest.mark.parametrize("odd", ODDS)
def test_what_cannot_be_compared(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as another: everybody is told of what changed, also through selectors that pick it."""
    monkeypatch.setattr(Held, "odds", ODDS[odd])
    document, flags = Memory({"a": 1}), Memory({"n": 1})
    config = Config(document, flags)
    held, other = config.bind(Held), config.bind(Counted)
    by_path, by_selector, by_all, others = Told(), Told(), Told(), Told()
    held.on_change("a")(by_path)
    held.on_change(lambda it: it.odd)(by_selector)
    held.on_change()(by_all)
    other.on_change("n")(others)
    with config:
        document.set({"a": 2})
        flags.set({"n": 2})
        assert [change.new for change in by_path.wait()] == [2]
        assert by_all.wait()[-1].new.a == 2
        assert [change.new for change in others.wait()] == [2]
        document.set({"a": 3})
        assert by_path.wait(2)[-1].new == 3
        assert other.until(lambda now: now.n == 2, LOOK).n == 2
        with held.override(a=4):
            assert held.current.a == 4
        assert held.current.a == 3
        assert config.status().healthy
        Held.odds = list  # so that it can be shown in the end
        document.set({"a": 5})
        held.until(lambda now: now.a == 5, LOOK)
    Held.odds = ODDS[odd]
    with config:
        assert held.current.a == 5
        Held.odds = list
        document.set({"a": 6})
        held.until(lambda now: now.a == 6, LOOK)


class Checked(Settings):
    a: int = 0

    @field_validator("a")
    @classmethod
    def check(cls, a: int) -> int:
        """Refuse 2, and hang at 3."""
        if a == 2:
            raise Panic
        if a == 3:
            Slow.begun.set()
            Slow.go_on.wait(LOOK)
        return a


class Slow:
    """When a validator begins to hang, and for how long."""

    begun, go_on = threading.Event(), threading.Event()


def test_what_is_no_exception() -> None:
    """A validator or selector that panics refuses, or keeps its old value; changes are followed on."""
    document = Memory({"a": 1})
    config = Config(document)
    checked, told, panicking = config.bind(Checked), Told(), Told()

    def pick(now: Checked) -> int:
        if now.a == 4:
            raise Panic
        return now.a

    checked.on_change(select=pick)(panicking)
    checked.on_change("a")(told)
    with config:
        document.set({"a": 2})
        with pytest.raises(ChangeRefused, match=r"Panic in check, test_hostile_values.py:\d+"):
            config.reload()
        for a in (4, 5):
            document.set({"a": a})
            checked.until(lambda now, a=a: now.a == a, LOOK)  # type: ignore[misc]
        assert panicking.wait()[-1].new == 5
        assert told.wait()[-1].new in {4, 5}


def test_a_test_that_fails_while_it_waits() -> None:
    """Whatever a condition raises is the waiter's, at once."""
    document = Memory({"a": 1})
    config = Config(document)
    checked = config.bind(Checked)

    def condition(now: Checked) -> bool:
        if now.a == 5:
            pytest.fail("five")
        return False

    with config:
        threading.Timer(0, document.set, [{"a": 5}]).start()
        with pytest.raises(pytest.fail.Exception, match="five"):
            checked.until(condition, LOOK)
        document.set({"a": 6})
        checked.until(lambda now: now.a == 6, LOOK)


def test_a_validator_that_outlives_a_stop() -> None:
    """What a core that was left behind comes up with in the end is not published by it any more."""
    document = Memory({"a": 1})
    config = Config(document)
    checked, told = config.bind(Checked), Told()
    config.start()
    host = config._lifecycle.host
    assert host is not None
    assert host._thread is not None
    document.set({"a": 3})
    assert Slow.begun.wait(LOOK)
    config.stop()
    document.set({"a": 4})
    checked.on_change("a")(told)
    with config:
        assert checked.current.a == 4
        Slow.go_on.set()
        host._thread.join(LOOK)
        assert not host._thread.is_alive()
        assert checked.current.a == 4
        document.set({"a": 5})
        checked.until(lambda now: now.a == 5, LOOK)
    assert 3 not in [change.new for change in told.items]


def test_an_async_callback_that_panics() -> None:
    """It is told of what came meanwhile as any other."""

    async def test() -> None:
        document = Memory({"a": 10})
        config = Config(document)
        checked = config.bind(Checked)
        told: list[int] = []
        over = asyncio.Event()

        @checked.on_change("a")
        async def panic(change: Change[int]) -> None:
            told.append(change.new)
            if change.new == 12:
                over.set()
            else:
                document.set({"a": 12})
                await checked.auntil(lambda now: now.a == 12, LOOK)
                raise Panic

        async with config:
            document.set({"a": 11})
            async with asyncio.timeout(LOOK):
                await over.wait()
        assert told == [11, 12]

    asyncio.run(test())


def test_a_start_that_was_given_up() -> None:
    """When its core ends at last, what a later start has published stays."""
    Slow.begun.clear()
    Slow.go_on.clear()
    document = Memory({"a": 1})
    config = Config(document)
    checked = config.bind(Checked)
    config.load()
    document.set({"a": 3})
    failures: list[BaseException] = []

    def start() -> None:
        try:
            config.start()
        except UsageError as error:
            failures.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    assert Slow.begun.wait(LOOK)
    host = config._lifecycle.host
    assert host is not None
    assert host._thread is not None
    config.stop()
    starting.join(LOOK)
    assert len(failures) == 1
    document.set({"a": 4})
    with config:
        Slow.go_on.set()
        host._thread.join(LOOK)
        document.set({"a": 5})
        checked.until(lambda now: now.a == 5, LOOK)
        versions = [one.version for one in config.history]
        assert versions == sorted(set(versions))
