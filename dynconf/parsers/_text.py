"""Text and HTML: the whole document is one text."""

from functools import partial

from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode
from dynconf.parsers._faults import line_column
from dynconf.parsers._places import Places


def parse(content: bytes, limits: Limits) -> str:
    """The document's characters, as they are."""
    return decode(content)


def places(content: bytes) -> Places:
    """The text stands at the beginning."""
    return Places(0, partial(line_column, decode(content)))
