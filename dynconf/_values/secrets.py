"""What must not be shown: names that look like secrets, and values in a message or a listing."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from dynconf._values.tree import Path

MASK = "***"

_LOOKS_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|(^|[_\-.])(pass|pwd)([_\-.]|$)|secret|token|credential"
    r"|(api|access|private|signing|encryption|account|shared)[_\-]?key|(^|[_\-])salt$|authorization|cookie",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


def looks_secret(path: Path) -> bool:
    """Whether a key on the path has a name as secrets have: password, token, api_key and the like."""
    return any(isinstance(step, str) and _LOOKS_SECRET.search(step) for step in path)


def masked(value: Any, path: Path, secret: Callable[[Path], bool] = looks_secret) -> Any:
    """A plain copy of a tree or model value, fit to be shown and sent, with secrets replaced by `***`.

    Passwords within addresses (`redis://user:password@host`) are replaced as well.
    """
    if isinstance(value, dict):
        return {key: masked(item, (*path, str(key)), secret) for key, item in value.items()}
    if isinstance(value, BaseModel):
        value = {**value.__dict__, **(value.__pydantic_extra__ or {})}
        return {name: masked(item, (*path, name), secret) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(item, (*path, index), secret) for index, item in enumerate(value)]
    if isinstance(value, (SecretStr, SecretBytes, Secret)):
        return MASK
    if value is not None and (secret(path) or looks_secret(path)):
        return MASK
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _IN_ADDRESS.sub(rf"\1:{MASK}@", str(value))


def scrubbed(message: str, value: Any) -> str:
    """A validator's own message with every part of its input replaced by `***`."""
    if isinstance(value, dict):
        for item in value.values():
            message = scrubbed(message, item)
        return message
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            message = scrubbed(message, item)
        return message
    if value is None or isinstance(value, bool):
        return message
    for text in sorted({str(value), repr(value)}, key=len, reverse=True):
        if text:
            message = message.replace(text, MASK)
    return message
