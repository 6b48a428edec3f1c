"""How a key of a mapping is written in a document, of whatever type a model has it."""

from typing import Any

from pydantic_core import to_jsonable_python


def key_text(key: Any) -> str:
    """A key's text: of an enum its value's, of a boolean `true`, of a date the one that ISO 8601 says.

    It is what pydantic writes in JSON, so it reads it, too. A key that has no text is named by its type.
    """
    if type(key) is str or type(key) is int:
        return str(key)
    try:
        return str(next(iter(to_jsonable_python({key: None}))))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever the user's class does
        return _as_it_says(key)


def _as_it_says(key: Any) -> str:
    try:
        return str(key)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return type(key).__name__
