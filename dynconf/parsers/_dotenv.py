"""`.env` files to a flat mapping: names are kept as they are, values stay text.

The grammar is python-dotenv's, which pydantic-settings reads these files by; only variables are
not expanded. Lines are read here, because python-dotenv needs sixty times a quoted text's size in
memory, and a time that grows with the square of a run of blanks. A name given twice keeps its last
value; a name without `=` says nothing. Both count as keys each time that they are named.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode
from dynconf.parsers._faults import exceeded, fault, line_column
from dynconf.parsers._parts import in_parts
from dynconf.parsers._places import Places

# Not all comments at once: for each, the match keeps where it was.
_NOTHING: Final = r"\s*+(?:\#[^\r\n]*+\s*+){0,1000}+"
_BLANK: Final = r"[^\S\r\n]*+"
_LINE: Final = re.compile(
    rf"""
    {_NOTHING}
    (?:
        \Z
      | (?: export [^\S\r\n]++ )?+ \#[^\r\n]*+
      | (?: export [^\S\r\n]++ )?+
        (?: '(?P<quoted>[^']++)' | (?P<name>[^=\#\s'][^=\#\s]*+) )
        {_BLANK}
        (?: (?P<equals>=) (?:
            {_BLANK} '(?P<single>(?:[^'\\]++|\\.)*+)'
          | {_BLANK} "(?P<double>(?:[^"\\]++|\\.)*+)"
          | [^\S\r\n]++ (?=\#)
          | {_BLANK} (?P<bare>(?!['"])[^\r\n]*+)
        ) )?+
        (?: {_BLANK} \#[^\r\n]*+ )?+
        {_BLANK}
    )
    (?: \r\n | [\r\n] | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_SKIPPED: Final = re.compile(_NOTHING)
_COMMENT: Final = re.compile(r"\s#")
_DOUBLE: Final = re.compile(r"\\([\\'\"abfnrtv])")
_SOME_ESCAPES: Final = re.compile(r"(?:\\.[^\\]*+){1,1000}+", re.DOTALL)
_CONTROLS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class _Line(NamedTuple):
    """One name and value, `None` without `=`, with the offsets that they stand at."""

    name: str
    value: str | None
    offset: int
    value_offset: int


def parse(content: bytes, limits: Limits) -> dict[str, Any]:
    """The names and values in `content`.

    Raises:
        ParseError: a line that sets no name to a value.
        LimitExceeded: over one of the limits.
    """
    text = decode(content)
    found: dict[str, Any] = {}
    for number, line in enumerate(_lines(text), 1):
        if number > limits.keys:
            raise exceeded("keys", limits, line_column(text, line.offset))
        if number >= limits.nodes:
            raise exceeded("nodes", limits, line_column(text, line.offset))
        if line.value is not None:
            found[line.name] = line.value
    return found


def places(content: bytes) -> Places:
    """Where each value stands.

    Raises:
        ParseError: the content is not valid.
    """
    text = decode(content)
    tree = {line.name: line.value_offset for line in _lines(text) if line.value is not None}
    return Places(tree, partial(line_column, text))


def _lines(text: str) -> Iterator[_Line]:
    offset = 0
    while offset < len(text):
        match = _LINE.match(text, offset)
        if match is None:
            start = next(_SKIPPED.finditer(text, offset)).end()
            raise fault("a line that is not NAME=value", line_column(text, start))
        offset = match.end()
        name = "quoted" if match["quoted"] else "name"
        if match["equals"]:
            kind, value = _value(match)
            # Nothing but a comment after `=` is an empty value at the comment's place.
            start = match.start(kind) if kind else match.end("equals")
            yield _Line(match[name], value, match.start(name), start)
        elif match[name]:
            yield _Line(match[name], None, match.start(name), match.start(name))


def _value(match: re.Match[str]) -> tuple[str | None, str]:
    """The group that holds the value, and the value as it is meant."""
    single, double, bare = match.group("single", "double", "bare")
    if single is not None:
        return "single", in_parts(single, _SOME_ESCAPES, _unescaped)
    if double is not None:
        return "double", in_parts(double, _SOME_ESCAPES, partial(_DOUBLE.sub, _control))
    if bare is None:
        return None, ""
    comment = _COMMENT.search(bare)
    return "bare", (bare[: comment.start()] if comment else bare).rstrip()


def _unescaped(text: str) -> str:
    """Without the backslash before each other backslash and each single quote."""
    return "\\".join(part.replace("\\'", "'") for part in text.split("\\\\"))


def _control(escape: re.Match[str]) -> str:
    return _CONTROLS.get(escape[1], escape[1])
