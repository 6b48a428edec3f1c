"""How much there is in a JSON text, told before anything is built of it."""

from itertools import accumulate
from typing import Final, Literal

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEP: Final = [1 if chr(byte) in "[{" else -1 for byte in range(256)]


def exceeded_by(
    content: bytes, *, depth: int, nodes: int, keys: int
) -> Literal["depth", "nodes", "keys"] | None:
    """Which of some limits a JSON text is over; `None` if none, or if it is no JSON.

    Values begin after a bracket, a comma or a colon, so counting these tells their number.

    Args:
        content: the text, in UTF-8.
        depth: how deep objects and arrays may nest.
        nodes: values in all.
        keys: keys of objects in all.
    """
    openers = content.count(b"[") + content.count(b"{")
    colons = content.count(b":")
    if openers <= depth and openers + content.count(b",") < nodes and colons <= keys:
        return None  # even if all of them stood outside texts
    # Each text is a key or a value: there is no need to take out more than there may be.
    marked = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    if marked.count(b'"') // 2 > nodes + keys:
        return "keys" if colons > keys else "nodes"
    bare = b'""'.join(marked.split(b'"')[::2]).translate(None, b" \t\r\n")
    if bare.count(b":") > keys:
        return "keys"
    openers = bare.count(b"[") + bare.count(b"{")
    empty = bare.count(b"[]") + bare.count(b"{}")
    if openers + bare.count(b",") + 1 - empty > nodes:
        return "nodes"
    levels = accumulate(map(_STEP.__getitem__, bare.translate(None, _NO_BRACKETS)))
    return "depth" if max(levels, default=0) > depth else None
