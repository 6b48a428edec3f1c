"""How a parser says that content is wrong: where, and never with any of the content."""

from typing import Literal

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, Origin, ParseError

_OVER = {
    "bytes": "larger than {0} bytes (limit bytes={0})",
    "depth": "more than {0} levels deep (limit depth={0})",
    "nodes": "more than {0} values, each alias counted as what it stands for (limit nodes={0})",
    "keys": "more than {0} keys (limit keys={0})",
}


def fault(reason: str, place: tuple[int, int] | None = None) -> ParseError:
    """The error for content that cannot be read.

    Args:
        reason: what is wrong; key names may stand in it, values and snippets may not.
        place: line and column, both counted from 1.
    """
    return ParseError(reason, Origin("", "", "", *(place or (None, None))))


def exceeded(
    limit: Literal["bytes", "depth", "nodes", "keys"],
    limits: Limits,
    place: tuple[int, int] | None = None,
) -> LimitExceeded:
    """The error for content that is over a limit; it names the limit and its value."""
    reason = _OVER[limit].format(getattr(limits, limit))
    return LimitExceeded(reason, Origin("", "", "", *(place or (None, None))))


def line_column(text: str, offset: int) -> tuple[int, int]:
    """The line and column, counted from 1, of the character at `offset`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def quoted(key: str) -> str:
    """A key as an error shows it: cut when it is long, and on one line."""
    return repr(key if len(key) <= 80 else key[:77] + "...")
