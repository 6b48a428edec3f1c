"""JSON and TOML: what is read, what is refused, and where."""

import json
import math
import tomllib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import parse

TREES = st.dictionaries(
    st.text(),
    st.recursive(
        st.one_of(
            st.text(),
            st.integers(),
            st.booleans(),
            st.none(),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ),
)


def read(text: str, format: str, **limits: int) -> Any:
    """Parse with the default limits, but for those given."""
    return parse(text.encode(), format=format, limits=Limits(**limits)).value


def refused(text: str, format: str, **limits: int) -> ParseError:
    """The error that the content must give."""
    with pytest.raises(ParseError) as caught:
        read(text, format, **limits)
    return caught.value


def place(error: ParseError) -> tuple[int | None, int | None]:
    """Line and column of the error's origin."""
    assert error.origin is not None
    return error.origin.line, error.origin.column


@given(TREES, st.booleans(), st.sampled_from([None, 2]))
def test_json_round_trip(tree: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """What the standard library writes is read back equal."""
    assert read(json.dumps(tree, ensure_ascii=ascii_only, indent=indent), "json") == tree


@given(TREES)
def test_json_limits_are_exact(tree: dict[str, Any]) -> None:
    """One below what a document has of values, keys or levels is refused; exactly that is not."""

    def size(value: Any) -> tuple[int, int, int]:
        if not isinstance(value, dict | list):
            return 1, 0, 0
        own = len(value) if isinstance(value, dict) else 0
        sizes = [size(child) for child in (value.values() if isinstance(value, dict) else value)]
        nodes, keys = 1 + sum(each[0] for each in sizes), own + sum(each[1] for each in sizes)
        return nodes, keys, 1 + max((each[2] for each in sizes), default=0)

    text = json.dumps(tree, indent=1)
    for limit, amount in zip(("nodes", "keys", "depth"), size(tree), strict=True):
        read(text, "json", **{limit: amount})
        if amount:
            error = refused(text, "json", **{limit: amount - 1})
            assert isinstance(error, LimitExceeded)
            assert f"limit {limit}={amount - 1}" in error.reason


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', (2, 16), "'c' is given twice"),
        ('{"a": 1,\n "\\u0061": 2}', (2, 2), "'a' is given twice"),
        ('{"a":\n NaN}', (2, 2), "no NaN"),
        ('{"a":\n -Infinity}', (2, 2), "no infinity"),
        ('{"a":\n ' + "9" * 5000 + "}", (2, 2), "digits"),
        ('{"a":\n "\\ud800"}', (2, 2), "surrogate"),
        ('{"\\udc00\\ud83d":\n 1}', (1, 2), "surrogate"),
        ("{'a': 1}", (1, 2), "double quotes"),
        ('{"a": 1\n "b": 2}', (2, 2), "',' delimiter"),
        ('{"a" 1}', (1, 6), "':' delimiter"),
        ('{"a": hunter2}', (1, 7), "Expecting value"),
        ('{"a": "\\hunter2"}', (1, 8), "Invalid \\escape"),
        ('{"a": "\nhunter2"}', (1, 8), "control character"),
        ('{"a": "hunter2}', (1, 7), "Unterminated"),
        ("1 hunter2", (1, 3), "Extra data"),
        ("", (1, 1), "Expecting value"),
    ],
)
def test_json_refused(text: str, where: tuple[int, int], words: str) -> None:
    """What is no JSON, or could be read in two ways, is refused with its place and without content."""
    error = refused(text, "json")
    assert words in error.reason
    assert place(error) == where
    assert "hunter2" not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


def test_json_surrogate_pairs() -> None:
    """A pair of surrogate escapes is one character, and fine."""
    assert read('"\\ud83d\\ude00"', "json") == "😀"


def test_json_deeper_than_python() -> None:
    """Where the limit allows more levels than Python can follow, that is a limit too."""
    assert isinstance(refused("[" * 100_000 + "]" * 100_000, "json", depth=200_000), LimitExceeded)


def toml_value(value: Any) -> str:
    """A value, written inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return "0.5" if value is None else json.dumps(value)


TOML_TEXT = st.text(st.characters(codec="ascii", exclude_characters="\x7f"))
TOML_TREES = st.dictionaries(
    TOML_TEXT,
    st.recursive(
        st.one_of(TOML_TEXT, st.integers(), st.booleans()),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TOML_TEXT, inner, max_size=4),
        max_leaves=20,
    ),
)


@given(TOML_TREES)
def test_toml_round_trip(tree: dict[str, Any]) -> None:
    """Values of every shape, written inline, are read back equal."""
    assert (
        read("\n".join(f"{json.dumps(key)} = {toml_value(value)}" for key, value in tree.items()), "toml")
        == tree
    )


def test_toml_tables() -> None:
    """Tables, arrays of tables, dotted keys and the special numbers are read."""
    tree = read("a.b = 1\n[t]\nx = inf\n[[l.m]]\ny = '#'\n[[l.m]]\n", "toml")
    assert tree == {"a": {"b": 1}, "t": {"x": math.inf}, "l": {"m": [{"y": "#"}, {}]}}


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("a = 1\na = 2", (2, 6), "a key is given twice"),
        ("[a]\n[a]", (2, 3), "declared twice"),
        ("a = {b = 1, b = 2}", (1, 18), "a key is given twice"),
        ("a = [1]\n[[a]]", (2, 4), "complete already"),
        ("a = {}\na.b = 1", (2, 8), "complete already"),
        ("[a.b]\n[a]\nb.c = 1", (3, 8), "complete already"),
        ("a = hunter2", (1, 5), "invalid value"),
        ("a = 'hunter2", (1, 13), "expected"),
        ('a = "hunter2', (1, 13), "unterminated"),
        ('a = "\\hunter2"', (1, 8), "backslash"),
        ("a = 1\nhunter2", (2, 8), "expected '='"),
        ("a = 1 hunter2", (1, 7), "expected newline"),
        ('a = "\x01hunter2"', (1, 6), "character that may not"),
        ("# \x01hunter2", (1, 3), "character that may not"),
        ("a = 2020-02-30", (1, 5), "invalid date"),
        ("a = " + "9" * 5000, (None, None), "number that is too long"),
    ],
)
def test_toml_refused(text: str, where: tuple[int, int], words: str) -> None:
    """What is no TOML is refused with its place and without content."""
    error = refused(text, "toml")
    assert words in error.reason
    assert place(error) == where
    assert "hunter2" not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("text", "limit", "value"),
    [
        ("a = [[1]]", "depth", 2),
        ("[a.b.c]", "depth", 3),
        ("a.b.c = 1", "depth", 2),
        ("'a'.\"b\" . c = 1", "depth", 2),
        ("[[a]]\n[[a]]", "depth", 2),
        ("a = [1, 2, 3,]", "nodes", 4),
        ("[a]\n[b]\n[c]", "nodes", 3),
        ("a = {b = 1, c = 2}", "nodes", 3),
        ("a = ['x', 'y', 'z']", "nodes", 4),
        ("a = 1\nb.c = 2", "keys", 2),
        ("[a]\n[b]\n[c]", "keys", 2),
        ("a=1\nb=2\nc=3", "keys", 2),
    ],
)
def test_toml_limits_are_exact(text: str, limit: str, value: int) -> None:
    """One over the limit is refused and named, exactly the limit is not."""
    error = refused(text, "toml", **{limit: value})
    assert isinstance(error, LimitExceeded)
    assert f"limit {limit}={value}" in error.reason
    assert read(text, "toml", **{limit: value + 1})


TOML_NAMES = st.lists(
    st.sampled_from(["a", "b", '"a"', "'b'", '"\\u0061"', '"c.d"', " a "]), min_size=1, max_size=4
)
TOML_KEYS = TOML_NAMES.map(".".join)
TOML_VALUES = st.sampled_from(
    [
        "1",
        "0.5",
        '"a.b = 1"',
        "'[a.b]'",
        "[\n[1],\n[2]\n]",
        '"""\nc = 1\n[c]\n"""',
        "[{a.b = 1}, {a.c = 1, b = 2}]",
        "{}",
    ]
)
TOML_LINES = st.one_of(
    st.tuples(TOML_KEYS, TOML_VALUES).map(" = ".join),
    st.tuples(TOML_KEYS, TOML_KEYS).map(lambda keys: f"{keys[0]} = {{{keys[1]} = 1}}"),
    TOML_KEYS.map("[{}]  # a.b.c = 1".format),
    TOML_KEYS.map("[[{}]]".format),
)


@given(st.lists(TOML_LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_toml_keys_are_counted_exactly(lines: list[str], end: str) -> None:
    """However they are written, just as many keys and values as there are may be allowed for."""
    text = end.join(lines)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    keys, nodes = count(tree)
    read(text, "toml", keys=keys, nodes=nodes)
    if keys:
        assert "limit keys" in refused(text, "toml", keys=keys - 1).reason


def count(value: Any) -> tuple[int, int]:
    """The keys and the values in a tree, itself among them."""
    if not isinstance(value, dict | list):
        return 0, 1
    each = [count(child) for child in (value.values() if isinstance(value, dict) else value)]
    own = len(value) if isinstance(value, dict) else 0
    return own + sum(keys for keys, _ in each), 1 + sum(nodes for _, nodes in each)


def test_toml_texts_are_no_structure() -> None:
    """Brackets, dots, commas and signs inside texts and comments count for nothing."""
    lines = [
        "# [[[[ = , a.b.c.d",
        'a = """',
        "[[[[ = ,",
        '"x" """',
        "b = '''{{{{ = '' '''",
        'c = "[[[[ \\" ="',
        "d = '[[[[\\'",
    ]
    text = "\n".join(lines)
    assert len(read(text, "toml", depth=1, nodes=5, keys=4)) == 4


def test_toml_deeper_than_python() -> None:
    """Where the limit allows more levels than Python can follow, that is a limit too."""
    assert isinstance(refused("a = " + "[" * 50_000 + "]" * 50_000, "toml", depth=100_000), LimitExceeded)
