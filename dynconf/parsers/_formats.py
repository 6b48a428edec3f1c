"""Which format a document is in, as far as its name and its server tell."""

import re
from typing import Final

from dynconf.errors import UsageError

FORMATS: Final = ("yaml", "json", "toml", "properties", "dotenv", "xml", "text", "html")
"""The names of the formats."""

_EXTENSIONS: Final = {"yml": "yaml", "env": "dotenv", "txt": "text", "htm": "html"} | {
    name: name for name in FORMATS if name != "dotenv"
}
_NAMES: Final = _EXTENSIONS | {"dotenv": "dotenv"}


def choose(name: str, format: str | None, type: str | None) -> str | None:
    """The format said outright, else by the name's extension, else by the server.

    Raises:
        UsageError: the format said outright is unknown.
    """
    if format:
        if format.lower() not in _NAMES:
            raise UsageError(f"there is no format '{format}'; known are {', '.join(FORMATS)}")
        return _NAMES[format.lower()]
    file = re.split(r"[/\\]", name)[-1].lower()
    if file.startswith(".env."):  # .env.local, .env.production
        return "dotenv"
    _, dot, extension = file.rpartition(".")
    if dot and extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    served = _NAMES.get((type or "").lower())
    return None if served == "text" else served
