"""Which format is chosen, and how bytes become characters."""

import pytest

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError, UsageError
from dynconf.parsers import FORMATS, locate, parse

LIMITS = Limits()


@pytest.mark.parametrize(
    ("name", "format", "type", "content", "expected"),
    [
        ("a.json", "yaml", "xml", b"a: 1", "yaml"),
        ("a.yaml", "JSON", None, b"{}", "json"),
        ("conf/a.YML", None, "json", b"a: 1", "yaml"),
        ("a.b/app", None, "toml", b"a = 1", "toml"),
        ("app.unknown", None, "properties", b"a=1", "properties"),
        ("app.unknown", None, "text", b'{"a": 1}', "json"),
        ("app", None, "unheard-of", b"a: 1", "yaml"),
        ("app", None, "text", b"{a: 1}", "yaml"),
        (".env", None, None, b"A=1", "dotenv"),
        ("prod.env", None, None, b"A=1", "dotenv"),
        ("dir\\.env.local", None, None, b"A=1", "dotenv"),
        ("notes.txt", None, "yaml", b"a: 1", "text"),
        ("page.htm", None, None, b"<p>", "html"),
        ("", None, "html", b"<p>", "html"),
        ("", None, None, b'\xef\xbb\xbf{"a": 1}', "json"),
        ("", None, None, b"", "yaml"),
    ],
)
def test_order_of_hints(
    name: str, format: str | None, type: str | None, content: bytes, expected: str
) -> None:
    """The user's word beats the extension, that beats the server's type, that beats the content."""
    assert parse(content, name=name, format=format, type=type, limits=LIMITS).format == expected


def test_unknown_format_lists_the_known() -> None:
    """A mistyped format is the program's fault, and the message tells what there is."""
    with pytest.raises(UsageError) as caught:
        parse(b"", format="jsn", limits=LIMITS)
    assert all(name in str(caught.value) for name in FORMATS)


@pytest.mark.parametrize("content", [b"just words", b"- 1\n- 2", b"[1, 2", b"a=1\nb=2"])
def test_nothing_tells_the_format(content: bytes) -> None:
    """Content that could be anything is refused with the way out."""
    with pytest.raises(ParseError, match="give format="):
        parse(content, name="app", type="text", limits=LIMITS)


@pytest.mark.parametrize("content", [b'{"a": 1, "b": }', b'{"a": [1,]}', b' {\n "a": 1,\n}', b'{"a": 1'])
def test_broken_json_is_no_yaml(content: bytes) -> None:
    """What begins as only JSON does is not taken for YAML, which would read a hole as nothing."""
    with pytest.raises(ParseError) as caught:
        parse(content, limits=Limits())
    assert caught.value.origin
    assert caught.value.origin.line


def test_guess_keeps_limits() -> None:
    """A limit met while guessing is reported as that limit."""
    with pytest.raises(LimitExceeded, match="limit depth=64"):
        parse(b"[" * 70 + b"]" * 70, limits=LIMITS)
    with pytest.raises(LimitExceeded, match="limit depth=64"):
        parse(b"- " * 70, limits=LIMITS)


@pytest.mark.parametrize("format", FORMATS)
def test_bytes_limit(format: str) -> None:
    """Every format refuses content that is larger than allowed, and names the limit."""
    with pytest.raises(LimitExceeded, match=r"limit bytes=10\)"):
        parse(b"x" * 11, format=format, limits=Limits(bytes=10))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("yaml", "k: é€😀"),
        ("json", '{"k": "é€😀"}'),
        ("toml", 'k = "é€😀"'),
        ("properties", "k=é€😀"),
        ("dotenv", "k=é€😀"),
        ("xml", "<r><k>é€😀</k></r>"),
    ],
)
def test_encodings(encoding: str, format: str, text: str) -> None:
    """UTF-8 with and without a byte order mark, and UTF-16 with one, are read by every format."""
    assert parse(text.encode(encoding), format=format, limits=LIMITS).value == {"k": "é€😀"}


@pytest.mark.parametrize("format", ["yaml", "json", "toml", "dotenv", "xml", "text", "html"])
def test_invalid_bytes(format: str) -> None:
    """Bytes that are no UTF-8 are refused with their offset, line and column."""
    with pytest.raises(ParseError, match="offset 7 is not UTF-8") as caught:
        parse(b"ok\n\xc3\xa9ok\xff", format=format, limits=LIMITS)
    assert caught.value.origin is not None
    assert (caught.value.origin.line, caught.value.origin.column) == (2, 4)


def test_invalid_bytes_after_a_mark() -> None:
    """The offset counts the byte order mark, which the column does not."""
    with pytest.raises(ParseError, match="offset 5 is not UTF-8") as caught:
        parse(b"\xef\xbb\xbfab\xff", format="text", limits=LIMITS)
    assert caught.value.origin is not None
    assert caught.value.origin.column == 3


@pytest.mark.parametrize("format", FORMATS)
def test_nul(format: str) -> None:
    """A NUL byte is refused by every format, with its line."""
    with pytest.raises(ParseError, match="NUL") as caught:
        parse(b"a\nb\0", format=format, limits=LIMITS)
    assert caught.value.origin is not None
    assert (caught.value.origin.line, caught.value.origin.column) == (2, 2)


@pytest.mark.parametrize("format", ["text", "html"])
def test_text_is_one_value(format: str) -> None:
    """Text and HTML are one text, which stands at the beginning."""
    assert parse(b" <p>\n", format=format, limits=LIMITS).value == " <p>\n"
    assert locate(b" <p>\n", format, ("any",)) == (1, 1)


def test_locate_tells_nothing() -> None:
    """A format that is none, and content that cannot be read, have no places."""
    assert locate(b"a: 1", "nothing", ("a",)) is None
    assert locate(b"a: [", "yaml", ("a",)) is None
