"""What people ask of a Config: explain, status, history, unused keys, views; readable, sendable, masked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from unittest.mock import ANY

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from dynconf import Config, Env, File, Memory, Merge, NotStarted, Settings
from dynconf._models import readers
from dynconf._values.tree import dotted, parse_path
from dynconf.errors import ChangeRefused, UsageError
from tests.unit.core_props import Told

CANARY = "hunter2"


class Redis(BaseModel):
    host: str = "localhost"
    port: int = Field(default=6379, alias="redisPort")
    pin: SecretStr | None = None


class App(Settings):
    redis: Redis = Redis.model_validate({})
    password: str = ""
    url: str = ""
    number: int = 0


@pytest.fixture
def house(tmp_path: Path) -> Config:
    """A file below, memory above it, the environment on top."""
    file = tmp_path / "app.yaml"
    file.write_text(f"redis:\n  host: file\n  pin: {CANARY}\nnumber: 1\nnumbr: 2\n")
    memory = Memory(
        {"redis": {"host": "memory", "redisPort": 1}, "password": CANARY, "url": f"x://u:{CANARY}@h"}
    )
    return Config(File(file), memory, Env("APP_", environ={"APP_REDIS__REDISPORT": "2"}))


def test_explain_shows_every_answer_and_the_winner(house: Config, tmp_path: Path) -> None:
    """Each layer's value with its place, highest first; the one that is used is marked."""
    settings = house.bind(App)
    house.load()
    explained = settings.explain("redis.host")
    assert explained.value == "memory"
    assert [(answer.value, answer.used) for answer in explained.answers] == [
        ("memory", True),
        ("file", False),
    ]
    origin = explained.answers[1].origin
    assert (origin.document, origin.line, origin.column) == (str(tmp_path / "app.yaml"), 2, 9)
    assert str(explained).splitlines()[0] == "redis.host = 'memory' in version 1"


def test_explain_speaks_of_fields_and_the_config_of_keys(house: Config) -> None:
    """A binding's path is of field names, whatever the keys are called; the Config's is of keys."""
    settings = house.bind(App)
    house.load()
    assert settings.explain("redis.port").answers[0].origin.document == "APP_REDIS__REDISPORT"
    assert house.explain("redis.redisPort").value == "2"
    assert house.explain("redis.port").answers == ()
    with pytest.raises(UsageError, match="no field 'prot'"):
        settings.explain("redis.prot")


def test_explain_of_a_whole_and_of_a_default(house: Config) -> None:
    """Mappings add up, so several layers are used; where nobody says anything the default shows."""
    settings = house.bind(App)
    house.load()
    whole = settings.explain("redis")
    assert whole.value == {"host": "memory", "redisPort": "2", "pin": "***"}
    assert [answer.used for answer in whole.answers] == [True, True, True]
    with settings.override(number=5):
        assert str(settings.explain("number").answers[0].origin) == "override"
    empty = Config()
    bound = empty.bind(App)
    empty.load()
    assert bound.explain("number").default
    assert bound.explain("number").value == 0


def test_no_report_shows_a_secret(house: Config) -> None:
    """Declared secrets, names that look like secrets, and passwords in addresses are masked."""
    settings = house.bind(App)
    house.load()
    reports = [
        settings.explain(),
        house.explain(),
        house.view(),
        house.status(),
        house.history,
        house.unused(),
    ]
    for report in reports:
        assert CANARY not in str(report)
        assert CANARY not in json.dumps(report.to_dict())  # type: ignore[attr-defined]
    assert house.explain("password").value == "***"
    assert house.explain("redis.pin").value == "***"
    assert house.explain("url").value == "x://u:***@h"
    assert house.get("password") == CANARY


def test_unused_keys_come_with_place_and_near_misses(house: Config) -> None:
    """A typo does not vanish: it is told with its line, and what it may have been meant to be."""
    house.bind(Redis, at="redis")
    house.load()
    house.bind(App)
    found = house.unused()
    assert [key.path for key in found] == ["numbr"]
    assert found[0].origin is not None
    assert found[0].origin.line == 5
    assert str(found).startswith("numbr at ")


def test_near_misses_of_many_unused_keys_are_told_of_some() -> None:
    """A class that no longer fits a document of thousands of keys is told in no time."""
    memory = Memory({f"numbr{index:04}": 0 for index in range(readers.MOST_GUESSED + 1)})
    config = Config(memory)
    config.bind(App)
    config.load()
    found = config.unused()
    assert len(found) == readers.MOST_GUESSED + 1
    assert [key.near for key in found][-2:] == [("number",), ()]


def test_history_tells_when_what_and_by_whom() -> None:
    """Each version with its time, the documents that brought it and the paths that differ; 20 of them."""
    memory = Memory({"number": 0})
    config = Config(memory)
    settings = config.bind(App)
    with config:
        for number in range(1, 25):
            memory.set({"number": number})
            settings.until(lambda app, wanted=number: app.number == wanted, 5)  # type: ignore[misc]
    assert len(config.history) == 20
    last = config.history[-1]
    assert (last.version, last.paths) == (25, ("number",))
    assert last.documents == (("memory", "memory", "25"),)
    assert str(last).endswith(" version 25: number (by memory 25)")
    assert json.loads(json.dumps(config.history.to_dict()))["versions"][-1]["paths"] == ["number"]


def test_history_keeps_so_many_paths() -> None:
    """A version of very many paths, or very long ones, costs no more than another; the rest is counted."""
    memory = Memory({"number": 0})
    config = Config(memory)
    settings = config.bind(App)
    with config:
        memory.set({"number": 1, **{f"key{number:05}": 1 for number in range(3000)}, "x" * 1001: 1})
        settings.until(lambda app: app.number == 1, 5)
        last = config.history[-1]
        assert (len(last.paths), last.left_out) == (1000, 2002)
        assert str(last).endswith("key00049 and 2952 more (by memory 2)")
        assert config.history.to_dict()["versions"][-1]["left_out"] == 2002
        before = config._lifecycle.publisher.applied_since(1)
        assert (len(before.paths), before.left_out) == (1000, 2002)
        # Whoever asks for a change is told of all of it.
        applied = config.add(Memory({f"more{number:05}": 1 for number in range(3000)}, name="more"))
        assert applied is not None
        assert (len(applied.paths), applied.left_out) == (3000, 0)
        assert config._lifecycle.publisher.applied_since(2, applied) == replace(applied, at=ANY)
        config.add(Memory({"y" * 1001: 1}, name="long"))
        assert str(config.history[-1]).endswith("version 4: 1 not named (by long 1)")


def test_a_path_is_taken_as_it_is_told() -> None:
    """A key with a dot in it is quoted in a report, and asked for and subscribed to just so."""

    class Hosts(Settings):
        hosts: dict[str, dict[str, int]] = Field(default_factory=dict)

    memory = Memory({"hosts": {"a.example": {"port": 1}}})
    config = Config(memory)
    settings, told = config.bind(Hosts), Told()
    with config:
        memory.set({"hosts": {"a.example": {"port": 2}}})
        settings.until(lambda now: now.hosts["a.example"]["port"] == 2, 5)
        [path] = config.history[-1].paths
        assert path == 'hosts."a.example".port'
        assert config.get(path) == config.explain(path).value == settings.explain(path).value == 2
        settings.on_change(path)(told)
        memory.set({"hosts": {"a.example": {"port": 3}}})
        [change] = told.wait()
        assert (change.old, change.new, change.paths) == (2, 3, {path})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('"a.b"', ("a.b",)),
        ('x."a.b".0', ("x", "a.b", "0")),
        ('"a.b"."c.d"', ("a.b", "c.d")),
        ('"ab".c', ('"ab"', "c")),
        ('a".b', ('a"', "b")),
        ('"a.b"c.d', ('"a', 'b"c', "d")),
    ],
)
def test_only_a_step_with_a_dot_in_it_is_quoted(text: str, path: tuple[str, ...]) -> None:
    """Other quotes are a part of the key, which reports write just so."""
    assert parse_path(text) == path
    assert parse_path(dotted(path)) == path


@pytest.mark.parametrize("text", [".", "a.", ".a", "a..b", '"a.b"..c'])
def test_a_path_with_an_empty_step_is_refused(text: str) -> None:
    """It is a slip, and never the key that is an empty text."""
    with pytest.raises(UsageError, match="a step between two dots is empty"):
        parse_path(text)


def test_status_before_while_and_after() -> None:
    """The status tells what runs, what serves, and is always there to be asked."""
    memory = Memory({"number": 1})
    config = Config(memory, name="shop")
    assert str(config.status()) == "shop: stopped, version 0"
    config.bind(App)
    with config:
        status = config.status()
        assert status.healthy
        assert [(one.source, one.state) for one in status.sources] == [("memory", "live")]
        assert status.to_dict()["sources"][0]["documents"][0]["state"] == "live"
    assert config.status().sources[0].state == "stopped"
    assert not config.status().healthy


def test_a_refused_overlay_shows_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a class reads itself has no source in the list, so its problems stand beside them."""

    class Own(Settings):
        model_config = SettingsConfigDict(env_prefix="OWN_")
        number: int = 0

    config = Config()
    own = config.bind(Own)
    monkeypatch.setenv("OWN_NUMBER", "1")
    with config:
        assert own.current.number == 1
        monkeypatch.setenv("OWN_NUMBER", CANARY)
        with pytest.raises(ChangeRefused, match="OWN_NUMBER") as caught:
            config.reload()
        assert CANARY not in str(caught.value)
        assert own.current.number == 1
        assert [problem.path for problem in config.status().problems] == ["number"]
        monkeypatch.setenv("OWN_NUMBER", "2")
        assert config.reload().paths == ("number",)
        assert own.current.number == 2
        assert config.status().healthy


def test_a_variable_of_a_class_is_named_whichever_way_it_is_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields are written under one key, variables may say another, or the field's own name."""

    class Part(BaseModel):
        host: str = Field("", validation_alias=AliasChoices("hostname", "host"))

    class Own(Settings):
        model_config = SettingsConfigDict(env_prefix="OWN_", env_nested_delimiter="__")
        part: Part = Part.model_validate({})
        parts: dict[str, Part] = Field(default_factory=dict)
        port: int = Field(0, validation_alias=AliasChoices(AliasPath("net", "port"), "own_port"))

    monkeypatch.setenv("OWN_PART__HOST", "a")
    monkeypatch.setenv("OWN_PARTS__X__HOST", "c")
    monkeypatch.setenv("OWN_PORT", "1")
    config = Config(
        Memory({"part": {"hostname": "b"}, "parts": {"x": {"hostname": "b"}}, "net": {"port": 2}})
    )
    own = config.bind(Own)
    config.load()
    assert (own.current.part.host, own.current.parts["x"].host, own.current.port) == ("a", "c", 1)
    paths = ("part.host", "parts.x.host", "port")
    answers = [own.explain(path).answers[0].origin.document for path in paths]
    assert answers == ["OWN_PART__HOST", "OWN_PARTS__X__HOST", "OWN_PORT"]


def test_asking_before_the_first_load() -> None:
    """What needs a version says that there is none yet, and how to get one."""
    config = Config(Memory({}))
    settings = config.bind(App)
    for ask in (config.view, config.explain, config.unused, settings.explain, lambda: config.get("a")):
        with pytest.raises(NotStarted, match="start"):
            ask()
    assert str(config.history) == "nothing was loaded yet"


def test_a_view_shows_one_version_of_all() -> None:
    """A view is fixed; it gives models and untyped values, and refuses what came later."""
    memory = Memory({"number": 1, "redis": {"host": "a"}})
    config = Config(memory)
    settings, redis = config.bind(App), config.bind(Redis, at="redis")
    with config:
        view = config.view()
        memory.set({"number": 2, "redis": {"host": "b"}})
        settings.until(lambda app: app.number == 2, 5)
        assert (view[settings].number, view[redis].host, view.get("number")) == (1, "a", 1)
        assert view.get("nothing", "default") == "default"
        now = config.view()
        assert (now[settings].number, now[redis].host) == (2, "b")
        assert (view.version, now.version) == (1, 2)
        late = config.bind(Redis, at="redis")
        with pytest.raises(KeyError, match="older than this binding"):
            view[late]
        assert config.view()[late].host == "b"


def test_explain_of_an_item_that_several_layers_brought_together() -> None:
    """An item of a merged list is no layer's own: the key that stands there holds, and has its source."""

    class Inner(BaseModel):
        port: int = Field(default=0, validation_alias=AliasChoices("tcp", "port"))

    class App(Settings):
        items: Annotated[list[Inner], Merge("append")]

    low, high = (Memory({"items": [{"port": n}]}, name=f"layer {n}") for n in (1, 2))
    config = Config(low, high)
    app = config.bind(App)
    config.load()
    told = app.explain("items.1.port")
    assert (told.path, told.value) == ("items.1.port", 2)
    assert "layer 2" in str(told)
