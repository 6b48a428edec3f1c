"""What becomes of documents that are refused, and of those that come with them."""

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated, Any, Self, cast

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from dynconf import Change, Config, Env, File, Memory, Merge, Settings
from dynconf.errors import ChangeRefused, DynconfError, StartFailed, UsageError

LOOK = 20.0


class Pair(Settings):
    low: int = 0
    high: int = 10

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """Refuse a low above the high."""
        if self.low > self.high:
            raise ValueError("low above high")
        return self


class Heard:
    """The errors that a Config told, waited for one by one."""

    def __init__(self, config: Config) -> None:
        self.texts: list[str] = []
        self._news = threading.Condition()
        config.on_error(self.hear)

    def hear(self, error: DynconfError) -> None:
        """Note an error."""
        with self._news:
            self.texts.append(str(error))
            self._news.notify_all()

    def wait(self, count: int = 1) -> str:
        """The latest text, once there are that many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.texts) >= count, LOOK), self.texts
            return self.texts[-1]


@pytest.mark.parametrize("supersede", [lambda one: one.set(b"low: ["), lambda one: one.delete()])
def test_a_superseded_revision_never_serves(supersede: Callable[[Memory], None]) -> None:
    """What was refused and is not in the document any more is not taken when it would fit."""
    one, two = Memory(b"low: 1", name="one", format="yaml"), Memory({"high": 5}, name="two")
    config = Config(one, two)
    pair = config.bind(Pair)
    heard = Heard(config)
    with config:
        one.set(b"low: 7")
        heard.wait()
        supersede(one)
        heard.wait(2)
        two.set({"high": 9})
        assert pair.until(lambda now: now.high == 9, LOOK).low == 1


def test_two_that_need_each_other_come_in_beside_a_bad_one(tmp_path: Path) -> None:
    """A third document's fault holds up neither of two edits that are valid only together."""

    class Other(Settings):
        number: int = 0

    files = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml")]
    for file, text in zip(files, ("low: 1", "high: 5", "number: 1"), strict=True):
        file.write_text(text)
    config = Config(*map(File, files))
    pair, other = config.bind(Pair), config.bind(Other)
    with config:
        for file, text in zip(files, ("low: 7", "high: 8", "number: x"), strict=True):
            file.write_text(text)
        now = pair.until(lambda now: now.high == 8, LOOK)
        assert pair.until(lambda now: now.low == 7, LOOK).low <= now.high
        assert other.current.number == 1
        assert [one.state for one in config.status().sources] == ["live", "live", "refused"]


def test_the_document_that_changed_is_blamed() -> None:
    """A fault of a whole model is laid at the door of what was edited, not of the highest layer."""
    one, two = Memory({"low": 1}, name="one"), Memory({"high": 5}, name="two")
    config = Config(one, two)
    config.bind(Pair)
    heard = Heard(config)
    with config:
        one.set({"low": 9})
        text = heard.wait()
    assert text == (
        "one (revision 2) was refused, its last good content stays:"
        " one (revision 2): its validator says: low above high [Pair]"
    )


def test_an_open_override_is_not_blamed_for_a_file() -> None:
    """A bad value under an override is where it stands, and the override goes on."""
    memory = Memory({"low": 1})
    config = Config(memory)
    pair = config.bind(Pair)
    heard = Heard(config)
    with config, pair.override(low=2):
        memory.set({"low": "x"})
        assert "at memory (revision 2)" in heard.wait()
        assert pair.current.low == 2


def test_a_fault_in_a_list_of_many_layers() -> None:
    """An item that no layer holds at that place is refused like any other."""

    class Tagged(Settings):
        tags: Annotated[list[str], Merge("append")] = Field(default=[])

    one, two = Memory({"tags": ["x"]}, name="one"), Memory({}, name="two")
    config = Config(one, two)
    tagged = config.bind(Tagged)
    heard = Heard(config)
    with config:
        two.set({"tags": [3]})
        assert "tags.1" in heard.wait()
        two.set({"tags": ["y"]})
        assert tagged.until(lambda now: len(now.tags) == 2, LOOK).tags == ["x", "y"]


@pytest.mark.parametrize("end", [SystemExit, KeyError, RecursionError])
def test_code_of_the_users_own_ends_nothing(end: type[BaseException]) -> None:
    """A validator and a selector may raise what they like: changes go on."""

    class Odd(Settings):
        number: int = 0

        @field_validator("number")
        @classmethod
        def fail(cls, value: int) -> int:
            """Fail for one number."""
            if value == 4:
                raise end
            return value

    def select(odd: Odd) -> int:
        if odd.number == 5:
            raise end
        return odd.number

    memory = Memory({})
    config = Config(memory)
    odd = config.bind(Odd)
    odd.on_change(select=select)(lambda _: None)
    heard = Heard(config)
    with config:
        memory.set({"number": 4})
        assert end.__name__ in heard.wait()
        memory.set({"number": 5})
        odd.until(lambda now: now.number == 5, LOOK)
        memory.set({"number": 6})
        odd.until(lambda now: now.number == 6, LOOK)
        assert config.status().healthy


def test_what_cannot_be_planned_harms_nobody_else() -> None:
    """A tree that breaks the planning itself is refused; the next change is taken."""

    class Awkward:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    memory, other = Memory({"a": Awkward()}), Memory({}, name="other")
    config = Config(memory, other)
    pair = config.bind(Pair)
    heard = Heard(config)
    with config:
        memory.set({"a": Awkward()})
        assert "RuntimeError" in heard.wait()
        other.set({"low": 2})
        assert pair.until(lambda now: now.low == 2, LOOK).high == 10


def test_leaving_an_override_always_succeeds() -> None:
    """Left in the wrong order, what depends on the other goes with it, and nothing stays behind."""
    config = Config(Memory({"low": 0, "high": 1}))
    pair = config.bind(Pair)
    with config:
        wide, deep = pair.override(high=9), pair.override(low=5)
        wide.__enter__()
        deep.__enter__()
        wide.__exit__()
        assert (pair.current.low, pair.current.high) == (0, 1)
        deep.__exit__()
        assert (pair.current.low, pair.current.high) == (0, 1)
        with wide, wide:
            assert pair.current.high == 9
        assert pair.current.high == 1


def test_a_view_takes_only_its_own_bindings() -> None:
    """Another Config's binding is refused, not mistaken for one's own."""
    one, two = Config(), Config()
    one.bind(Pair)
    foreign = two.bind(Pair)
    one.load()
    two.load()
    with pytest.raises(UsageError, match="no binding"):
        one.view()[foreign]


def test_a_cached_property_is_no_change() -> None:
    """What a model computes and keeps for itself is not part of its value."""

    class Redis(BaseModel, frozen=True):
        host: str = "a"

        @cached_property
        def url(self) -> str:
            """Compute something."""
            return f"redis://{self.host}"

    class App(Settings):
        redis: Redis = Redis()
        other: int = 0

    memory = Memory({"redis": {"host": "b"}})
    config = Config(memory)
    app = config.bind(App)
    told: list[Change[Redis]] = []
    app.on_change(lambda now: now.redis)(told.append)
    with config:
        assert app.current.redis.url == "redis://b"
        memory.set({"redis": {"host": "b"}, "other": 2})
        app.until(lambda now: now.other == 2, LOOK)
        assert told == []


def test_an_overlay_put_right_is_healthy_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of a class's own that is back to what it was is not refused any more."""

    class Own(Settings):
        model_config = SettingsConfigDict(env_prefix="OWN_")
        number: int = 0

    monkeypatch.setenv("OWN_NUMBER", "1")
    config = Config()
    config.bind(Own)
    with config:
        monkeypatch.setenv("OWN_NUMBER", "x")
        with pytest.raises(ChangeRefused):
            config.reload()
        monkeypatch.setenv("OWN_NUMBER", "1")
        config.reload()
        assert config.status().healthy


def test_a_scalar_in_the_way_of_a_binding_is_told() -> None:
    """A value where the binding's path leads through is a fault, not a missing section."""
    config = Config(Memory({"a": {"b": 5}}))
    config.bind(Pair, at="a.b.c")
    with pytest.raises(StartFailed, match="expected a mapping"):
        config.load()


def test_aliases_of_one_field_add_up_and_paths_are_followed() -> None:
    """Mappings under several names of a field merge; a field with a path alone is explained by it."""

    class Redis(BaseModel):
        host: str = ""
        port: int = 0

    class App(Settings):
        redis: Redis = Field(default=Redis(), validation_alias=AliasChoices("redis", "cache"))
        deep: int = Field(default=0, validation_alias=AliasPath("x", "y"))

    config = Config(
        Memory({"redis": {"host": "h"}, "x": {"y": 3}}, name="low"), Memory({"cache": {"port": 7}})
    )
    app = config.bind(App)
    config.load()
    assert app.current.redis == Redis(host="h", port=7)
    assert app.explain("deep").value == 3
    with app.override(deep=8):
        assert app.current.deep == 8


def test_many_sources_at_one_place() -> None:
    """There is always room between two sources, and from however many threads they come."""
    top = Memory({}, name="top")
    config = Config(Memory({}), top)
    with config:
        for number in range(80):
            config.add(Memory({f"k{number}": number}, name=f"m{number}"), before=top)
        threads = [
            threading.Thread(target=config.add, args=(Memory({f"t{number}": 1}, name=f"t{number}"),))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LOOK)
        assert len(config.status().sources) == 90
        assert all(config.get(f"t{number}") == 1 for number in range(8))
        for number in range(80):
            config.remove(f"m{number}")
        assert len(config.status().sources) == 10


def test_a_failed_restart_leaves_what_was() -> None:
    """What readers see can still be explained, and new classes bound to it."""
    memory = Memory({"low": 1})
    config = Config(memory)
    pair = config.bind(Pair)
    config.load()
    memory.set({"low": "x"})
    with pytest.raises(StartFailed):
        config.start()
    assert pair.current.low == 1
    assert config.explain("low").value == 1
    assert config.bind(Pair).current.low == 1


def test_bad_options_are_refused_when_they_are_given(tmp_path: Path) -> None:
    """A mistake in a declaration is told there, not at the first load."""
    wrong: list[Callable[[], object]] = [
        lambda: File(tmp_path / "a.yaml", format="nope"),
        lambda: File(tmp_path / "a.yaml", at="a..b"),
        lambda: File(tmp_path / "a.yaml", settle=-1),
        lambda: File(tmp_path / "a.yaml", on_missing="x"),  # type: ignore[arg-type]
        lambda: Memory({}, format="nope"),
        lambda: Memory({}, settle=-1),
        lambda: Config(start_timeout=-1),
        lambda: Config(callback_threads=0),
        lambda: Config(tmp_path),  # type: ignore[arg-type]
        lambda: Config().bind(Pair()),  # type: ignore[arg-type]
    ]
    for declare in wrong:
        with pytest.raises(UsageError):
            declare()


def test_a_selector_without_a_function_warns() -> None:
    """What `on_change` gave back and nobody used did nothing: that is told."""
    pair = Config().bind(Pair)
    with pytest.warns(RuntimeWarning, match="was given no function"):
        pair.on_change(sys.getsizeof)


def test_a_change_right_before_a_stop_is_told_after_the_next_start() -> None:
    """However short the life, each version that was published is told once, now or later."""
    memory = Memory({"low": 1})
    config = Config(memory)
    pair = config.bind(Pair)
    told: SimpleQueue[tuple[int, int]] = SimpleQueue()
    pair.on_change("low")(lambda change: told.put((change.old, change.new)))
    for low in range(2, 12):
        config.start()
        memory.set({"low": low, "high": 99})
        pair.until(lambda now, low=low: now.low == low, LOOK)  # type: ignore[misc]
        config.stop()
    with config:
        seen = 1
        while seen < 11:
            old, new = told.get(timeout=LOOK)
            assert old == seen
            seen = new


def test_variables_are_blamed_for_what_they_say() -> None:
    """A refusal that the environment causes names it, not the layer below."""
    config = Config(Memory({"low": 1}), Env("A_", environ={"A_LOW__X": "1"}))
    config.bind(Pair)
    with pytest.raises(StartFailed, match=r"low: .* at env:A_"):
        config.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# ours\nTAGS=[1,\n", r"tags: expected JSON.* at app\.env:2:6 \(revision \w+\)"),
        ("LOW=1\nLOW__X=2\n", r"low\.x: clashes with LOW.* at app\.env:2:8 \(revision \w+\)"),
    ],
)
def test_a_line_of_names_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """What cannot be understood of a `.env` file is told with line, column and revision, as all else is."""

    class Tagged(Pair):
        tags: tuple[int, ...] = ()

    monkeypatch.chdir(tmp_path)
    Path("app.env").write_text(text)
    config = Config(File("app.env"))
    config.bind(Tagged)
    with pytest.raises(StartFailed, match=said):
        config.load()


def test_of_a_fields_aliases_the_preferred_one_holds() -> None:
    """Two variables for one field rank as pydantic ranks the aliases, however they sort."""

    class Aliased(Settings):
        number: int = Field(default=0, validation_alias=AliasChoices("x1", "x2"))

    config = Config(Env("A_", environ={"A_X1": "8", "A_X2": "7"}))
    aliased = config.bind(Aliased)
    config.load()
    assert aliased.current.number == 8


def test_a_loop_that_ended_ends_what_lived_in_it() -> None:
    """A Config whose event loop is closed says that it does not run, and can be started again."""
    config = Config(Memory({"low": 1}))
    pair = config.bind(Pair)
    asyncio.run(config.astart())
    assert not config.status().running
    with config:
        assert pair.current.low == 1


def test_a_source_without_a_profile_keeps_its_place(tmp_path: Path) -> None:
    """What is added before a source that stands for no file is still below what is above it."""
    profiled = File(tmp_path / "app-{profile}.yaml", optional=True)
    config = Config(Memory({"low": 1}), profiled, Memory({"low": 3}, name="top"), profile=())
    pair = config.bind(Pair)
    config.add(Memory({"low": 2, "high": 7}, name="x"), before=profiled)
    config.load()
    assert (pair.current.low, pair.current.high) == (3, 7)


@pytest.mark.parametrize("running", [False, True])
def test_what_is_no_source_is_told(running: bool) -> None:
    """Whatever is given where a source or its name is wanted."""
    config, wrong = Config(Memory({})), cast("Any", Path("app.yaml"))
    with config if running else nullcontext():
        with pytest.raises(UsageError, match=r"or its name, is wanted, not \w*Path"):
            config.remove(wrong)
        with pytest.raises(UsageError, match=r"or its name, is wanted, not \w*Path"):
            config.add(Memory({}), before=wrong)


def test_one_of_several_is_not_taken_for_all(tmp_path: Path) -> None:
    """A source that stands for a file of each profile is removed as a whole, and only as that."""
    profiled = File(tmp_path / "app-{profile}.yaml", optional=True)
    config = Config(profiled, profile=["a", "b"])
    with pytest.raises(UsageError, match="given as one source"):
        config.remove(f"file:{tmp_path}/app-b.yaml")
    config.remove(profiled)
    assert "no sources" in repr(config)
