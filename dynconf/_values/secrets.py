"""What must not be shown: names that look like secrets, and values in a message or a listing."""

import json
import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID

from pydantic import AnyUrl, BaseModel, RootModel, Secret, SecretBytes, SecretStr
from pydantic_core import Url

from dynconf._values.key_text import key_text
from dynconf._values.tree import Path

MASK = "***"
_SHORT = 4
_LONGEST = 4096

_LOOKS_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|credential|authorization|cookie"
    r"|(db_?pass|(^|[_\-.])(pass|creds)|(?-i:[a-z]Pass)|pwd)\d*([_\-.]|$)|(^|[_\-])salt\d*$"
    r"|(api|access|private|signing|encryption|account|shared|master|hmac)[_\-]?key",
    re.IGNORECASE,
)
_WORD = re.compile(r"\S+")
_USER = re.compile(r"://[^/\s:@]*:")
_LONGEST_NAME = 64
_NAME_CHARACTERS = string.ascii_letters + string.digits + "_.-"
_QUOTED = r"""[=\s]*(?:'((?:[^'\\]|\\.|'')+)'|"((?:[^"\\]|\\.|"")+)"|\{((?:[^}]|\}\}){1,256})\}"""
# A value may hold what separates pairs, where no pair comes after it.
_VALUE = re.compile(_QUOTED + r"|((?:[^&\s]|&(?![\w.\-]{1,64}=))+))", re.DOTALL)
# Among pairs with semicolons it may also hold blanks.
_SEMICOLON = r";(?!\s*[\w.\- ]{1,64}=|\s|$)"
_VALUE_IN_LIST = re.compile(_QUOTED + rf"|((?:[^;\s]|{_SEMICOLON})(?:[^;\n]|{_SEMICOLON})*))", re.DOTALL)


def looks_secret(path: Path) -> bool:
    """Whether a key on the path has a name as secrets have: password, token, api_key and the like."""
    return any(isinstance(step, str) and _LOOKS_SECRET.search(step) for step in path)


class Place:
    """A place in a tree or model, of which the names on the way to it tell whether it is secret."""

    __slots__ = ("secret",)

    def __init__(self, *, secret: bool = False) -> None:
        self.secret = secret

    @property
    def hidden(self) -> bool:
        """Whether a text that stands here must not be shown."""
        return self.secret

    def child(self, step: str | int) -> "Place":
        """Where a step leads; all that is below a secret is one."""
        return SECRET if self.secret or looks_secret((step,)) else self

    def at(self, path: Path) -> "Place":
        """Where several steps lead."""
        return self.child(path[0]).at(path[1:]) if path else self


OPEN: Final = Place()
SECRET: Final = Place(secret=True)


def masked(value: Any, place: Place = OPEN) -> Any:
    """A plain copy of a tree or model value, fit to be shown and sent, with secrets replaced by `***`.

    Passwords within texts (`redis://user:password@host`, `host=db password=...`) are replaced as well.
    """
    value = unwrapped(value)
    if isinstance(value, _SECRETS):
        return MASK
    parts = members(value)
    if isinstance(parts, Mapping):
        named = [(key_text(key), item) for key, item in parts.items()]
        return {name: masked(item, place.child(name)) for name, item in named}
    if parts is not None:
        return [masked(item, place.child(index)) for index, item in enumerate(parts)]
    if value is not None and place.hidden:
        return MASK
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_passwords(str(value)) if isinstance(value, _TOLD) else f"<{type(value).__name__}>"


_SECRETS = (SecretStr, SecretBytes, Secret)
_TOLD = (str, date, time, timedelta, Decimal, UUID, PurePath, Enum, IPv4Address, IPv6Address, AnyUrl, Url)
"""Types whose text is the value and no more; another's may show what its fields hide."""


def unwrapped(value: Any) -> Any:
    """A value without root models around it."""
    return unwrapped(value.root) if isinstance(value, RootModel) else value


def members(value: Any) -> Mapping[Any, Any] | Collection[Any] | None:
    """What a mapping, a model, a dataclass, a named tuple, a list and the like hold; else `None`."""
    if isinstance(value, BaseModel):
        return {**fields_held(value), **(value.__pydantic_extra__ or {})}
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[str, Any] = value._asdict()
        return named
    return value if isinstance(value, (Mapping, list, tuple, set, frozenset)) else None


def fields_held(model: BaseModel) -> dict[str, Any]:
    """A model's fields; its `__dict__` also holds what a cached property has computed."""
    held, known = model.__dict__, type(model).model_fields
    return held if len(held) == len(known) else {name: held[name] for name in known if name in held}


def without_passwords(text: str) -> str:
    """A text with the passwords of addresses within it replaced, and what names as secrets have are given."""
    shown, end = [], 0
    for start, stop in _passwords(text):
        shown += [text[end:start], MASK]
        end = stop
    return "".join([*shown, text[end:]])


def _passwords(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text passwords stand: `://user:password@host`, `?password=...`, `password=...;`.

    Documents are anybody's, so the time that it takes is in proportion to the text's length.
    """
    found = [*_in_addresses(text), *_in_pairs(text)]
    end = 0
    for start, stop in sorted(found):
        if start >= end:  # not within the one before
            yield start, stop
            end = stop


def _in_addresses(text: str) -> Iterator[tuple[int, int]]:
    if "://" in text and "@" in text:
        for word in _WORD.finditer(text):
            user = _USER.search(text, word.start(), at := text.rfind("@", word.start(), word.end()))
            if user and user.end() < at:
                yield user.end(), at


def _in_pairs(text: str) -> Iterator[tuple[int, int]]:
    pattern = _VALUE_IN_LIST if ";" in text else _VALUE
    at = text.find("=")
    while at >= 0:
        before = text[max(0, at - _LONGEST_NAME) : at].rstrip()
        name = before[len(before.rstrip(_NAME_CHARACTERS)) :]
        at += 1
        # Only what is secret is passed over: another's value may well hold the next pair.
        if name and looks_secret((name,)) and (value := pattern.match(text, at)):
            yield value.span(value.lastindex or 0)
            at = value.end()
        at = text.find("=", at)


def secret_texts(value: Any, place: Place = OPEN) -> Iterator[str]:
    """Every text within a tree or model value that must not be shown."""
    value = unwrapped(value)
    if isinstance(value, _SECRETS):
        value, place = value.get_secret_value(), SECRET
    parts = members(value)
    if isinstance(parts, Mapping):
        for key, item in parts.items():
            yield from secret_texts(item, place.child(key_text(key)))
    elif parts is not None:
        for index, item in enumerate(parts):
            yield from secret_texts(item, place.child(index))
    elif value is not None and place.hidden:
        yield value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    elif isinstance(value, str):
        for start, stop in _passwords(value):
            yield from (value[start:stop], unquote(value[start:stop]))


class Quotes:
    """Tells whether a message quotes one of some texts, as it is or as `repr`, JSON or a URL write it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._quoted = [pieces for text in {*texts} if text for pieces in _pieces(text)]

    def __call__(self, message: str) -> bool:
        return any(all(piece in message for piece in pieces) for pieces in self._quoted)


def _pieces(text: str) -> list[list[str]]:
    """What is all to be found in a message that quotes a text, for each way to do it."""
    # However a text is escaped, its plain pieces stay as they are.
    if plain := _ESCAPED.sub(" ", text).split():
        return [plain]
    ways = {
        text,
        repr(text)[1:-1],
        ascii(text)[1:-1],
        json.dumps(text)[1:-1],
        quote(text),
        quote(text, safe=""),
    }
    return [[way] for way in ways]


_ESCAPED = re.compile(r"[^A-Za-z0-9_.~-]+")


def scrubbed(message: str, value: Any) -> str:
    """A validator's own message with every part of its input replaced by `***`.

    Short texts are replaced as words only: a port of 0 is not every nought of the message. A message
    that is too long to be read is left out.
    """
    if len(message) > _LONGEST:
        return f"{MASK} (a message of {len(message)} characters)"
    found = {text for text in _texts(value) if text and text in message}
    if found:
        # One pass, the longest first: what is put in is never looked at again.
        one = "|".join(map(_pattern, sorted(found, key=len, reverse=True)))
        message = re.sub(one, MASK, message)
    return without_passwords(message)


def _texts(value: Any) -> Iterator[str]:
    value = unwrapped(value)
    parts = members(value)
    if parts is not None:
        for item in parts.values() if isinstance(parts, Mapping) else parts:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
        yield repr(value)
        if isinstance(value, str):
            yield repr(value)[1:-1]


def _pattern(text: str) -> str:
    if len(text) > _SHORT:
        return re.escape(text)
    before = r"(?<!\w)" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    return before + re.escape(text) + after
