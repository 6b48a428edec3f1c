"""How a parser says that content is wrong: where, and never with any of the content."""

from dynconf._values.limits import Limit, Limits, told
from dynconf.errors import LimitExceeded, Origin, ParseError


def fault(reason: str, place: tuple[int, int] | None = None) -> ParseError:
    """The error for content that cannot be read.

    Args:
        reason: what is wrong; key names may stand in it, values and snippets may not.
        place: line and column, both counted from 1.
    """
    return ParseError(reason, Origin("", "", "", *(place or (None, None))))


def exceeded(
    limit: Limit, limits: Limits, place: tuple[int, int] | None = None, what: str = ""
) -> LimitExceeded:
    """The error for content that is over a limit; it names the limit and its value.

    Args:
        limit: the limit's name.
        limits: what it is one of.
        place: line and column, both counted from 1.
        what: the part that is over it, if not the whole.
    """
    reason = f"{what} is {told(limit, limits)}" if what else told(limit, limits)
    return LimitExceeded(reason, Origin("", "", "", *(place or (None, None))))


def line_column(text: str, offset: int) -> tuple[int, int]:
    """The line and column, counted from 1, of the character at `offset`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def quoted(key: str) -> str:
    """A key as an error shows it: cut when it is long, and on one line."""
    return repr(key if len(key) <= 80 else key[:77] + "...")
