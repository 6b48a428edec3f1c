"""The environment as a source."""

import asyncio
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, Field

from dynconf import Config, Memory, Settings
from dynconf._values.snapshot import Names
from dynconf.errors import UsageError
from dynconf.sources.env import Env
from tests.unit.sources.recording import RecordingFeed


def report(source: Env) -> RecordingFeed:
    """What one run of the source reports; it must come to an end although it is to watch."""
    feed = RecordingFeed()
    asyncio.run(source.run(feed))
    return feed


def values(source: Env) -> dict[str, str]:
    """The variables that it reports."""
    content = report(source).content("environment")
    assert isinstance(content, Names)
    return dict(content.values)


def test_reports_once_and_ends() -> None:
    """All of it is one document, and then there is nothing to follow."""
    feed = report(Env("APP_", delimiter="__", environ={"APP_REDIS__HOST": "a"}))
    assert [update.document for update in feed.updates] == ["environment"]
    assert feed.content() == Names({"APP_REDIS__HOST": "a"}, "APP_", "__")
    assert feed.is_loaded


@pytest.mark.parametrize("prefix", ["APP_", "app_", "aPP_"])
def test_prefix_ignores_case(prefix: str) -> None:
    """Names are chosen as pydantic-settings does it, and reported as they are."""
    environ = {"APP_A": "1", "app_b": "2", "APPLE": "3", "OTHER_APP_C": "4"}
    assert values(Env(prefix, environ=environ)) == {"APP_A": "1", "app_b": "2"}


def test_bare_prefix_is_no_variable() -> None:
    """A variable named like the prefix names no field; without a prefix all variables count."""
    assert values(Env("APP_", environ={"APP_": "x", "APP_A": "1"})) == {"APP_A": "1"}
    assert values(Env(environ={"A": "1", "": "x"})) == {"A": "1"}


def test_reads_the_process_environment_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read when the source is declared, and `reload()` sees what the process altered."""
    source = Env("DYNCONF_TEST_")
    monkeypatch.setenv("DYNCONF_TEST_A", "1")
    assert values(source) == {"DYNCONF_TEST_A": "1"}
    monkeypatch.setenv("DYNCONF_TEST_A", "2")
    assert values(source) == {"DYNCONF_TEST_A": "2"}


def test_revision_tells_contents_apart() -> None:
    """The same variables in any order have one revision, other ones another, and it shows no value."""

    def revision(environ: dict[str, str]) -> str:
        return report(Env(environ=environ)).updates[0].revision

    first = revision({"A": "hunter2", "B": "2"})
    assert revision({"B": "2", "A": "hunter2"}) == first
    assert revision({"A": "hunter2", "B": "3"}) != first
    assert revision({"A": "hunter2B", "": "2"}) != first
    assert revision({"A": "\udcff"}) != first
    assert len(first) == 12
    assert "hunter2" not in first


@pytest.mark.parametrize(("prefix", "name"), [("APP_", "env:APP_"), ("", "env")])
def test_name(prefix: str, name: str) -> None:
    """The source is named by its prefix, and an environment without such variables is no fault."""
    source = Env(prefix)
    assert (source.name, source.settle) == (name, 0)
    assert source.allow_empty


def test_an_empty_delimiter_is_refused() -> None:
    """It separates nothing."""
    with pytest.raises(UsageError, match="the delimiter separates the steps"):
        Env("APP_", delimiter="")


class Moved(Settings):
    host: str = Field("moved", validation_alias=AliasChoices(AliasPath("net", "host"), "host"))


class Plain(Settings):
    host: str = "plain"


@pytest.mark.parametrize("order", [(Moved, Plain), (Plain, Moved)])
@pytest.mark.parametrize("document", [{"host": "file"}, {"net": {"host": "file"}, "host": "file"}])
def test_classes_that_look_elsewhere(order: tuple[type[Settings], ...], document: dict[str, Any]) -> None:
    """A variable holds for each class that knows it, whichever was bound first."""
    config = Config(Memory(document), Env("APP_", environ={"APP_HOST": "env"}))
    bound = [config.bind(one) for one in order]
    config.load()
    assert [one.current.model_dump() for one in bound] == [{"host": "env"}] * 2


class Listed(Settings):
    tags: list[str] = Field(default_factory=list)


class Loose(Settings):
    tags: Any = None


class Servers(Settings):
    tags: dict[str, Plain] = Field(default_factory=dict)


class Tables(Settings):
    tags: dict[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("first", "second", "environ", "value"),
    [
        (Listed, Loose, {"APP_TAGS": '["a"]'}, ["a"]),
        (Servers, Loose, {"APP_TAGS__A": '{"host": "env"}'}, {"a": {"host": "env"}}),
        (Servers, Tables, {"APP_TAGS__A": '{"host": "env"}'}, {"a": {"host": "env"}}),
        (Servers, Tables, {"APP_TAGS__A__HOST": "env"}, {"a": {"host": "env"}}),
    ],
)
def test_the_first_class_says_how_a_text_is_read(
    first: type[Settings], second: type[Settings], environ: dict[str, str], value: Any
) -> None:
    """Where two look at the same place, but take its text otherwise, or know less of the way there."""
    config = Config(Env("APP_", environ=environ))
    bound = [config.bind(first)]
    config.load()
    bound.append(config.bind(second))
    assert [one.current.model_dump() for one in bound] == [{"tags": value}] * 2
