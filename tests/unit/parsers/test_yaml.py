"""YAML: what becomes of its values, keys, aliases and merges, and what is refused."""

import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import parse


def read(text: str, **limits: int) -> Any:
    """Parse with the default limits, but for those given."""
    return parse(text.encode(), format="yaml", limits=Limits(**limits)).value


def refused(text: str, **limits: int) -> ParseError:
    """The error that the content must give."""
    with pytest.raises(ParseError) as caught:
        read(text, **limits)
    return caught.value


def line_of(error: ParseError) -> int | None:
    """The line in the error's origin."""
    return error.origin.line if error.origin else None


SCALARS = [
    "yes",
    "Off",
    "true",
    "~",
    "",
    "null",
    "0",
    "-0",
    "+12",
    "0b101",
    "0x_ff",
    "0o17",
    "017",
    "1_000",
    "190:20:30",
    "1.5",
    "-1.5e+3",
    ".5",
    "1e3",
    ".inf",
    "-.INF",
    "190:20:30.15",
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43",
    "'12'",
    '"yes"',
    "!!str 12",
    "! 12",
    "!!int '0x1f'",
    "!!float 1",
    "!!null x",
    "!!binary aGVsbG8=",
    "words of text",
    "1.2.3",
    "!!bool 'no'",
    "0.",
    "12e03",
    "٣",
]


@pytest.mark.parametrize("source", SCALARS)
def test_scalars_as_safe_loader(source: str) -> None:
    """Every kind of scalar is read exactly as PyYAML's safe loader reads it."""
    expected = yaml.load(f"k: {source}\n", Loader=yaml.CSafeLoader)["k"]
    found = read(f"k: {source}\n")["k"]
    assert (found, type(found)) == (expected, type(expected))


def test_own_kinds() -> None:
    """Not-a-number is a number, `=` is a text, as are merge keys that stand as values."""
    tree = read("a: .nan\nb: =\nc: <<\nd: 2020-01-02")
    assert tree.pop("a") != 0
    assert tree == {"b": "=", "c": "<<", "d": dt.date(2020, 1, 2)}


LEAVES = st.one_of(
    st.text(),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.binary(),
)
TREES = st.dictionaries(
    st.text(),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ),
)


@given(TREES, st.booleans())
def test_round_trip(tree: dict[str, Any], flow: bool) -> None:
    """What PyYAML writes, in block and in flow style, is read back equal."""
    dumped = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)
    expected = yaml.load(dumped, Loader=yaml.CSafeLoader)
    assert read(dumped) == expected


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("1", "1"),
        ("on", "on"),
        ("null", "null"),
        ("~", "~"),
        ("0x1F", "0x1F"),
        ("1.50", "1.50"),
        ("'q r'", "q r"),
        ("2001-12-14", "2001-12-14"),
        ("!!int '7'", "7"),
        ("? k\n", "k"),
        ("'<<'", "<<"),
        ("=", "="),
    ],
)
def test_keys_are_source_text(source: str, key: str) -> None:
    """A key that looks like a number, a boolean or a date stays what was written."""
    assert read(f"{source}: v") == {key: "v"}


@pytest.mark.parametrize("text", ["", "# only\n  # comments\n", "---\n", "---\n...\n", "%YAML 1.1\n---\n"])
def test_empty_document(text: str) -> None:
    """A document of nothing but comments is an empty mapping."""
    assert read(text) == {}


@pytest.mark.parametrize(("text", "value"), [("null", None), ("[a]", ["a"]), ("word", "word"), ("''", "")])
def test_other_roots(text: str, value: Any) -> None:
    """A document may be a list or a scalar; what to make of it is the caller's business."""
    assert read(text) == value


def test_aliases_and_merges() -> None:
    """Aliases stand for values, merges fill in what is not there, the first source winning."""
    tree = read("""
        base: &base {a: 1, b: {c: 2}}
        more: &more {a: 9, d: 4}
        one: {<<: *base, a: 5}
        two: {x: 0, <<: [*more, *base]}
        three: {<<: {z: 1}, <<x: 2}
        four: *base
        five: &n name
        *n : six
        &k seven: *k
    """)
    assert tree["one"] == {"a": 5, "b": {"c": 2}}
    assert tree["two"] == {"x": 0, "a": 9, "d": 4, "b": {"c": 2}}
    assert tree["three"] == {"z": 1, "<<x": 2}
    assert tree["four"] == tree["base"] == {"a": 1, "b": {"c": 2}}
    assert tree["name"] == "six"
    assert tree["seven"] == "seven"


def test_anchor_anew() -> None:
    """An anchor may be set again; an alias means the nearest one before it."""
    assert read("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' is given twice"),
        ("a:\n  on: 1\n  'on': 2", 3, "'on' is given twice"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x", 4, "'<<' is given twice"),
        ("a: 1\n---\nb: 2", 2, "more than one"),
        ("a: 1\n? [b]\n: 2", 2, "mapping or a list"),
        ("a: 1\n? {b: 1}\n: 2", 2, "mapping or a list"),
        ("a: &a [1]\n? *a\n: 2", 2, "mapping or a list"),
        ("a: 1\nb: !Ref x", 2, "tag"),
        ("a: 1\n!Ref b: x", 2, "tag"),
        ("a: 1\nb: !!python/object:os.system {}", 2, "tag"),
        ("a: 1\nb: !!set {x}", 2, "tag"),
        ("a: 1\nb: !!omap [x: 1]", 2, "tag"),
        ("a: 1\nb: !!map [x]", 2, "tag"),
        ("a: 1\nb: *nowhere", 2, "alias without an anchor"),
        ("a: &a\n  - *a", 2, "alias within"),
        ("a: &a\n  <<: *a", 2, "alias within"),
        ("a:\n  <<: 1", 2, "'<<' merges a mapping"),
        ("a:\n  <<: [{b: 1}, 2]", 2, "'<<' merges a mapping"),
        ("a: 1\nb: 2020-13-45", 2, "not a valid date"),
        ("a: 1\nb: !!int x", 2, "not a valid whole number"),
        ("a: 1\nb: !!float ''", 2, "not a valid number"),
        ("a: 1\nb: !!bool x", 2, "not a valid boolean"),
        ("a: 1\nb: !!timestamp x", 2, "not a valid date"),
        ("a: 1\nb: !!binary é", 2, "not a valid base64"),
        ("a: 1\nb: " + "9" * 5000, 2, "more than 4300 characters"),
        ("a: 1\nb: 1" + ":59" * 5000, 2, "more than 100 characters"),
        ("a: 1\nb: 1" + ":59" * 40, 2, "a whole number of more than 100 characters"),
        ("a: 1\nb: !!float 1" + ":59" * 40, 2, "a number of more than 100 characters"),
        ("a: 1\nb: }", 2, "no valid YAML"),
        ("a: 1\nb: 'x\u0007'", 2, "control character"),
        ("a: 1\n\tb: 1", 2, "no valid YAML"),
        ("%TAG !a! b\n" * 101, None, "directives"),
    ],
)
def test_refused_with_its_line(text: str, line: int | None, words: str) -> None:
    """What makes no plain data is refused, with the line and a reason in words."""
    error = refused(text)
    assert words in error.reason
    assert line_of(error) == line


@pytest.mark.parametrize(
    "text",
    [
        "hunter2: !hunter2",
        "a: *hunter2",
        "a: !!int hunter2",
        "a: @hunter2",
        "a: %hunter2",
        "a: &hunter2 [",
        "a: '\\hunter2",
        'a: "\\hunter2"',
        "!hunter2!x a: 1",
        "a: !!timestamp hunter2",
        "a: !!binary hunter2é",
        "%hunter2\n---\na",
    ],
)
def test_errors_show_no_content(text: str) -> None:
    """No error repeats a value, a tag, an anchor or a directive; nor does its chain."""
    error = refused(text)
    assert "hunter2" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("text", "limit", "value"),
    [
        ("[" * 5 + "]" * 5, "depth", 4),
        ("- " * 4 + "- x", "depth", 4),
        ("a: &a [[1]]\nb: [[*a]]", "depth", 4),
        ("[1, 2, 3, 4]", "nodes", 4),
        ("[&a [1, 2], *a]", "nodes", 6),
        ("{a: 1, b: {c: 1}}", "keys", 2),
        ("{a: &a {x: 1, y: 2}, b: *a}", "keys", 5),
        ("{a: &a {x: 1, y: 2}, b: {<<: *a}}", "keys", 6),
    ],
)
def test_limits_are_exact(text: str, limit: str, value: int) -> None:
    """One over the limit is refused and named, exactly the limit is not; aliases count in full."""
    error = refused(text, **{limit: value})
    assert isinstance(error, LimitExceeded)
    assert f"limit {limit}={value}" in error.reason
    assert read(text, **{limit: value + 1}) is not None


def test_merges_add_no_levels() -> None:
    """A long chain of mappings that merge one another is flat, and is not refused as deep."""
    links = "\n".join(f"m{i}: &m{i} {{<<: [*m{i - 1}], k{i}: 1}}" for i in range(1, 80))
    tree = read(f"m0: &m0 {{k0: 1}}\n{links}", depth=4)
    assert len(tree["m79"]) == 80
