"""Levels of logging that are settings: set, changed, and given back where none is set any more."""

import logging
from collections.abc import Iterator

import pytest
from pydantic import Field

from dynconf import Config, Memory, Settings
from dynconf.errors import StartFailed, UsageError
from dynconf.integrations.logging import Level, follow_levels
from tests.servers.process import until

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


class App(Settings):
    log_level: Level | None = "INFO"
    log_levels: dict[str, Level | None] = Field(default_factory=dict)
    plain: str = "INFO"


@pytest.fixture(autouse=True)
def loggers() -> Iterator[list[logging.Logger]]:
    """The root and two more, which have the levels that they had afterwards."""
    loggers = [logging.getLogger(), logging.getLogger("shop.db"), logging.getLogger("shop.web")]
    before = [logger.level for logger in loggers]
    for logger, level in zip(loggers, (WARNING, ERROR, logging.NOTSET), strict=True):
        logger.setLevel(level)
    yield loggers
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def wait_for(loggers: list[logging.Logger], *levels: int) -> None:
    """Wait until they have these levels."""
    until(lambda: [logger.level for logger in loggers] == list(levels), f"levels {levels}")


def test_root_and_others(loggers: list[logging.Logger]) -> None:
    """They follow the settings; one that is not mentioned any more has its own level again."""
    document = Memory({"log_level": "debug", "log_levels": {"shop.db": 10, "shop.web": None}})
    config = Config(document)
    settings = config.bind(App)
    follow_levels(settings, lambda app: {"root": app.log_level, **app.log_levels})
    with config:
        wait_for(loggers, DEBUG, DEBUG, logging.NOTSET)
        document.set({"log_levels": {"shop.web": "Error"}})
        wait_for(loggers, INFO, ERROR, ERROR)
        document.set({"log_level": None, "log_levels": {"shop.web": "Error"}})
        wait_for(loggers, WARNING, ERROR, ERROR)


@pytest.mark.parametrize(
    "what", ["log_level", lambda app: app.log_level, lambda app: {"root": app.log_level}]
)
def test_one_level(loggers: list[logging.Logger], what: str) -> None:
    """A level alone is the root logger's."""
    config = Config(Memory({"log_level": "ERROR"}))
    follow_levels(config.bind(App), what)
    with config:
        wait_for(loggers, ERROR, ERROR, logging.NOTSET)


def test_while_it_runs(loggers: list[logging.Logger]) -> None:
    """What holds is set at once if the settings are there already."""
    config = Config(Memory({"log_levels": {"shop.web": "DEBUG"}}))
    settings = config.bind(App)
    with config:
        follow_levels(settings, "log_levels")
        wait_for(loggers, WARNING, ERROR, DEBUG)


@pytest.mark.parametrize(("given", "name"), [("warn", "WARN"), (40, "ERROR"), (" 10 ", "DEBUG")])
def test_names(given: str | int, name: str) -> None:
    """A level may be written in any way that logging has."""
    config = Config(Memory({"log_level": given}))
    settings = config.bind(App)
    config.load()
    assert settings.current.log_level == name


@pytest.mark.parametrize("given", ["loud", 17, True, []])
def test_no_level(given: object) -> None:
    """What is none is refused with the settings, and the error says what there is."""
    config = Config(Memory({"log_level": given}))
    config.bind(App)
    with pytest.raises(StartFailed, match=r"log_level: .*CRITICAL, .*DEBUG"):
        config.load()


def test_a_field_that_is_not_checked(loggers: list[logging.Logger], caplog: pytest.LogCaptureFixture) -> None:
    """If its type allows what is no level, the logger keeps its own, which is logged without the value."""
    config = Config(Memory({"plain": "hunter2"}))
    follow_levels(config.bind(App), lambda app: {"shop.db": app.plain, "shop.web": "DEBUG"})
    with config:
        wait_for(loggers, WARNING, ERROR, DEBUG)
    assert "the logger shop.db keeps its own level" in caplog.text
    assert "hunter2" not in caplog.text


def test_no_such_field() -> None:
    """A path that names no field is an error where it is written."""
    with pytest.raises(UsageError, match="no field 'level'"):
        follow_levels(Config(Memory({})).bind(App), "level")
