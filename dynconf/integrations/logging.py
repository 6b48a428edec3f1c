"""Levels of Python's logging that are settings, and change while the program runs."""

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BeforeValidator

from dynconf._dispatch.subscriptions import Subscription
from dynconf._faces.binding import Binding
from dynconf._origin import on_one_line
from dynconf._values.snapshot import Change

__all__ = ["Level", "follow_levels"]

T = TypeVar("T")

_logger = logging.getLogger("dynconf.logging")


def _level_name(value: object) -> str:
    """The name by which logging knows a level, given by its name in any case or by its number."""
    names = logging.getLevelNamesMapping()
    text = str(value).strip()
    for name in (text, text.upper()):
        if name in names:
            return name
    if text.isdecimal() and int(text) in names.values():
        return logging.getLevelName(int(text))
    raise ValueError(f"no level of logging; those are {', '.join(names)}")


Level: TypeAlias = Annotated[str, BeforeValidator(_level_name)]
"""The type of a field that holds a level: `"info"`, `"INFO"` and `20` are all `"INFO"`."""


def follow_levels(binding: Binding[T], what: str | Callable[[T], object]) -> Subscription[Any]:
    """Have loggers' levels be what the settings say, from the start on and whenever that changes.

        class AppSettings(Settings):
            log_level: Level = "INFO"
            log_levels: dict[str, Level] = {}

        settings = config.bind(AppSettings)
        follow_levels(settings, lambda s: {"root": s.log_level, **s.log_levels})

    A logger that is not mentioned any more gets the level back that it had before. They are set on a
    callback thread, soon after the settings are published.

    Args:
        binding: whose settings.
        what: a path of field names, or a selector. What it picks is a level, for the root logger; or a
            mapping of loggers' names to levels, in which `None` is as good as no entry.

    Returns:
        The subscription; it goes on without being kept. When it is closed, the levels stay as they are.

    Raises:
        UsageError: the path names no field.
    """
    before: dict[str, int] = {}

    def levels_changed(change: Change[Any]) -> None:
        said = change.new if isinstance(change.new, Mapping) else {"root": change.new}
        levels = {name: level for name, level in said.items() if level is not None}
        for name in before.keys() - levels.keys():
            logging.getLogger(name).setLevel(before[name])
            del before[name]  # not earlier: a child that is forked here is told once more
        for name, level in levels.items():
            _set(logging.getLogger(name), level, before.setdefault(name, logging.getLogger(name).level))

    if isinstance(what, str):
        return binding.on_change(what, immediate=True)(levels_changed)
    return binding.on_change(select=what, immediate=True)(levels_changed)


def _set(logger: logging.Logger, level: Any, before: int) -> None:
    try:
        logger.setLevel(level)
    except (TypeError, ValueError):
        logger.setLevel(before)
        _logger.warning(
            "the logger %s keeps its own level: what is set for it is none", on_one_line(logger.name)
        )
