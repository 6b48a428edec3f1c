"""Java properties to tree: dots unfold into mappings, `[0]` into lists; every value stays text.

The grammar is that of `java.util.Properties.load`, so a key given twice keeps its last value.
Escapes are resolved by javaproperties. Lines are split here, because javaproperties takes a time
that grows with the square of the number of continued lines, and tells no places.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from javaproperties import InvalidUEscapeError, unescape

from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode, refuse_surrogates
from dynconf.parsers._faults import fault, line_column
from dynconf.parsers._parts import in_parts
from dynconf.parsers._places import NO_LIMITS, Places
from dynconf.parsers._unfold import Entry, unfold

_CONTINUED: Final = r"\\(?:\r\n|[\r\n]|\Z)[ \t\f]*+"
# Not all comments at once: for each, the match keeps where it was.
_NOTHING: Final = r"[ \t\f\r\n]*+(?:[\#!][^\r\n]*+[ \t\f\r\n]*+){0,1000}+"
_BLANKS: Final = rf"(?:[ \t\f]|{_CONTINUED})*+"
_LINE: Final = re.compile(
    rf"""
    {_NOTHING}
    (?: (?=[\#!])
      | (?P<key> (?: [^\\=:\ \t\f\r\n]++ | {_CONTINUED} | \\. )*+ )
        (?P<separator> {_BLANKS} (?: [=:] {_BLANKS} )?+ )
        (?P<value> (?: [^\\\r\n]++ | {_CONTINUED} | \\. )*+ )
        (?: \r\n | [\r\n] | \Z )
    )
    """,
    re.VERBOSE,
)
_JOIN: Final = re.compile(r"\\(?:\r\n|[\r\n])[ \t\f]*+")
_SOME_LINES: Final = re.compile(rf"(?:(?:{_CONTINUED}|\\.)[^\\]*+){{1,1000}}+", re.DOTALL)
# The second half of a surrogate pair stays with the first.
_SOME_ESCAPES: Final = re.compile(r"(?:\\(?:u.{0,4}|.)[^\\]*+){1,1000}+(?:\\u[dD][c-fC-F].{0,2})?+")


class _Line(NamedTuple):
    """One key and value, with the offsets that they stand at."""

    key: str
    value: str
    key_offset: int
    value_offset: int


def parse(content: bytes, limits: Limits) -> dict[str, Any]:
    """The tree of `content`, which is UTF-8, or else ISO-8859-1.

    Raises:
        ParseError: a wrong escape, an empty step in a key, a key that is both a value and the
            beginning of another, or a gap in a list's indices.
        LimitExceeded: over one of the limits.
    """
    text = decode(content, fallback="iso-8859-1")
    entries = (Entry(line.key, line.value, line.key_offset) for line in _lines(text))
    return unfold(entries, limits, partial(line_column, text))


def places(content: bytes) -> Places:
    """Where each value stands.

    Raises:
        ParseError: the content is not valid.
    """
    text = decode(content, fallback="iso-8859-1")
    starts: dict[int, int] = {}
    entries = (Entry(line.key, line.value_offset, line.key_offset) for line in _lines(text))
    tree = unfold(entries, NO_LIMITS, partial(line_column, text), starts)
    return Places(tree, partial(line_column, text), starts)


def _lines(text: str) -> Iterator[_Line]:
    """Every key and value, in order; a key may come again."""
    for match in _LINE.finditer(text):
        key, separator, value = match.group("key", "separator", "value")
        if not (key or separator):
            continue  # nothing, or only comments
        key_offset = match.start("key")
        if "\\" in key:
            key = _plain(key, text, key_offset)
            if not (key or separator):
                continue  # blank lines that are continued
        value_offset = match.start("value")
        if "\\" in value:
            value = _plain(value, text, value_offset)
        yield _Line(key, value, key_offset, value_offset)


def _plain(raw: str, text: str, offset: int) -> str:
    """A key or value without continuations and escapes."""
    if (len(raw) - len(raw.rstrip("\\"))) % 2:  # a continuation at the end of the text
        raw = raw[:-1]
    try:
        plain = in_parts(in_parts(raw, _SOME_LINES, partial(_JOIN.sub, "")), _SOME_ESCAPES, unescape)
    except InvalidUEscapeError:
        raise fault("a '\\u' without four hexadecimal digits", line_column(text, offset)) from None
    if "\\u" in raw:
        refuse_surrogates(plain, partial(line_column, text, offset))
    return plain
