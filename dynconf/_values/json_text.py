"""A JSON text to a value, by the standard library's parser, with limits checked before it runs."""

import json
import re
from typing import Any, Final

from dynconf._values.json_size import exceeded_by
from dynconf._values.limits import Limit

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class OverLimit(Exception):
    """A text is over a limit; which one."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit


class Refused(ValueError):
    """The standard parser takes something that we don't; the text says what, without any content."""


def load(text: str, *, depth: int, nodes: int, keys: int) -> Any:
    """The value in a text.

    Args:
        text: the JSON.
        depth: how deep objects and arrays may nest.
        nodes: values in all.
        keys: keys of objects in all.

    Raises:
        OverLimit: it has more than that.
        Refused: `NaN` or an infinity, or a key twice in one object.
        ValueError: no JSON, which a `JSONDecodeError` places; a number too long to be read; half a
            surrogate pair. What it says may hold content.
    """
    over = exceeded_by(text.encode(errors="replace"), depth=depth, nodes=nodes, keys=keys)
    if over is not None:
        raise OverLimit(over)
    try:
        value = json.loads(text, object_pairs_hook=_mapping, parse_constant=_constant)
    except RecursionError:
        raise OverLimit("depth") from None
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise Refused("a key is given twice")
    return mapping


def _constant(_: str) -> None:
    raise Refused("JSON has no NaN and no infinity")
