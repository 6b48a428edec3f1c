"""A long text changed part by part, in memory of about its size.

`re.sub` keeps all that stands between its matches in a list, which takes many times the size of a
text that has millions of them.
"""

import re
from collections.abc import Callable
from io import StringIO
from typing import Final

_SHORT: Final = 10_000


def in_parts(text: str, part: re.Pattern[str], change: Callable[[str], str]) -> str:
    """What `change` makes of `text`, were it called with the whole.

    Args:
        text: any length.
        part: finds where a part ends; nothing that is changed goes over such an end.
        change: called with one part after the other, and with what is left at the end.
    """
    if len(text) < _SHORT:
        return change(text)
    changed = StringIO()
    end = 0
    for found in part.finditer(text):
        changed.write(change(text[end : found.end()]))
        end = found.end()
    changed.write(change(text[end:]))
    return changed.getvalue()
