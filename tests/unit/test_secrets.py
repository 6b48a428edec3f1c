"""What is secret is shown nowhere, however it is declared and whoever quotes it."""

from dataclasses import dataclass
from typing import Any, NamedTuple, NewType, NotRequired, Self

import pytest
from pydantic import BaseModel, Field, Json, RootModel, SecretStr, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo
from typing_extensions import TypedDict

from dynconf import Config, Memory, Settings
from dynconf._values.secrets import masked, scrubbed, without_passwords
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

    shown = masked({"a": Login("me", CANARY), "b": Pair("me", CANARY), "c": Odd()}, ())
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
    ],
)
def test_passwords_in_addresses(text: str, shown: str) -> None:
    """The password goes, and rather too much than too little."""
    assert without_passwords(text) == shown


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
