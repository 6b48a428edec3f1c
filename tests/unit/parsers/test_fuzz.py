"""Whatever comes in, only documented errors come out."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.errors import ParseError
from dynconf.parsers import FORMATS, locate, parse

FRAGMENTS = {
    "yaml": [
        "a", ": ", "- ", "? ", "\n", "  ", "{", "}", "[", "]", ",", "&a ", "*a", "<<", "!!int ",
        "!!set ", "!", "'", '"', "|", ">", "#", "---\n", "...\n", "%TAG ! x\n", "1:2", "0x", "1.",
        "2001-01-01", "\\", "\t", "~", "=", "\u2028", "@",
    ],
    "json": [
        "{", "}", "[", "]", ",", ":", '"', '"a"', "1", "-", "1e9", "NaN", "null", "\\u", "\\ud800", " ",
        "\n", "\\", "-Infinity",
    ],
    "toml": [
        "a", ".", " = ", "[", "]", "[[", "]]", "{", "}", ",", '"', "'", '"""', "'''", "\\", "\n", "#",
        "1", "1.5", "inf", "2020-01-01", "true", " ", '"\\u0041"', "\r\n", '"\\q"',
    ],
    "properties": [
        "a", ".", "[0]", "[1]", "[", "]", "=", ":", " ", "\n", "\\", "\\u", "\\u0041", "\\ud800", "#",
        "\r", "\\\n",
    ],
    "dotenv": [
        "A", "=", "'", '"', "\\", "#", " ", "\n", "export ", "\r", ".",
    ],
    "xml": [
        "<r>", "</r>", "<a>", "</a>", "<a", " x='1'", "/>", "text", "&lt;", "&x;", "<!DOCTYPE r", ">",
        "<![CDATA[", "]]>", "<?xml version='1.0' encoding='iso-8859-1'?>", "xmlns:n='u'", "<n:a/>",
        "<!--", "-->", "\n", "&#0;",
    ],
    "text": [
        "a", "\x00", "\n",
    ],
    "html": [
        "<p>", "\x00",
    ],
}  # fmt: skip
SMALL = Limits(bytes=4000, depth=6, nodes=40, keys=20)


def survive(content: bytes, format: str | None) -> None:
    """Parse under small and usual limits, and locate."""
    for limits in (SMALL, Limits()):
        with contextlib.suppress(ParseError):
            check(parse(content, format=format, limits=limits).value)
    for each in FORMATS:
        if each == format or format is None:
            for path in ((), ("a",), ("a", 0), ("a", "a", "a")):
                locate(content, each, path)


def check(value: object) -> None:
    """Plain data only; the keys of mappings are text that can be written."""
    if isinstance(value, dict):
        for key, child in value.items():
            assert key.encode() is not None
            check(child)
    elif isinstance(value, list):
        for child in value:
            check(child)
    elif isinstance(value, str):
        value.encode()
    else:
        assert not isinstance(value, tuple | set)


@pytest.mark.parametrize("format", [*FORMATS, None])
@given(content=st.binary())
def test_bytes(format: str | None, content: bytes) -> None:
    """Any bytes give plain data or a parse error, in any format, and never trouble `locate`."""
    survive(content, format)


@pytest.mark.parametrize("format", [*FORMATS, None])
@given(text=st.text())
def test_text(format: str | None, text: str) -> None:
    """Any text does likewise."""
    survive(text.encode(), format)


@settings(max_examples=400)
@pytest.mark.parametrize("format", [*FORMATS, None])
@given(data=st.data())
def test_structured_junk(format: str | None, data: st.DataObject) -> None:
    """So do the marks of the format itself in any order, which reach deeper."""
    fragments = FRAGMENTS[format] if format else FRAGMENTS["yaml"] + FRAGMENTS["json"]
    survive("".join(data.draw(st.lists(st.sampled_from(fragments), max_size=30))).encode(), format)
