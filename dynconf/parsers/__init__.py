"""Bytes to tree, one module for each format, each with limits.

| format | values | notes |
| --- | --- | --- |
| `yaml` | YAML 1.1, the safe types | aliases and merge keys; one document |
| `json` | JSON | no `NaN`, no key twice |
| `toml` | TOML 1.0 | |
| `properties` | text | dots unfold into mappings, `[0]` into lists |
| `dotenv` | text | names are kept as they are |
| `xml` | text | no DTD; see `dynconf.parsers._xml` for the mapping |
| `text`, `html` | one text | |
"""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Protocol, cast

from dynconf._values.limits import Limits
from dynconf._values.snapshot import Folder
from dynconf._values.tree import Path
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers._faults import exceeded, fault, quoted
from dynconf.parsers._formats import FORMATS, choose
from dynconf.parsers._names import bounded
from dynconf.parsers._places import Places
from dynconf.parsers._unfold import Entry, unfold

__all__ = ["FORMATS", "Parsed", "bounded", "locate", "parse", "unfolded"]

_MOST_LOCATED: Final = 1 << 20
_JSON: Final = re.compile(rb'(\xef\xbb\xbf)?\s*[\[{]\s*["{\[]')
_UNKNOWN: Final = (
    "neither the name nor a type tells the format, and the content is no JSON; as YAML: {}; give format="
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's content as plain data, and the format that it was read as.

    Args:
        value: a mapping, a list or a scalar; the keys of mappings are always text. Parts may be
            shared and must not be altered.
        format: one of `FORMATS`.
    """

    value: Any
    format: str


class _Parser(Protocol):
    def parse(self, content: bytes, limits: Limits) -> Any: ...

    def places(self, content: bytes) -> Places: ...


def parse(
    content: bytes, *, name: str = "", format: str | None = None, type: str | None = None, limits: Limits
) -> Parsed:
    """Read a document.

    Args:
        content: its bytes.
        name: its name, for a known extension.
        format: the format that the user says; it beats the name.
        type: the format that the server says; `text` and unknown ones say nothing.
        limits: what is refused as too large.

    Raises:
        UsageError: `format` is unknown.
        ParseError: the content cannot be read; the origin holds line and column where known.
        LimitExceeded: the content is over one of the limits.
    """
    chosen = choose(name, format, type)
    if len(content) > limits.bytes:
        raise exceeded("bytes", limits)
    if chosen is None:
        return _guess(content, limits)
    return Parsed(_parser(chosen).parse(content, limits), chosen)


def unfolded(folder: Folder, limits: Limits) -> dict[str, Any]:
    """The tree that the keys of a folder describe.

    Raises:
        ParseError: a value is no text, a step is empty, or a key is both a value and the beginning
            of another.
        LimitExceeded: over one of the limits.
    """
    if sum(map(len, folder.values.values())) > limits.bytes:
        raise exceeded("bytes", limits)
    entries = [Entry(key, _as_text(key, value), 0) for key, value in folder.values.items()]
    return unfold(entries, limits, None, delimiters=folder.delimiters, indexed=folder.indexed)


def locate(content: bytes, format: str, path: Path) -> tuple[int, int] | None:
    """Line and column, counted from 1, of the value at `path`.

    If nothing stands there it is the nearest ancestor that does. A YAML alias leads to the text
    that it stands for. The content is read once more for this, so ask only when someone wants
    to know; it must have been parsed before, so that its limits hold. Of a document of more than a
    megabyte it is not told: whoever writes a bad one should not have all wait. Never raises.

    Args:
        content: the document's bytes.
        format: what `parse` read it as.
        path: from the document's own root.
    """
    if format not in FORMATS or len(content) > _MOST_LOCATED:
        return None
    try:
        return _places(content, format).find(path)
    except ParseError:
        return None


@lru_cache(maxsize=1)  # one look at a document may ask for many of its places
def _places(content: bytes, format: str) -> Places:
    return _parser(format).places(content)


def _parser(format: str) -> _Parser:
    module = "text" if format == "html" else format
    return cast("_Parser", import_module(f"dynconf.parsers._{module}"))


def _as_text(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise fault(f"the value of the key {quoted(key)} is no UTF-8 text") from None


def _guess(content: bytes, limits: Limits) -> Parsed:
    if content.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        try:
            return Parsed(_parser("json").parse(content, limits), "json")
        except LimitExceeded:
            raise
        except ParseError:
            if _JSON.match(content):
                raise
            # a flow mapping of YAML begins alike, but for the quotes
    try:
        value = _parser("yaml").parse(content, limits)
    except LimitExceeded:
        raise
    except ParseError as error:
        place = error.origin and error.origin.line and (error.origin.line, error.origin.column or 1)
        raise fault(_UNKNOWN.format(error.reason), place or None) from None
    if not isinstance(value, dict):
        raise fault(_UNKNOWN.format("no mapping"))
    return Parsed(value, "yaml")
