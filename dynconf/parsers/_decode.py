"""Bytes to characters: UTF-8, or UTF-16 with a byte order mark."""

import codecs
from collections.abc import Callable

from dynconf.parsers._faults import fault, line_column


def decode(content: bytes, *, fallback: str | None = None) -> str:
    """The characters of `content`, without a byte order mark.

    Args:
        content: UTF-8 with or without a byte order mark, or UTF-16 with one.
        fallback: the encoding of what is not UTF-8, where a format has a tradition for it.

    Raises:
        ParseError: bytes that are no characters, or a NUL.
    """
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if fallback is None or encoding == "utf-16":
            name = encoding.removesuffix("-sig").upper()
            # A byte order mark is not counted as part of the content by the decoder.
            mark = 3 if encoding == "utf-8-sig" and content.startswith(codecs.BOM_UTF8) else 0
            start = error.start + mark
            before = content[:start].decode(encoding, "ignore")
            raise fault(
                f"the byte at offset {start} is not {name}", line_column(before, len(before))
            ) from None
        text = content.decode(fallback)
    if "\0" in text:
        raise fault("a NUL byte: this is no text", line_column(text, text.index("\0")))
    return text


def refuse_surrogates(text: str, place: Callable[[], tuple[int, int]]) -> None:
    r"""Refuse half of a surrogate pair, which an escape such as `\ud800` can smuggle in.

    Nothing could print or send such text later.

    Args:
        text: what an escape made.
        place: tells its line and column, if they are needed.

    Raises:
        ParseError: `text` holds one.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise fault("an escape that is half of a surrogate pair", place()) from None
