"""XML: the mapping to a tree, and what is refused."""

from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import locate, parse


def read(content: str | bytes, **limits: int) -> Any:
    """Parse with the default limits, but for those given."""
    raw = content if isinstance(content, bytes) else content.encode()
    return parse(raw, format="xml", limits=Limits(**limits)).value


def refused(content: str | bytes, **limits: int) -> ParseError:
    """The error that the content must give."""
    with pytest.raises(ParseError) as caught:
        read(content, **limits)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<r><a>1</a><b> x y\n</b><c/><d></d></r>", {"a": "1", "b": "x y", "c": "", "d": ""}),
        ("<r><a>1</a><a/><a><b>2</b></a></r>", {"a": ["1", "", {"b": "2"}]}),
        ("<r><a x='1' y='2'/><b x='1'>t</b></r>", {"a": {"x": "1", "y": "2"}, "b": {"x": "1", "#text": "t"}}),
        ("<r z='1'><a>\n<b>&lt;&#65;</b></a></r>", {"z": "1", "a": {"b": "<A"}}),
        ("<n:r xmlns:n='u' xmlns='v'><n:a n:x='1'/><b/></n:r>", {"a": {"x": "1"}, "b": ""}),
        ("<r><!-- c --><a><![CDATA[<x>]]></a><?p i?></r>", {"a": "<x>"}),
        ("<r xmlns='" + "u" * 256 + "'><a xmlns=''/></r>", {"a": ""}),
        ("<r/>", {}),
        ("<r> </r>", {}),
        ("<r>text</r>", "text"),
    ],
)
def test_mapping(text: str, value: Any) -> None:
    """Elements, attributes, texts and repetitions become what the module's docstring says."""
    assert read(text) == value


def test_encodings() -> None:
    """A declared ISO-8859-1 is honoured; UTF-8 is UTF-8 whatever is declared."""
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><r><a>é</a></r>"
    assert read(text.encode("latin-1")) == read(text.encode()) == {"a": "é"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n<!DOCTYPE r>\n<r/>", 2, "DTD is not allowed"),
        ("<!DOCTYPE r [\n<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n<r>&x;</r>", 1, "DTD is not allowed"),
        ("<r>\n&hunter2;</r>", 2, "undefined entity"),
        ("<r>\n<a>hunter2</b></r>", 2, "mismatched tag"),
        ("<r>\n<a x='1'><x>hunter2</x></a></r>", 2, "'x' is an attribute and a child"),
        ("<r>\n<a xmlns:n='u' x='1' n:x='hunter2'/></r>", 2, "two attributes"),
        ("<r>\n<a><b/>hunter2</a></r>", 2, "text between the children of 'a'"),
        ("<r>\n<n:a/></r>", 2, "unbound prefix"),
        ("<r>\n<a xmlns='hunter2" + "u" * 250 + "'/></r>", 2, "a namespace of more than 256 bytes"),
        ("<r>\n<a xmlns:n='hunter2" + "€" * 84 + "'/></r>", 2, "a namespace of more than 256 bytes"),
        ("", 1, "no element found"),
        ("<r/>\n<r/>", 2, "junk after document element"),
    ],
)
def test_refused(text: str, line: int, words: str) -> None:
    """What is no XML, needs a DTD, or loses something in the mapping, is refused with its line."""
    error = refused(text)
    assert words in error.reason
    assert error.origin is not None
    assert error.origin.line == line
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("text", "limit", "value"),
    [
        ("<r><a><b>1</b></a></r>", "depth", 1),
        ("<r><a/><a/><b/></r>", "nodes", 4),
        ("<r><a/><a/><b/></r>", "keys", 1),
        ("<r x='1' y='1'>t</r>", "keys", 2),
        ("<r x='1' y='1'>t</r>", "nodes", 3),
    ],
)
def test_limits_are_exact(text: str, limit: str, value: int) -> None:
    """One over the limit is refused and named, exactly the limit is not."""
    error = refused(text, **{limit: value})
    assert isinstance(error, LimitExceeded)
    assert f"limit {limit}={value}" in error.reason
    assert read(text, **{limit: value + 1})


def test_attributes_are_counted_early() -> None:
    """One tag of too many attributes is refused at its line; what only looks like one is not."""
    many = " x=''" * 300_000
    assert read(f"<r><!-- <a{many}/> --><?p <a{many}?><a><![CDATA[<a{many}/>]]></a></r>") == {
        "a": f"<a{many}/>"
    }
    assert read(f"<r y='>'>{many}</r>") == {"y": ">", "#text": many.strip()}
    error = refused("<r>\n<a" + "".join(f" x{n}='>'" for n in range(200_001)) + "/></r>")
    assert "limit keys=200000" in error.reason
    assert (error.origin and error.origin.line) == 2
    tag = "<r" + "".join(f" x{n}='>'" for n in range(200_000)) + "/>"
    assert len(read(tag)) == 200_000


@given(
    st.dictionaries(
        st.from_regex("[a-z]{1,4}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"])).map(str.strip),
    )
)
def test_round_trip(flat: dict[str, str]) -> None:
    """Texts written as elements are read back equal."""
    assert (
        read("<r>" + "".join(f"<{key}>{escape(text)}</{key}>" for key, text in flat.items()) + "</r>") == flat
    )


def test_places() -> None:
    """A value stands at its element's start, one of a repetition at its own, after wide characters."""
    content = "<r>\n <é>€€</é><a>1</a>\n <a x='2'>3</a></r>".encode()
    assert locate(content, "xml", ("é",)) == (2, 2)
    assert locate(content, "xml", ("a",)) == locate(content, "xml", ("a", 0)) == (2, 11)
    assert locate(content, "xml", ("a", 1)) == locate(content, "xml", ("a", 1, "x")) == (3, 2)
    assert (
        locate(content, "xml", ("a", 1, "#text")) == locate(content, "xml", ("a", "1", "nowhere")) == (3, 2)
    )
    assert locate(content, "xml", ("nowhere",)) == (1, 1)
    assert locate(b"<r><a><b/></a><a/></r>", "xml", ("a",)) == (1, 4)
