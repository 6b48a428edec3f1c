"""Nothing that a document holds begins a line of a log, a status or an error, or reaches a terminal raw."""

import asyncio
import logging
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from dynconf import Change, Config, Memory, Settings, Source, Update, Veto
from dynconf._origin import on_one_line
from dynconf.errors import ChangeRefused, ResourceUnavailable, SourceUnavailable, StartFailed
from dynconf.integrations.logging import follow_levels
from tests.unit.core_props import Told
from tests.unit.host_props import LOOK, Signal

ENDS = "\n\r\t\v\f\0\x1b\x7f\x85\x9b\u2028\u2029\u202e"
FORGED = f"x{ENDS}FORGED"


def assert_harmless(text: str) -> None:
    """Our own lists may have lines; what is forged is in the middle of one of them, as escapes."""
    assert "FORGED" in text
    for line in text.split("\n"):
        assert line.isprintable(), repr(line)
        assert not line.strip().startswith("FORGED")


class Words(Settings):
    word: str = ""

    @field_validator("word")
    @classmethod
    def check(cls, word: str) -> str:
        """Refuse a word, and quote half of it."""
        if word.startswith("invalid"):
            raise ValueError(f"it is like {word[1:]}")
        return word


def refuse(change: Change[Any]) -> None:
    """Refuse a change, and quote it."""
    if change.new.get("word", "").startswith("veto"):
        raise Veto(f"no {change.new.get('word')}")


def build(word: str) -> str:
    """Build nothing of a word, and say which."""
    if word.startswith("broken"):
        raise ConnectionError(f"nobody answers at {word}")
    return word


@pytest.mark.parametrize("kind", ["invalid", "veto", "broken"])
def test_a_reason_that_quotes(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever refuses a change may quote the document: in logs, errors and the status it is escaped."""
    caplog.set_level(logging.DEBUG, "dynconf")
    memory = Memory({"word": "good"})
    config = Config(memory)
    words, told = config.bind(Words), Told()
    words.resource("word", create=build)
    config.before_change(refuse)
    config.on_error(told)
    with config:
        memory.set({"word": f"{kind} {FORGED}"})
        [error] = told.wait()
        assert_harmless(str(error))
        assert isinstance(error, ChangeRefused)
        assert_harmless(error.problems[0].expected)
        assert_harmless(str(config.status()))
        with pytest.raises(ChangeRefused) as caught:
            config.reload()
        assert_harmless(str(caught.value))
    assert_harmless(caplog.text)
    with pytest.raises(StartFailed) as failed:
        config.start()
    assert_harmless(str(failed.value))


def test_a_resource_that_is_not_there() -> None:
    """Who uses it is told why, without what would forge lines; so is the status."""
    config = Config(Memory({"word": f"broken {FORGED}"}))
    resource = config.bind(Words).resource("word", create=build, on_failure="keep")
    with config:
        with pytest.raises(ResourceUnavailable) as caught:
            _ = resource.current
        assert_harmless(str(caught.value))
        assert_harmless(str(config.status()))


class Foreign(Source):
    """A source whose documents anybody may name."""

    name = "foreign"
    members = True

    async def run(self, feed: Any) -> None:
        """Report a document, and that is all."""
        feed.update(Update(f"good {FORGED}", "1", {"word": "a"}))
        feed.loaded()
        await asyncio.Event().wait()


class Unreadable(Foreign):
    """One whose document cannot be read."""

    async def run(self, feed: Any) -> None:
        """Report it."""
        feed.update(Update(f"bad {FORGED}", "1", b"{", "json"))
        feed.loaded()
        await asyncio.Event().wait()


class Failing(Foreign):
    """One whose server says why it does not answer."""

    async def run(self, feed: Any) -> None:
        """Say so."""
        raise SourceUnavailable(f"it says {FORGED}")


@pytest.mark.parametrize("kind", [Unreadable, Failing])
def test_what_fails(kind: type[Foreign], caplog: pytest.LogCaptureFixture) -> None:
    """The names of documents, and the reasons that sources give, are told as escapes."""
    caplog.set_level(logging.DEBUG, "dynconf")
    config = Config(kind(), start_timeout=0.1)
    config.bind(Words)
    with pytest.raises(StartFailed) as failed:
        config.start()
    assert_harmless(str(failed.value))
    assert_harmless(str(config.status()))
    assert_harmless(caplog.text)


def test_what_came_of_documents(caplog: pytest.LogCaptureFixture) -> None:
    """Versions, and where a value stands, name documents as escapes."""
    caplog.set_level(logging.DEBUG, "dynconf")
    config = Config(Foreign())
    words = config.bind(Words)
    with config:
        assert_harmless(str(config.history))
        assert_harmless(str(words.explain("word")))
        assert_harmless(str(config.status()))
    assert_harmless(caplog.text)


class Levels(BaseModel):
    loggers: dict[str, Any] = {}


def test_a_logger_with_a_name_of_a_document() -> None:
    """Its name is told as escapes."""
    config = Config(Memory({"loggers": {FORGED: "none such"}}))
    levels = config.bind(Levels)
    signal = Signal()
    logger = logging.getLogger("dynconf.logging")
    logger.addHandler(signal)
    with config, follow_levels(levels, "loggers"):
        assert signal.logged.wait(LOOK)
    logger.removeHandler(signal)
    [warning] = signal.messages
    assert_harmless(warning)
    assert "\n" not in warning


def test_as_repr_does() -> None:
    """What is escaped is what `repr` escapes; all else stays, quotes and other scripts included."""
    for number in range(0x3000):
        escaped = on_one_line(f"é{chr(number)}")
        assert escaped in (f"é{chr(number)}", "é" + repr(chr(number))[1:-1])
        assert escaped.isprintable()
    assert on_one_line('l\'été \\ "日本"') == 'l\'été \\ "日本"'
