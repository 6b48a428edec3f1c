"""TOML to tree, by the standard library's parser, with limits around it."""

import re
import tomllib
from itertools import accumulate
from typing import Any, Final

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, Origin, ParseError
from dynconf.parsers._decode import decode
from dynconf.parsers._faults import exceeded, fault, line_column
from dynconf.parsers._places import Places

_TEXT_OR_COMMENT: Final = re.compile(
    rb'"""(?:[^"\\]++|\\.|"(?!""))*+"""'
    rb"|'''(?:[^']++|'(?!''))*+'''"
    rb'|"(?:[^"\\\n]++|\\.)*+"'
    rb"|'[^'\n]*+'"
    rb"|\#[^\n]*+",
    re.DOTALL,
)
# Without the lookahead, the last list in a list that is written over several lines might be one.
_TABLE: Final = rb"^[ \t]*+\[{1,2}+([^\[\],=\n]*+)\]{1,2}+[ \t]*+\r?$(?!\s*+[\],])"
_HEADER: Final = re.compile(_TABLE, re.MULTILINE)
_NAME: Final = re.compile(_TABLE + rb"|(^|[,{])([A-Za-z0-9_.\- \t]*+)=", re.MULTILINE)
_BARE: Final = re.compile(rb"[A-Za-z0-9_-]+")
_MOST_NAMES: Final = 400_000
"""Names that may be written at least, however few keys they stand for: each costs what a key does."""
_KEY_CHARACTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- \t\"'"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NO_DOTS: Final = bytes(set(range(256)) - set(b".\n"))
_STEP: Final = [1 if chr(byte) in "[{" else -1 for byte in range(256)]
# Beyond, Python does not write a whole number, and the parser takes a hundred times a number's length.
_LONG_NUMBER: Final = re.compile(rb"[=\[,]\s*+[+-]?(?:0[xob][0-9A-Fa-f_]{3500}|[0-9][0-9A-Za-z_.+-]{4400})")
_MESSAGE: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
# The parser's own reasons may go on with a key or with what it found.
_REASONS: Final = {
    "Cannot declare": "a table is declared twice",
    "Cannot overwrite a value": "a key is given twice",
    "Cannot redefine namespace": "a table is extended that is complete already",
    "Cannot mutate immutable namespace": "a table is extended that is complete already",
    "Duplicate inline table key": "a key is given twice",
    "Illegal character": "a character that may not stand here",
    "Unescaped '\\' in a string": "a backslash that begins no escape",
    "Found invalid character": "a character that may not stand here",
}
_CONSTANT: Final = re.compile(r"[A-Za-z ,]+")
_TOO_LONG: Final = "no valid TOML: a number that is too long"


def parse(content: bytes, limits: Limits) -> dict[str, Any]:
    """The tree of `content`.

    Raises:
        ParseError: no TOML.
        LimitExceeded: over one of the limits.
    """
    text = decode(content)
    if _LONG_NUMBER.search(content):
        raise fault(_TOO_LONG)
    _check_early(text.encode(), limits)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _located(error, text) from None
    except RecursionError:
        raise exceeded("depth", limits) from None
    except ValueError:
        raise fault(_TOO_LONG) from None
    _check(tree, limits)
    return tree


def places(content: bytes) -> Places:
    """Where each value stands.

    Raises:
        ParseError: the content is not valid.
    """
    from dynconf.parsers._toml_places import find_places  # noqa: PLC0415 - only when someone asks

    return find_places(decode(content))


def _check_early(content: bytes, limits: Limits) -> None:
    """Refuse what would cost much to read, by numbers that the document surely reaches."""
    pairs = content.count(b"=")
    most = pairs + content.count(b",") + content.count(b"[")
    names = pairs + content.count(b"[") + content.count(b".")
    dots = max(map(len, content.translate(None, _NO_DOTS).split(b"\n")))
    if dots < limits.depth and names <= limits.keys and most <= limits.nodes:
        return  # even if all of them stood outside texts; nested brackets cost the parser little
    # Each text is a key or a value: there is no need to take out more than there may be.
    most = limits.nodes + _most_names(limits) + content.count(b"#")
    bare, texts = _TEXT_OR_COMMENT.subn(_as_name, content, most + 1)
    pairs = bare.count(b"=")
    if texts <= most:
        if pairs > limits.keys:
            raise exceeded("keys", limits)
        headers = sum(1 for _ in _HEADER.finditer(bare))
        # An array may end with a comma; a table's pairs have commas too.
        items = bare.count(b",") - bare.count(b"]")
        containers = bare.count(b"[") + bare.count(b"{") - 2 * headers
        if max(items, containers, pairs + headers) > limits.nodes:
            raise exceeded("nodes", limits)
        levels = accumulate(map(_STEP.__getitem__, bare.translate(None, _NO_BRACKETS)))
        dots = b"." * limits.depth in bare.translate(None, _KEY_CHARACTERS)
        if dots or max(levels, default=0) > limits.depth:
            raise exceeded("depth", limits)
        _check_names(bare, limits)
    else:
        raise exceeded("keys" if pairs > limits.keys else "nodes", limits)


def _as_name(text: re.Match[bytes]) -> bytes:
    """What stands for a text, should it be a key; nothing if that is not easily told."""
    found = text[0]
    if found.startswith((b"#", b'"""', b"'''")) or b"\\" in found:
        return b""
    inner = found[1:-1]
    return inner if _BARE.fullmatch(inner) else b"%d" % hash(inner)


def _check_names(bare: bytes, limits: Limits) -> None:
    """Refuse more keys than there may be, or too many mentions of them, by what dotted keys and headers name.

    Two keys may be taken for one, but never one for two.
    """
    keys: set[int] = set()
    names = 0
    table: int | None = 0
    for match in _NAME.finditer(bare):
        header, before, key = match.groups()
        # Where an inline table stands is not looked at; its keys are in no other kind of table.
        place = 0 if header is not None else 1 if before else table
        parts = (key or header or b"").translate(None, b" \t").split(b".")
        for part in parts:
            if place is None or not part:  # it is not known which one this is
                place = None
                break
            place = hash((place, part))
            keys.add(place)
        if header is not None:
            table = place
        names += len(parts)
        if len(keys) > limits.keys:
            raise exceeded("keys", limits)
        if names > _most_names(limits):
            raise LimitExceeded(f"keys are named more than {_most_names(limits)} times", Origin("", "", ""))


def _most_names(limits: Limits) -> int:
    return max(_MOST_NAMES, 2 * limits.keys)


def _located(error: tomllib.TOMLDecodeError, text: str) -> ParseError:
    """The parser's error, with its place and without anything of the content."""
    match = _MESSAGE.fullmatch(str(error))
    if match is None:
        return fault("no valid TOML")
    message, line, column = match.groups()
    known = [reason for start, reason in _REASONS.items() if message.startswith(start)]
    if not known and (message.startswith("Expected") or _CONSTANT.fullmatch(message)):
        known = [message[0].lower() + message[1:]]
    place = (int(line), int(column)) if line else line_column(text, len(text))
    return fault(": ".join(["no valid TOML", *known]), place)


def _check(tree: dict[str, Any], limits: Limits) -> None:
    """Count what was read; level by level, so that nothing recurses."""
    nodes, keys, depth = 1, 0, 0
    level: list[Any] = [tree]
    while level:
        depth += 1
        if depth > limits.depth:
            raise exceeded("depth", limits)
        below: list[Any] = []
        for container in level:
            children = container
            if container.__class__ is dict:
                keys += len(container)
                children = container.values()
            nodes += len(children)
            below += [child for child in children if child.__class__ in (dict, list)]
        level = below
    if keys > limits.keys:
        raise exceeded("keys", limits)
    if nodes > limits.nodes:
        raise exceeded("nodes", limits)
