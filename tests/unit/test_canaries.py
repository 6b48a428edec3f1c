"""A secret is planted in every place that takes one, then things go wrong: it is shown nowhere.

What dynconf logs, warns of and raises, and what a Config tells of itself, is looked at by
`tests/canaries.py`; the tests here look besides at the text forms of what they have in their hands.
"""

import asyncio
import json
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from dynconf import (
    Change,
    Config,
    ConsulEntry,
    Env,
    File,
    Folder,
    Memory,
    NacosConfig,
    NacosKey,
    Settings,
    Update,
)
from dynconf._values.limits import Limits
from dynconf.errors import BootstrapError, ChangeRefused, DynconfError, ParseError, StartFailed
from dynconf.parsers import FORMATS, parse


def fails(config: Config, canary: str) -> str:
    """What is said of a configuration that cannot be loaded; its whole traceback is fit to be shown."""
    with pytest.raises(StartFailed) as caught:
        config.load()
    assert canary not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def tell(*things: object) -> str:
    """All the text forms of some things."""
    return "\n".join(f"{thing} {thing!r} {[thing]} {thing:}" for thing in things)


# Validators that quote, of any kind and in any place


def quoting(value: object) -> object:
    """Complain as a careless validator does."""
    raise ValueError(f"cannot use {value!r}")


def asserting(value: object) -> object:
    """Complain by an assertion."""
    raise AssertionError(f"{value} is not as it should be")


def in_context(value: object) -> object:
    """Complain with the value in an error's parts."""
    raise PydanticCustomError("odd", "cannot use {it}", {"it": str(value)})


def chained(value: object) -> object:
    """Complain because of an error that quotes."""
    try:
        return int(f"{value}x")
    except ValueError as error:
        raise ValueError("no number") from error


def broken(value: object) -> object:
    """Be broken, with an error that no validator should raise."""
    raise TypeError(f"unsupported: {value!r}")


def looking_up(value: object) -> object:
    """Be broken in another way, with an error whose text is what was looked for."""
    known: dict[str, object] = {}
    return known[f"{value}"]


class Inner(BaseModel):
    pin: SecretStr = SecretStr("")


@dataclass
class Data:
    pin: SecretStr


PLACES: dict[str, tuple[Any, Callable[[str], object]]] = {
    "secret": (SecretStr, str),
    "optional": (SecretStr | None, str),
    "union": (int | SecretStr, str),
    "list": (list[SecretStr], lambda secret: [secret]),
    "mapping": (dict[str, SecretStr], lambda secret: {"a": secret}),
    "tuple": (tuple[int, SecretStr], lambda secret: [1, secret]),
    "model": (Inner, lambda secret: {"pin": secret}),
    "dataclass": (Data, lambda secret: {"pin": secret}),
    "models": (list[Inner | Data], lambda secret: [{"pin": secret}]),
}


@pytest.mark.parametrize("complain", [quoting, asserting, in_context, chained, broken, looking_up])
@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("place", PLACES)
def test_validator_of_a_secret(place: str, mode: Any, complain: Any, canary: str) -> None:
    """Whatever it raises, and however deep the secret is, nothing of it is told."""
    annotation, make = PLACES[place]

    class App(Settings):
        __annotations__ = {"held": annotation}

        @field_validator("held", mode=mode)
        @classmethod
        def check(cls, value: object) -> object:
            """Complain."""
            shown = value.get_secret_value() if isinstance(value, SecretStr) else value
            shown = shown.pin.get_secret_value() if isinstance(shown, (Inner, Data)) else shown
            return complain(shown)

    config = Config(Memory({"held": make(canary)}))
    config.bind(App)
    assert "[App" in fails(config, canary)


class Looks(Settings):
    password: str = ""
    api_key: str = ""
    dsn: str = ""
    token: int = 0
    tokens: tuple[int, ...] = ()
    harmless: str = ""

    @model_validator(mode="after")
    def check(self) -> "Looks":
        """Quote all there is."""
        if self.harmless == "quote":
            raise ValueError(f"cannot use {self!r}")
        return self


@pytest.mark.parametrize(
    "tree",
    [
        {"password": "C", "harmless": "quote"},
        {"api_key": "C", "harmless": "quote"},
        {"dsn": "pg://me:C@h/x", "harmless": "quote"},
        {"token": "C"},
        {"tokens": ["C"]},
        {"password": ["C"]},
        {"password": {"C": "C"}},
    ],
    ids=str,
)
def test_names_that_look_secret(tree: dict[str, Any], canary: str) -> None:
    """A plain text in such a place is told neither by its own errors nor by those of the whole class."""
    planted = json.loads(json.dumps(tree).replace('"C"', f'"{canary}"').replace("C@", f"{canary}@"))
    config = Config(Memory(planted))
    config.bind(Looks)
    fails(config, canary)


def test_changes_that_are_refused(canary: str) -> None:
    """Neither status nor error, nor what listeners are told, has what was wrong in it."""
    memory = Memory({"token": 1})
    config = Config(memory)
    settings = config.bind(Looks)
    told: list[str] = []
    config.on_error(lambda error: told.append(tell(error)))
    with config:
        for tree in ({"token": canary}, {"password": canary, "harmless": "quote"}):
            memory.set(tree)
            with pytest.raises(ChangeRefused):
                config.reload()
        with pytest.raises(ChangeRefused), settings.override(token=canary):
            pass
        with pytest.raises(DynconfError):
            config.add(Memory({"tokens": [canary]}))
        shown = tell(config, settings, config.status(), config.view(), config.history, memory)
    assert canary not in shown + "".join(told)


def test_callbacks_that_quote(canary: str) -> None:
    """A subscriber, a selector and a condition that fail with a value in their errors have it in no log."""
    memory = Memory({"password": "first"})
    config = Config(memory)
    settings = config.bind(Looks)
    changes: list[Change[Any]] = []
    called = threading.Event()

    @settings.on_change
    def moved(change: Change[Looks]) -> None:
        changes.append(change)
        called.set()
        try:
            looking_up(change.new.password)
        except KeyError as error:
            raise RuntimeError(f"cannot log in with {change.new.password}") from error

    @settings.on_change(lambda looks: 1 // 0 if looks.password == canary else 0)
    def selected(change: Change[int]) -> None:
        raise AssertionError("is never called")

    with config:
        memory.set({"password": canary})
        assert called.wait(20)
        shown = tell(config, settings, config.view(), changes[0].view, moved, selected)
    assert canary not in shown
    assert changes[0].new.password == canary


# Documents


BROKEN = {
    "yaml": "password: C\n b: [C",
    "json": '{"password": "C", "C}',
    "toml": "password = 'C'\nC",
    "properties": "password=C\na=\\uC",
    "dotenv": "PASSWORD=C\nC C",
    "xml": "<r><password>C</password>&C;</r>",
    "text": "C\0",
    "html": "C\0",
}


@pytest.mark.parametrize("format", FORMATS)
def test_documents_that_cannot_be_read(format: str, canary: str, tmp_path: Path) -> None:
    """Nothing that stands in them is told: not where it breaks, nor in what is over a limit."""
    content = BROKEN[format].replace("C", canary).encode()
    with pytest.raises(ParseError) as caught:
        parse(content, format=format, limits=Limits())
    assert canary not in "".join(traceback.format_exception(caught.value))
    path = tmp_path / "app"
    path.write_bytes(content)
    for limits in (Limits(), Limits(bytes=10)):
        config = Config(File(path, format=format), limits=limits)
        config.bind(Looks)
        fails(config, canary)


def test_file_that_is_broken_later(canary: str, tmp_path: Path) -> None:
    """A half-written file with a secret in it is told of in status and log, without the secret."""
    path = tmp_path / "app.yaml"
    path.write_text("password: first")
    config = Config(File(path))
    settings = config.bind(Looks)
    with config:
        path.write_text(f"password: {canary}\nb: [{canary}")
        with pytest.raises(ChangeRefused):
            config.reload()
        assert settings.current.password == "first"
        path.write_text(f"password: {canary}\ntoken: {canary}")
        with pytest.raises(ChangeRefused):
            config.reload()
        path.write_text(f"password: {canary}")
        settings.until(lambda looks: looks.password == canary, timeout=20)
        shown = tell(config.status(), config.explain(), settings.explain("password"), config.history)
    assert canary not in shown


# The environment and the bootstrap file


def test_environment(canary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither what a variable holds, nor what a `.env` file or a secrets folder does, is told."""
    (tmp_path / ".env").write_text(f"OWN_TOKENS=[{canary}\nOWN_PASSWORD={canary}\n")
    (tmp_path / "own_token").write_text(canary)

    class Own(Looks):
        model_config = SettingsConfigDict(
            env_prefix="OWN_", env_file=tmp_path / ".env", secrets_dir=tmp_path, extra="ignore"
        )

    config = Config(Memory({}))
    config.bind(Own)
    fails(config, canary)
    env = Env("APP_", environ={"APP_TOKEN": canary, "APP_PASSWORD": canary, "APP_TOKENS": f"[{canary}"})
    config = Config(env)
    config.bind(Looks)
    fails(config, canary)
    assert canary not in tell(env)
    monkeypatch.setenv("OWN_TOKEN", canary)
    config = Config(Memory({}))
    config.bind(Own)
    fails(config, canary)


@pytest.mark.parametrize(
    "source",
    [
        "steps://me:C@host/x",
        "consul://me:C@host/x",
        "consul:x?token=C&tokn=1",
        "consul:x?settle=C",
        "consul:x?layout=C&token=C",
        "consul:x?server=http://me:C@a",
        "consul:x?server=${env:CANARY_URL}",
        "nacos:x?group=${env:CANARY}&settle=C",
        "nacos://me:C@a/x",
        "file:${env:CANARY}?settle=x",
        "${env:CANARY}",
        "{consul: x, token: C, settle: C}",
        "{consul: x, token: [C]}",
        "{consul: [C]}",
    ],
)
def test_bootstrap_file(source: str, canary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a file whose addresses hold passwords and tokens is told without them."""
    monkeypatch.setenv("CANARY", canary)
    monkeypatch.setenv("CANARY_URL", f"http://me:{canary}@a")
    path = tmp_path / "dynconf.yaml"
    path.write_text(f"sources:\n- {source.replace('C', canary) if 'env:' not in source else source}\n")
    with pytest.raises(BootstrapError) as caught:
        Config.from_file(path)
    assert canary not in "".join(traceback.format_exception(caught.value))


# What people have in their hands


def test_text_forms(canary: str) -> None:
    """What travels, and what calls give back, has no content in its text forms."""
    content = f"password: {canary}".encode()
    key = NacosKey("app.yaml")
    things = [
        Update("app.yaml", "1", content),
        Update("app/", "1", Folder({"password": canary.encode()})),
        ConsulEntry("app.yaml", content, 7),
        NacosConfig(key, content, "md5", "yaml", 0.0),
        Memory({"password": canary}),
        Env("APP_", environ={"APP_PASSWORD": canary}),
    ]
    assert canary not in tell(*things)


def test_change_and_view(canary: str) -> None:
    """Nor has a change, whose models may hold plain passwords, nor the view that comes with it."""
    memory = Memory({"password": "first"})
    config = Config(memory)
    settings = config.bind(Looks)

    async def main() -> Change[Looks]:
        async with config:
            changes = settings.changes()
            memory.set({"password": canary})
            return await anext(aiter(changes))

    change = asyncio.run(main())
    assert change.new.password == canary
    assert canary not in tell(change.view)
    assert canary not in tell(change)
