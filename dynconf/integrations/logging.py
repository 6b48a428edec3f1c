"""Levels of Python's logging that are settings: set while the program runs, and given back in the end."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BeforeValidator

from dynconf._dispatch.subscriptions import Subscription
from dynconf._faces.binding import Binding
from dynconf._values.snapshot import Change

__all__ = ["Level", "Levels", "follow_levels"]

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


class Levels:
    """Loggers whose levels are settings; made by `follow_levels`."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._turn = threading.Lock()
        self._subscription: Subscription[Any] | None = None

    def close(self) -> None:
        """Follow no more, and give every logger the level that it had. May be called again."""
        with self._turn:
            if self._subscription is not None:
                self._subscription.close()
                self._subscription = None
            self._set({})

    def _follow(self, subscribe: Callable[[Callable[[Change[Any]], object]], Subscription[Any]]) -> None:
        with self._turn:
            self._subscription = subscribe(self._changed)

    def _changed(self, change: Change[Any]) -> None:
        said = change.new if isinstance(change.new, Mapping) else {"": change.new}
        with self._turn:
            if self._subscription is not None:
                self._set({name or "root": level for name, level in said.items() if level is not None})

    def _set(self, levels: Mapping[str, str | int]) -> None:
        for name in self._before.keys() - levels.keys():
            logging.getLogger(name).setLevel(self._before.pop(name))
        for name, level in levels.items():
            logger = logging.getLogger(name)
            before = self._before.setdefault(name, logger.level)
            try:
                logger.setLevel(level)
            except (TypeError, ValueError):
                logger.setLevel(before)
                _logger.warning("the logger %s keeps its own level: what is set for it is none", name)


def follow_levels(binding: Binding[T], what: str | Callable[[T], object]) -> Levels:
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
        What `close()` ends it with; it goes on without being kept.

    Raises:
        UsageError: the path names no field.
    """
    levels = Levels()
    if isinstance(what, str):
        levels._follow(binding.on_change(what, immediate=True))
    else:
        levels._follow(binding.on_change(select=what, immediate=True))
    return levels
