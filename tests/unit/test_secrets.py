"""What is secret is shown nowhere, however it is declared and whoever quotes it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, NewType, NotRequired, Self, TypeVar
from urllib.parse import quote

import pytest
from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    Json,
    JsonValue,
    PrivateAttr,
    RootModel,
    SecretBytes,
    SecretStr,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import SettingsConfigDict
from typing_extensions import TypeAliasType, TypedDict

from dynconf import Binding, Config, Memory, Settings, Update
from dynconf._models.shape import shape_of
from dynconf._values.secrets import looks_secret, masked, scrubbed, secret_texts, without_passwords
from dynconf.errors import StartFailed

CANARY = "hunter2"


class Model(BaseModel):
    pin: SecretStr


@dataclass
class Data:
    pin: SecretStr


class Typed(TypedDict):
    pin: SecretStr


class Perhaps(TypedDict):
    pin: NotRequired[SecretStr]


class Named(NamedTuple):
    pin: SecretStr


class Node(BaseModel):
    mark: SecretStr = SecretStr("")
    below: "Node | None" = None
    others: list["Node"] = Field(default=[])


class OwnSecret(SecretStr):
    """A secret of one's own kind."""


Pin = NewType("Pin", SecretStr)
T = TypeVar("T")
U = TypeVar("U")
Many = TypeAliasType("Many", list[T], type_params=(T,))
Deep = TypeAliasType("Deep", "dict[str, Deep | SecretStr]")


@dataclass
class Generically(Generic[T]):
    pin: T


@dataclass
class Filled(Generically[SecretStr]):
    other: int = 0


class Pair(TypedDict, Generic[T, U]):
    pin: T
    other: U


class Renamed(TypedDict):
    pin: Annotated[SecretStr, Field(alias="p")]


class Elsewhere(BaseModel):
    pin: SecretStr = Field(validation_alias=AliasPath("codes", -1, "value"))


class Aliased(BaseModel):
    password: str = Field(alias="p")


class Later(BaseModel):
    part: "NotYetKnown"


class NotYetKnown(BaseModel):
    pin: SecretStr


class Short(BaseModel):
    host: str
    pin: SecretStr

    @model_validator(mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        """Take one text for both."""
        return dict(zip(("host", "pin"), value.split("|"), strict=True)) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Model, {"pin": CANARY}),
        (Data, {"pin": CANARY}),
        (Typed, {"pin": CANARY}),
        (Perhaps, {"pin": CANARY}),
        (Named, {"pin": CANARY}),
        (Node, {"below": {"below": {"mark": CANARY}}}),
        (Node, {"others": [{"others": [{"mark": CANARY}]}]}),
        (dict[str, Data], {"a": {"pin": CANARY}}),
        (list[Typed], [{"pin": CANARY}]),
        (RootModel[SecretStr], CANARY),
        (RootModel[list[Model]], [{"pin": CANARY}]),
        (OwnSecret, CANARY),
        (Pin, CANARY),
        (Json[Model], f'{{"pin": "{CANARY}"}}'),
        (Json[Model] | None, f'{{"pin": "{CANARY}"}}'),
        (Named, [CANARY]),
        (Generically[SecretStr], {"pin": CANARY}),
        (Filled, {"pin": CANARY}),
        (Pair[SecretStr, int], {"pin": CANARY, "other": 1}),
        (Many[SecretStr], [CANARY]),
        (Many[Model], [{"pin": CANARY}]),
        (Deep, {"a": {"b": CANARY}}),
        (Iterable[SecretStr], [CANARY]),
        (Renamed, {"p": CANARY}),
        (Elsewhere, {"codes": [{"value": CANARY}]}),
        (Aliased, {"p": CANARY}),
        (Later, {"part": {"pin": CANARY}}),
        (Short, f"host|{CANARY}"),
        (SecretBytes, CANARY),
    ],
)
def test_declared_secrets_are_masked_everywhere(annotation: Any, value: Any) -> None:
    """Whatever holds the secret, no report shows it."""
    settings = type("App", (Settings,), {"__annotations__": {"held": annotation}})
    config = Config(Memory({"held": value}))
    bound: Any = config.bind(settings)
    config.load()
    reports = [one.explain(path) for one in (bound, config) for path in ("", "held")]
    for report in (*reports, config.view()):
        assert CANARY not in str(report)
        assert CANARY not in str(report.to_dict())


def test_what_is_no_secret_is_shown() -> None:
    """Types that hold themselves, and parts beside a secret, are masked no further than they must be."""

    class App(Settings):
        anything: JsonValue
        node: Node

    config = Config(Memory({"anything": {"a": ["text", 1]}, "node": {"others": [{"mark": CANARY}]}}))
    config.bind(App)
    config.load()
    assert config.explain("anything").value == {"a": ["text", 1]}
    assert config.explain("node").value == {"others": [{"mark": "***"}]}


class Creds(BaseModel):
    user: str = ""
    value: str = ""

    @field_validator("value")
    @classmethod
    def check(cls, value: str) -> str:
        """Quote a part of the value."""
        if not value.startswith("v1."):
            raise ValueError(f"unknown version {value.partition('.')[0]}")
        return value


class Nested(Settings):
    credentials: Creds = Creds()


@pytest.mark.parametrize(("cls", "at"), [(Creds, "credentials"), (Nested, "")])
def test_a_class_at_a_secret_path_is_secret(cls: type[BaseModel], at: str) -> None:
    """It makes no difference whether the path is the class's field, or where the class is bound."""
    memory = Memory({"credentials": {"user": "u", "value": f"v1.{CANARY}"}})
    config = Config(memory)
    bound: Any = config.bind(cls, at=at)
    config.load()
    for report in (config.explain(), bound.explain(), config.view()):
        assert CANARY not in str(report)
    refused = Config(Memory({"credentials": {"value": f"{CANARY}.x"}}))
    refused.bind(cls, at=at)
    with pytest.raises(StartFailed, match="value: refused by its validator"):
        refused.load()


class Bearer(BaseModel):
    bearer: SecretStr = SecretStr("")


class Route(Settings):
    route: Bearer = Bearer()


class Plain(BaseModel):
    bearer: str = ""
    port: int = 0

    @field_validator("port")
    @classmethod
    def check(cls, port: int, info: ValidationInfo) -> int:
        """Quote the other field."""
        if port:
            raise ValueError(f"not with {info.data}")
        return port


def test_what_one_class_declares_secret_is_so_for_all() -> None:
    """Another class that reads the same key as a plain text neither shows nor quotes it."""
    config = Config(Memory({"route": {"bearer": CANARY}}))
    config.bind(Route)
    plain = config.bind(Plain, at="route")
    config.load()
    assert plain.current.bearer == CANARY
    for report in (config.explain(), plain.explain("bearer"), config.view()):
        assert CANARY not in str(report)
    refused = Config(Memory({"route": {"bearer": CANARY, "port": 1}}))
    refused.bind(Route)
    refused.bind(Plain, at="route")
    with pytest.raises(StartFailed, match="port: refused by its validator"):
        refused.load()


def test_a_view_shows_fields_alone() -> None:
    """What a model has computed of its fields and kept is not shown; root models are as their content."""

    class App(Settings):
        password: str
        names: RootModel[list[str]]

        @cached_property
        def header(self) -> str:
            """Hold the secret under a harmless name."""
            return self.password

    config = Config(Memory({"password": CANARY, "names": ["a"]}))
    settings = config.bind(App)
    config.load()
    assert settings.current.header == CANARY
    assert config.view().to_dict()["models"] == {"App": {"password": "***", "names": ["a"]}}


def test_what_travels_shows_no_content() -> None:
    """An update's text form, as a source's own log may have it, holds no values."""
    update = Update("app.yaml", "1", f"password: {CANARY}".encode())
    assert CANARY not in repr(update)
    assert "app.yaml" in repr(update)


def test_names_that_look_secret_are_masked_within_any_parts() -> None:
    """A plain text called password is masked in dataclasses and named tuples as in models."""

    @dataclass
    class Login:
        user: str
        password: str

    class Pair(NamedTuple):
        user: str
        token: str

    class Odd:
        def __repr__(self) -> str:
            return CANARY

    shown = masked({"a": Login("me", CANARY), "b": Pair("me", CANARY), "c": Odd()})
    assert shown == {
        "a": {"user": "me", "password": "***"},
        "b": {"user": "me", "token": "***"},
        "c": "<Odd>",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://u:p@h:1/0", "redis://u:***@h:1/0"),
        ("pg://a:p1@h1,b:p2@h2/x", "pg://a:***@h2/x"),
        ("pg://a:S3@CRET/x@h/x", "pg://a:***@h/x"),
        ("http://h:80/x", "http://h:80/x"),
        ("://u:@h", "://u:@h"),
        ("redis://:p@w@h/1 and http://a:b@c", "redis://:***@h/1 and http://a:***@c"),
        ("https://h/?access_token=abc&page=1", "https://h/?access_token=***&page=1"),
        ("jdbc:mysql://h/db?user=u&password=p", "jdbc:mysql://h/db?user=u&password=***"),
        ("host=h password='a b' dbname=x", "host=h password='***' dbname=x"),
        ("AccountName=a;AccountKey=Zm9v==;End=x", "AccountName=a;AccountKey=***;End=x"),
        ("amqp://u:p@h?password=x@y", "amqp://u:***@y"),
        ("page=1, password=", "page=1, password="),
        ("cache:6379,ssl=true,password=x,abort=false", "cache:6379,ssl=true,password=***"),
        ("user=me,password='hun ter2'", "user=me,password='***'"),
        ("host=db password=Xy&hunter2 dbname=a", "host=db password=*** dbname=a"),
        ("DB_PASSWORD=&hunter2", "DB_PASSWORD=***"),
        ("cache:6379,password=;hunter2,ssl=true", "cache:6379,password=***"),
        ("Password=;Timeout=30", "Password=;Timeout=30"),
        ("https://x/?token=a&b=1", "https://x/?token=***&b=1"),
        ("host=db user=u password=x options='-c path=a;b'", "host=db user=u password=***"),
        ("host=db password=p;word", "host=db password=***"),
        ("Login required username=alice password=x;", "Login required username=alice password=***;"),
        ("--flag=x --password=hunter2; echo", "--flag=x --password=***; echo"),
        ("https://x/?a=b&password=hun;ter2", "https://x/?a=b&password=***"),
        ("; of the old app\nuser=me\npassword=x\nn=1", "; of the old app\nuser=me\npassword=***\nn=1"),
        ("password == x", "password == ***"),
        ("Pwd={hun}}ter2};x=1", "Pwd={***};x=1"),
        ("password='a''b' x", "password='***' x"),
        ("host=db password = Xy7,9zQ! dbname=a", "host=db password = *** dbname=a"),
        ("Server=db;Password=correct horse;Database=a", "Server=db;Password=***;Database=a"),
        ("Driver=x;UID=u;PWD={a;b}cd;", "Driver=x;UID=u;PWD={***}cd;"),
        (r"host=db password='it\'s secret' x=1", "host=db password='***' x=1"),
    ],
)
def test_passwords_in_texts(text: str, shown: str) -> None:
    """The password goes, and rather too much than too little."""
    assert without_passwords(text) == shown


@pytest.mark.parametrize(
    "part",
    [
        "://a:",
        "://a",
        "://a:@",
        "=a",
        "='",
        "={",
        "pass= ",
        'password="',
        "password=x;",
        "password=&a",
        "@",
        "-",
    ],
)
def test_searching_for_passwords_takes_time_in_proportion(part: str) -> None:
    """A document of a megabyte that is all beginnings of addresses, or of pairs, holds nobody up.

    What would be quadratic takes many minutes, so that this test's time-out ends it.
    """
    text = part * (1_000_000 // len(part)) + "="
    without_passwords(text)
    assert all(found in text for found in secret_texts(text))


@pytest.mark.parametrize("name", ["dbPwd", "userPass", "DB_PASS", "dbpass", "creds", "pass", "my.pwd"])
@pytest.mark.parametrize("number", ["", "1", "23"])
def test_short_names_of_secrets(name: str, number: str) -> None:
    """Those that are written in a hurry are known, too, also the second of several."""
    assert looks_secret((name + number,))


@pytest.mark.parametrize("name", ["bypass", "compass", "passes", "sacred", "num_passes", "basalt", "passage"])
@pytest.mark.parametrize("number", ["", "1", "23"])
def test_words_that_are_no_secrets(name: str, number: str) -> None:
    """What only begins or ends like a secret's name is shown."""
    assert not looks_secret((name + number,))


class Address(Settings):
    dsn: str

    @model_validator(mode="after")
    def quote(self) -> Self:
        """Quote a part of the address."""
        raise ValueError("cannot use " + self.dsn.rsplit("/", 1)[0])


class Part(Settings):
    url: str

    @field_validator("url")
    @classmethod
    def quote(cls, value: str) -> str:
        """Quote what follows the scheme."""
        raise ValueError("cannot use host " + value.split("//")[1])


class Sibling(Settings):
    password: str
    port: int

    @field_validator("port")
    @classmethod
    def quote(cls, value: int, info: ValidationInfo) -> int:
        """Quote the other fields."""
        raise ValueError(f"not {value} with {info.data}")


@pytest.mark.parametrize(
    ("cls", "tree"),
    [
        (Address, {"dsn": f"pg://u:{CANARY}@h/db"}),
        (Part, {"url": f"pg://u:{CANARY}@h"}),
        (Sibling, {"password": CANARY, "port": 1}),
    ],
)
def test_a_validator_that_quotes_a_secret_is_not_quoted(cls: type[Settings], tree: dict[str, Any]) -> None:
    """Its own message is withheld when it is of a secret, or has one of another field in it."""
    config = Config(Memory(tree))
    config.bind(cls)
    with pytest.raises(StartFailed, match="refused by its validator") as caught:
        config.load()
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("form", [str, repr, json.dumps, quote, lambda text: repr({"a": {"b": repr(text)}})])
@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN KEY-----\nMIIE+x/y\n",
        "a'b\"c\\d",
        "h\u00fcter 2",
        "p@ss:w/rd",
        "!/$",
        "\u043f\u0430\u0440",
    ],
)
def test_a_secret_is_found_in_any_form(secret: str, form: Callable[[str], str]) -> None:
    """Escaped as in `repr`, JSON or a URL it is withheld as well."""

    class App(Settings):
        private_key: str
        version: str

        @field_validator("version")
        @classmethod
        def check(cls, value: str, info: ValidationInfo) -> str:
            """Quote the other field."""
            raise ValueError(f"unknown version {value}, with {form(info.data['private_key'])}")

    config = Config(Memory({"private_key": secret, "version": "9"}))
    config.bind(App)
    with pytest.raises(StartFailed, match="version: refused by its validator"):
        config.load()


@pytest.mark.parametrize("secret", ["", "!!!", "\u043f\u0430\u0440\u043e\u043b\u044c"])
def test_a_secret_of_signs_hides_no_other_message(secret: str) -> None:
    """A secret without any plain letter or digit is not taken for quoted in every message."""

    class App(Settings):
        password: str
        workers: int

        @field_validator("workers")
        @classmethod
        def few(cls, value: int) -> int:
            """Refuse too many."""
            if value > 8:
                raise ValueError("at most 8 workers")
            return value

    config = Config(Memory({"password": secret, "workers": 9}))
    config.bind(App)
    with pytest.raises(StartFailed, match="workers: its validator says: at most 8 workers"):
        config.load()


@pytest.mark.parametrize("kind", ["string_type", "greater_than", "of_my_own"])
def test_an_error_of_any_type_may_quote(kind: str) -> None:
    """A validator may raise a standard error with a text of its own: then that is not trusted."""

    def refuse(value: str) -> str:
        raise PydanticCustomError(kind, "cannot use {it}", {"it": value})

    class App(Settings):
        pin: Annotated[SecretStr, BeforeValidator(refuse)]

    config = Config(Memory({"pin": CANARY}))
    config.bind(App)
    with pytest.raises(StartFailed, match="pin: refused by its") as caught:
        config.load()
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "value", "shown"),
    [
        ("'*' alone is not allowed", ["*"] * 50, "*** alone is not allowed"),
        ("port must be from 1024 to 65535", 0, "port must be from 1024 to 65535"),
        ("not 80 but 8080", {"port": 80}, "not *** but 8080"),
        ("unknown zone-eu-west", "zone-eu", "unknown ***-west"),
    ],
)
def test_a_message_is_scrubbed_once(message: str, value: object, shown: str) -> None:
    """What is replaced is not replaced again, and short values do not garble words and numbers."""
    assert scrubbed(message, value) == shown


def test_a_message_that_is_too_long_is_left_out() -> None:
    """A validator that quotes a large document costs nothing, and fills no log."""
    text = "x" * 100_000
    assert scrubbed(f"cannot take {text}", text) == "*** (a message of 100012 characters)"


class Pins(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, SecretStr]


class HalfKnown(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, SecretStr]
    # Neither pydantic nor this module knows the name.
    _client: "Unknown | None" = PrivateAttr(default=None)  # type: ignore[name-defined]  # noqa: F821


class Open(BaseModel, Generic[T], extra="allow"):
    __pydantic_extra__: dict[str, T]


class OpenAbove(Open[U], Generic[U]):
    n: int = 0


class Above(OpenAbove[SecretStr]):
    m: int = 0


class Two(BaseModel, Generic[T, U], extra="allow"):
    __pydantic_extra__: dict[str, U]


class Swapped(Two[U, T], Generic[T, U]):
    """Its first variable is the other's second."""


class Numbered(BaseModel, Generic[T]):
    number: T | None = None


class Both(Numbered[int], Open[T], Generic[T]):
    """Two others with a variable of the same name."""


class Foreign(Generic[T]):
    """A generic class that is no model."""


class Mixed(BaseModel, Foreign[int], extra="allow"):
    __pydantic_extra__: dict[str, SecretStr]


class ByAlias(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, SecretStr]
    alice: str = Field(default="", alias="Alice")


class ByName(BaseModel, extra="allow", validate_by_alias=False, validate_by_name=True):
    __pydantic_extra__: dict[str, SecretStr]
    name: str = Field(default="", alias="alice")


class Told(OpenAbove[str]):
    m: int = 0


class Extended(TypedDict, extra_items=SecretStr):  # type: ignore[call-arg]  # mypy knows it not yet
    n: NotRequired[int]


@dataclass
class Camel:
    """Its keys are `myPin` and so on, as the class around it generates them."""

    my_pin: SecretStr
    my_host: str = "localhost"


class CamelDict(TypedDict):
    my_pin: SecretStr


@pytest.mark.parametrize(
    "kind",
    [
        Pins,
        HalfKnown,
        Open[SecretStr],
        OpenAbove[SecretStr],
        Above,
        Swapped[SecretStr, int],
        Both[SecretStr],
        Mixed,
        ByAlias,
        ByName,
        Extended,
    ],
)
def test_secrets_among_keys_that_are_no_fields(kind: Any) -> None:
    """What the annotation of such keys declares secret is so wherever it is shown."""
    house = create_model("House", __base__=Settings, pins=(kind, ...))
    shown_nowhere(house, {"pins": {"alice": CANARY}}, "pins.alice")


@pytest.mark.parametrize("kind", [Camel, CamelDict])
def test_secrets_under_generated_keys(kind: Any) -> None:
    """A class that is no model takes the key generator of the class around it."""

    class Generating(Settings):
        model_config = SettingsConfigDict(alias_generator=to_camel)

    house = create_model("House", __base__=Generating, pins=(kind, ...))
    shown_nowhere(house, {"pins": {"myPin": CANARY}}, "pins.myPin")


def shown_nowhere(house: type[Settings], tree: dict[str, Any], path: str) -> None:
    """See that no report shows the canary, which is a secret of the model."""
    config = Config(Memory(tree))
    bound = config.bind(house)
    config.load()
    reports = (bound.explain(path), bound.explain("pins"), config.explain("pins"), config.explain(path))
    for shown in (*reports, config.view()):
        assert CANARY not in str(shown)
        assert CANARY not in str(shown.to_dict())
    assert "SecretStr" in repr(bound.current)


def test_not_everything_that_is_no_field_is_secret() -> None:
    """What is said to be plain is shown; so are the named parts beside a secret."""

    class House(Settings):
        pins: Told
        renamed: Camel
        known: ByAlias

    renamed = {"my_pin": "x", "my_host": "there"}
    config = Config(Memory({"pins": {"alice": "in"}, "renamed": renamed, "known": {"Alice": "in"}}))
    config.bind(House)
    config.load()
    assert config.explain("known").value == {"Alice": "in"}
    assert config.explain("pins.alice").value == "in"
    assert config.explain("renamed").value == {"my_pin": "***", "my_host": "there"}


def test_a_class_of_a_module_that_nobody_knows(tmp_path: Path) -> None:
    """A plug-in that was loaded by hand is bound like any class, and shows as much."""
    file = tmp_path / "plugged_in.py"
    file.write_text(
        "from typing_extensions import TypeAliasType\n"
        "from pydantic import BaseModel, SecretStr\n"
        "Hosts = TypeAliasType('Hosts', list[str])\n"
        "class House(BaseModel, extra='allow'):\n"
        "    __pydantic_extra__: dict[str, SecretStr]\n"
        "    hosts: Hosts = []\n"
    )
    spec = spec_from_file_location("plugged_in", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    config = Config(Memory({"hosts": ["a"], "alice": CANARY}))
    house: Binding[Any] = config.bind(module.House)
    config.load()
    assert house.current.hosts == ["a"]
    assert house.explain("hosts").value == ["a"]
    assert config.explain("alice").value == "***"


class Lazy:
    """Stands for what Python 3.12's `type` statement makes: it computes its value when that is asked for."""

    @property
    def __value__(self) -> Any:
        raise NameError("name 'Unknown' is not defined")


def test_an_alias_of_what_nobody_knows() -> None:
    """What it stands for cannot be told, so all of it is secret; that it is wrong is for pydantic to say."""
    assert shape_of(Lazy()).secret
    assert shape_of(dict[str, Lazy()]).items().secret  # type: ignore[misc]
