"""Mappings whose keys are no plain texts: paths to their items, overrides, and what is shown of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter, create_model

from dynconf import Config, Memory, Settings
from dynconf._values.key_text import key_text
from dynconf._values.secrets import masked, secret_texts
from tests.unit.core_props import Told


class Colour(Enum):
    RED = "red"


class MixedIn(str, Enum):  # noqa: UP042 - its text is another than a StrEnum's
    RED = "red"


class TextEnum(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Kind(Enum):
    DB = "db_password"


KEYS = [
    (Colour.RED, "red"),
    (MixedIn.RED, "red"),
    (TextEnum.RED, "red"),
    (Number.ONE, "1"),
    (True, "true"),
    (80, "80"),
    (0.5, "0.5"),
    (Decimal("0.10"), "0.10"),
    (date(2024, 1, 1), "2024-01-01"),
    (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00Z"),
    (timedelta(hours=1), "PT1H"),
    (IPv4Address("127.0.0.1"), "127.0.0.1"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
]


@pytest.mark.parametrize(("key", "text"), KEYS, ids=[repr(key) for key, _ in KEYS])
def test_an_item_is_reached_by_the_key_as_it_is_written(key: Any, text: str) -> None:
    """Subscribers are told with that path; it is explained, shown and overridden by the same key."""
    annotation: Any = dict[type(key), str]  # type: ignore[misc]
    cls = create_model("Keyed", __base__=Settings, items=(annotation, {}))
    memory = Memory({"items": {text: "a"}})
    config = Config(memory)
    keyed: Any = config.bind(cls)
    path = f'items."{text}"' if "." in text else f"items.{text}"
    told = Told()
    keyed.on_change(path)(told)
    with config:
        memory.set({"items": {text: "b"}})
        [change] = told.wait()
        assert (change.old, change.new, change.paths) == ("a", "b", {path})
        assert keyed.explain(path).value == "b"
        assert config.view().to_dict()["models"] == {"Keyed": {"items": {text: "b"}}}
        with keyed.override(items={key: "c"}):
            assert keyed.current.items == {key: "c"}
            assert keyed.explain(path).value == "c"


class Host(BaseModel):
    host: str


class Hosts(Settings):
    hosts: dict[Colour, Host]


def test_a_resource_of_an_item() -> None:
    """It is built of what stands under the key, and anew when that changes."""
    memory = Memory({"hosts": {"red": {"host": "one"}}})
    config = Config(memory)
    hosts = config.bind(Hosts)
    resource = hosts.resource("hosts.red", create=lambda host: [host.host])
    with config:
        assert resource.current == ["one"]
        memory.set({"hosts": {"red": {"host": "two"}}})
        hosts.until(lambda now: now.hosts[Colour.RED].host == "two", 20)
        assert resource.current == ["two"]


def test_a_key_that_names_a_secret() -> None:
    """What it leads to is not shown, as under a text, and not quoted either."""
    accounts = {Kind.DB: "hunter2"}
    assert masked(accounts) == {"db_password": "***"}
    assert list(secret_texts(accounts)) == ["hunter2"]


class Broken:
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("key", "text"), [(b"\xff", r"b'\xff'"), (frozenset({1}), "frozenset({1})"), (Broken(), "Broken")]
)
def test_a_key_that_no_document_can_hold(key: Any, text: str) -> None:
    """It is named as it says itself, or by its type."""
    assert key_text(key) == text


def test_what_an_override_writes_is_what_pydantic_reads() -> None:
    """Each key's text leads back to the key."""
    for key, _ in KEYS:
        assert TypeAdapter(type(key)).validate_python(key_text(key)) == key
