"""What must not be shown: names that look like secrets, and values in a message or a listing."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr
from pydantic_core import Url

from dynconf._values.tree import Path

MASK = "***"
_SHORT = 4

_LOOKS_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|(^|[_\-.])(pass|pwd)([_\-.]|$)|secret|token|credential"
    r"|(api|access|private|signing|encryption|account|shared)[_\-]?key|(^|[_\-])salt$|authorization|cookie",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*):\S+@")


def looks_secret(path: Path) -> bool:
    """Whether a key on the path has a name as secrets have: password, token, api_key and the like."""
    return any(isinstance(step, str) and _LOOKS_SECRET.search(step) for step in path)


def masked(value: Any, path: Path, secret: Callable[[Path], bool] = looks_secret) -> Any:
    """A plain copy of a tree or model value, fit to be shown and sent, with secrets replaced by `***`.

    Passwords within addresses (`redis://user:password@host`) are replaced as well.
    """
    if isinstance(value, (SecretStr, SecretBytes, Secret)):
        return MASK
    parts = members(value)
    if parts is not None:
        return {str(key): masked(item, (*path, str(key)), secret) for key, item in parts.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(item, (*path, index), secret) for index, item in enumerate(value)]
    if value is not None and (secret(path) or looks_secret(path)):
        return MASK
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_passwords(str(value)) if isinstance(value, _TOLD) else f"<{type(value).__name__}>"


_TOLD = (str, date, time, timedelta, Decimal, UUID, PurePath, Enum, IPv4Address, IPv6Address, AnyUrl, Url)
"""Types whose text is the value and no more; another's may show what its fields hide."""


def members(value: Any) -> Mapping[Any, Any] | None:
    """The named parts of a mapping, a model, a dataclass or a named tuple; `None` for anything else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return {**value.__dict__, **(value.__pydantic_extra__ or {})}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[str, Any] = value._asdict()
        return named
    return None


def without_passwords(text: str) -> str:
    """A text with the passwords of addresses within it replaced."""
    return _IN_ADDRESS.sub(rf"\1:{MASK}@", text)


def secret_texts(value: Any, path: Path, secret: Callable[[Path], bool]) -> Iterator[str]:
    """Every text within a tree or model value that must not be shown."""
    parts = members(value)
    if parts is not None:
        for key, item in parts.items():
            yield from secret_texts(item, (*path, str(key)), secret)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            yield from secret_texts(item, (*path, index), secret)
    elif isinstance(value, (SecretStr, SecretBytes, Secret)):
        yield str(value.get_secret_value())
    elif value is not None and (secret(path) or looks_secret(path)):
        yield str(value)
    elif isinstance(value, str) and (found := _IN_ADDRESS.search(value)):
        yield found[0].rpartition("@")[0].partition("://")[2].partition(":")[2]


def scrubbed(message: str, value: Any) -> str:
    """A validator's own message with every part of its input replaced by `***`.

    Short texts are replaced as words only: a port of 0 is not every nought of the message.
    """
    found = {text for text in _texts(value) if text and text in message}
    if found:
        # One pass, the longest first: what is put in is never looked at again.
        one = "|".join(map(_pattern, sorted(found, key=len, reverse=True)))
        message = re.sub(one, MASK, message)
    return without_passwords(message)


def _texts(value: Any) -> Iterator[str]:
    parts = members(value)
    if parts is not None or isinstance(value, (list, tuple, set, frozenset)):
        for item in value if parts is None else parts.values():
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
        yield repr(value)


def _pattern(text: str) -> str:
    if len(text) > _SHORT:
        return re.escape(text)
    before = r"(?<!\w)" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    return before + re.escape(text) + after
