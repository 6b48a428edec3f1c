"""Any source within an ordinary pydantic-settings class."""

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, BaseModel, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dynconf._values.merge import Merge
from dynconf._values.source import Source
from dynconf.errors import BootstrapError, StartFailed, UsageError
from dynconf.settings_source import DynconfSettingsSource
from dynconf.sources.env import Env
from dynconf.sources.memory import Memory


class Redis(BaseModel):
    host: str = "localhost"
    port: int = 6379


class App(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DYNCONF_TEST_OWN_", extra="forbid")

    redis: Redis = Redis()
    tags: Annotated[list[str], Merge("append")] = []
    name: str = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Two documents and variables, below the constructor's arguments and above the environment."""
        ours = DynconfSettingsSource(
            settings_cls,
            Memory({"redis": {"host": "a"}, "tags": ["x"]}),
            Memory(b"redis:\n  port: 1\ntags: [y]\n", format="yaml"),
            Env("APP_", environ={"APP_REDIS__PORT": "2"}),
        )
        return init_settings, ours, env_settings, dotenv_settings, file_secret_settings


def tree_of(cls: type[BaseSettings], *sources: Source | str, **options: Any) -> dict[str, Any]:
    """What the adapter gives for the class."""
    return DynconfSettingsSource(cls, *sources, **options)()


def test_takes_its_place_among_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It merges by priority and policy, and ranks where `settings_customise_sources` puts it."""
    monkeypatch.setenv("DYNCONF_TEST_OWN_NAME", "from the environment")
    monkeypatch.setenv("DYNCONF_TEST_OWN_REDIS__PORT", "9")
    app = App(tags=["z"])
    assert app.redis == Redis(host="a", port=2)
    assert (app.name, app.tags) == ("from the environment", ["z"])
    assert App().tags == ["x", "y"]


def test_reads_anew_each_time(tmp_path: Path) -> None:
    """Each instance has what the sources hold by then; nothing is followed, and no thread stays."""
    file = tmp_path / "app.yaml"
    file.write_text("name: a")
    threads = set(threading.enumerate())
    source = DynconfSettingsSource(App, f"file:{file}")
    assert source() == {"name": "a"}
    file.write_text("name: b")
    assert source() == {"name": "b"}
    assert set(threading.enumerate()) == threads


def test_works_in_a_running_loop() -> None:
    """An instance can be made within a coroutine."""

    async def instance() -> App:
        return App(name="x")

    assert asyncio.run(instance()).redis.port == 2


def test_at_and_profile(tmp_path: Path) -> None:
    """A part of the tree, and files for a profile."""
    (tmp_path / "app-dev.yaml").write_text("a: {b: {host: h}}")
    address = f"file:{tmp_path}/app-{{profile}}.yaml"
    assert tree_of(App, address, at="a.b", profile="dev") == {"host": "h"}
    assert tree_of(App, address, at="no.such", profile="dev") == {}
    with pytest.raises(StartFailed, match=r"a\.b\.host: expected a mapping for App, got str"):
        tree_of(App, address, at="a.b.host", profile="dev")


def test_variables_are_understood_by_the_class() -> None:
    """Names match fields and aliases without case, and what holds several values is JSON."""

    class Own(BaseSettings):
        hostName: str = ""  # noqa: N815 - the case is the point
        plain: str = ""
        tags: list[str] = []
        timeout: int = Field(0, alias="requestTimeout")

    env = Env(
        "A_",
        environ={
            "A_HOSTNAME": "h",
            "A_PLAIN": "[1]",
            "A_TAGS": '["x"]',
            "A_REQUESTTIMEOUT": "3",
            "A_NEW": "n",
        },
    )
    wanted = {"hostName": "h", "plain": "[1]", "tags": ["x"], "requestTimeout": "3"}
    assert tree_of(Own, env) == {**wanted, "new": "n"}
    part = Env("A_", environ={"A_OWN__HOSTNAME": "h"})
    assert tree_of(Own, part, at="own") == {"hostName": "h"}
    assert tree_of(Own, Memory({"Plain": "x"}), Env("A_", environ={"A_NEW": "n", "A_new_": "m"})) == {
        "Plain": "x",
        "new": "n",
        "new_": "m",
    }


def test_variable_that_is_no_json() -> None:
    """It is refused with its name and without its text."""
    with pytest.raises(StartFailed) as caught:
        tree_of(App, Env("A_", environ={"A_TAGS": "hunter2"}))
    assert "A_TAGS" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_highest_layer_wins_whatever_it_calls_the_field() -> None:
    """Of two names of one field that which the higher layer uses is left."""

    class Own(BaseSettings):
        host: str = Field("", validation_alias=AliasChoices("host", "hostname"))

    low, high = Memory({"host": "low"}), Memory({"hostname": "high"})
    assert tree_of(Own, low, high) == {"hostname": "high"}
    assert tree_of(Own, high, low) == {"host": "low"}


def test_result_is_the_callers_own() -> None:
    """Altering what came out alters nothing that comes out later."""
    source = DynconfSettingsSource(App, Memory({"redis": {"host": "a"}, "tags": ["x"]}))
    first = source()
    first["redis"]["host"] = first["tags"] = None
    assert source() == {"redis": {"host": "a"}, "tags": ["x"]}


def test_failures_pass_through(tmp_path: Path) -> None:
    """What a Config would say of missing or unreadable sources is what is raised."""
    with pytest.raises(StartFailed, match=r"none\.yaml"):
        tree_of(App, f"file:{tmp_path}/none.yaml")
    with pytest.raises(StartFailed, match=":1:"):
        tree_of(App, Memory(b"{", format="json"))
    with pytest.raises(BootstrapError, match="did you mean 'file'"):
        DynconfSettingsSource(App, "fiel:a")
    with pytest.raises(UsageError, match="Config"):
        tree_of(App, Memory({}), merge={"tags": "prepend"})


def test_no_sources() -> None:
    """Without sources there is nothing, and nothing is wrong; a single field is never asked for."""
    source = DynconfSettingsSource(App)
    assert source() == {}
    assert source.get_field_value(App.model_fields["name"], "name") == (None, "name", False)
