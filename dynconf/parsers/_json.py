"""JSON documents to trees, and where everything stands in them."""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dynconf._values.json_text import OverLimit, load
from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode, refuse_surrogates
from dynconf.parsers._faults import exceeded, fault, line_column, quoted
from dynconf.parsers._places import Places

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\[\]{}\s,:"]++', re.DOTALL)
_CONSTANTS: Final = ("NaN", "Infinity", "-Infinity")
# The parser's own reasons go on with what it found there.
_REASONS: Final = (
    "Expecting ',' delimiter",
    "Expecting ':' delimiter",
    "Expecting property name enclosed in double quotes",
    "Expecting value",
    "Extra data",
    "Illegal trailing comma",
    "Invalid \\escape",
    "Invalid \\uXXXX escape",
    "Invalid control character",
    "Unterminated string",
)


def parse(content: bytes, limits: Limits) -> Any:
    """The value in `content`.

    Raises:
        ParseError: no JSON, `NaN` or an infinity, or a key twice in one object.
        LimitExceeded: over one of the limits.
    """
    text = decode(content)
    try:
        return load(text, depth=limits.depth, nodes=limits.nodes, keys=limits.keys)
    except OverLimit as error:
        raise exceeded(error.limit, limits) from None
    except json.JSONDecodeError as error:
        known = [reason for reason in _REASONS if error.msg.startswith(reason)]
        raise fault(": ".join(["no valid JSON", *known]), (error.lineno, error.colno)) from None
    except ValueError:
        pass  # the scan tells the place, too
    _scan(text)
    raise fault("no valid JSON")  # pragma: no cover - the scan finds all that can be wrong here


def places(content: bytes) -> Places:
    """Where each value stands.

    Raises:
        ParseError: the content is not valid.
    """
    return _scan(decode(content))


def _scan(text: str) -> Places:
    """Find every value's offset, and the place of what the standard parser lets pass."""
    starts: dict[int, int] = {}
    container: Any = []
    root = container
    stack: list[Any] = []
    key: str | None = None
    for match in _TOKEN.finditer(text):
        token, offset = match[0], match.start()
        first = token[0]
        if first in "]}":
            if not stack:
                raise fault("no valid JSON: a bracket closes nothing", line_column(text, offset))
            container, key = stack.pop(), None
            continue
        _examine(token, partial(line_column, text, offset))
        if key is None and container.__class__ is dict:
            if first != '"':
                raise fault("no valid JSON: a key without quotes", line_column(text, offset))
            key = json.loads(token, strict=False) if "\\" in token else token[1:-1]
            if key in container:
                raise fault(f"the key {quoted(key)} is given twice", line_column(text, offset))
            continue
        value: Any = offset
        if first in "[{":
            value = [] if first == "[" else {}
            starts[id(value)] = offset
            stack.append(container)
        if key is None:
            container.append(value)
        else:
            container[key], key = value, None
        if value is not offset:
            container = value
    return Places(root[0] if root else 0, partial(line_column, text), starts)


def _examine(token: str, place: Callable[[], tuple[int, int]]) -> None:
    """Refuse a token that the standard parser takes, or chokes on without saying where."""
    if token in _CONSTANTS:
        raise fault("JSON has no NaN and no infinity", place())
    if token.lstrip("-").isdecimal() and 0 < sys.get_int_max_str_digits() < len(token.lstrip("-")):
        raise fault("a whole number with more digits than can be read", place())
    if "\\" in token:
        try:
            refuse_surrogates(json.loads(token, strict=False), place)
        except json.JSONDecodeError:
            raise fault("no valid JSON: a text with a wrong escape", place()) from None
