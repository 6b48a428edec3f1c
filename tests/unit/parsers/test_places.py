"""Where a value stands: its own line and column, or those of the nearest thing above it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.parsers import _json, locate, parse
from dynconf.parsers._places import Places

# Each leaf is a number of its own, so that its text can be recognised where it is found.
SHAPES = st.recursive(
    st.just(0),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(), inner, min_size=1, max_size=4)
    ),
    max_leaves=20,
)
TREES = st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), SHAPES, min_size=1)


def numbered(shape: Any, numbers: Iterator[int]) -> Any:
    """The shape with a number of its own for each leaf."""
    if isinstance(shape, dict):
        return {key: numbered(child, numbers) for key, child in shape.items()}
    if isinstance(shape, list):
        return [numbered(child, numbers) for child in shape]
    return next(numbers)


def leaves(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Every leaf with its path."""
    if isinstance(tree, int):
        yield path, tree
    for key, child in (
        tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    ):
        yield from leaves(child, (*path, key))


def check(tree: Any, text: str, format: str) -> None:
    """Every leaf is found where its number stands."""
    lines = text.split("\n")
    for path, number in leaves(tree):
        place = locate(text.encode(), format, path)
        assert place is not None
        assert lines[place[0] - 1][place[1] - 1 :].startswith(str(number))


@given(TREES, st.sampled_from([None, 1]), st.booleans())
def test_json_leaves(shape: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    """Every leaf of a JSON document is found where its text stands."""
    tree = numbered(shape, iter(range(10_000, 20_000)))
    check(tree, json.dumps(tree, indent=indent, ensure_ascii=ascii_only), "json")


@given(TREES, st.booleans())
def test_yaml_leaves(shape: dict[str, Any], flow: bool) -> None:
    """Every leaf of a YAML document is found where its text stands."""
    tree = numbered(shape, iter(range(10_000, 20_000)))
    check(tree, yaml.safe_dump(tree, default_flow_style=flow), "yaml")


def toml_value(value: Any) -> str:
    """A value, written inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    return "[" + ",\n # [\n".join(map(toml_value, value)) + "\n]" if isinstance(value, list) else str(value)


def toml_tables(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    """A tree, written with a header for each table."""
    tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
    yield from (f"{json.dumps(key)}={toml_value(value)}" for key, value in tree.items() if key not in tables)
    for key, table in tables.items():
        yield f"[ {above}{json.dumps(key)} ] # ="
        yield from toml_tables(table, f"{above}{json.dumps(key)} . ")


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", exclude_characters="\x7f")),
        st.recursive(
            st.just(0),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.text(st.characters(codec="ascii", exclude_characters="\x7f")), inner, max_size=3
                )
            ),
            max_leaves=20,
        ),
        min_size=1,
    )
)
def test_toml_leaves(shape: dict[str, Any]) -> None:
    """Every leaf of a TOML document is found where its text stands, in tables and in inline values."""
    tree = numbered(shape, iter(range(10_000, 20_000)))
    text = "\n".join(toml_tables(tree))
    assert parse(text.encode(), format="toml", limits=Limits()).value == tree
    check(tree, text, "toml")


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("json", '{"a"}{"b": 1'),
        ("json", "]"),
        ("json", "{1: 2}"),
        ("json", '"\\q"'),
        ("toml", "a = "),
        ("toml", "a = [1 'x'"),
        ("toml", "a = ['x' 1"),
        ("toml", "a = " + "[" * 5000),
        ("toml", "a = 1\na.b = 2"),
        ("toml", "a = 1\n[[a]]"),
        ("toml", '"\\q" = 1'),
        ("toml", "[a"),
    ],
)
def test_junk_is_no_trouble(format: str, text: str) -> None:
    """Content that never was a document of its format leads to its beginning or nowhere."""
    assert locate(text.encode(), format, ("x", "y")) in (None, (1, 1))


YAML = """\
base: &base
  host: h
  deep: {x: 1}
one:
  <<: *base
  own: 2
two: *base
list:
- a
- b: |
    text
"""
TOML = """\
top.of.all = 1
[table]
inline = { "a b" = [1, 2], c.d = "x" }
"q\\u0041" = '''
multi'''
[[items]]
n = 1
[[items]]
n = 2020-01-01 10:00:00
[items.sub]
z = 3
"""
PROPERTIES = "a.b = 1\nlist[0]=x\nlist[1].y : z\nlong=\\\n  v\na.b=2\n"
DOTENV = "A=1\nexport B='x\ny' # note\nC= # empty\nA=2\n"


@pytest.mark.parametrize(
    ("format", "text", "path", "place"),
    [
        ("yaml", YAML, ("one", "host"), (2, 9)),
        ("yaml", YAML, ("one", "deep", "x"), (3, 13)),
        ("yaml", YAML, ("one", "own"), (6, 8)),
        ("yaml", YAML, ("two", "deep"), (3, 9)),
        ("yaml", YAML, ("list",), (9, 1)),
        ("yaml", YAML, ("list", 1, "b"), (10, 6)),
        ("yaml", YAML, ("list", "0"), (9, 3)),
        ("yaml", YAML, ("list", 7), (9, 1)),
        ("yaml", YAML, ("list", "9" * 5000), (9, 1)),
        ("yaml", YAML, ("list", 1, "nothing", "there"), (10, 3)),
        ("yaml", YAML, ("base", "host", "deeper"), (2, 9)),
        ("yaml", YAML, (), (1, 1)),
        ("yaml", "# note\n\na: 1", ("b",), (3, 1)),
        ("json", '\n {"a": {"b": []}}', ("a", "x"), (2, 8)),
        ("json", '\n {"a": {"b": []}}', ("a", "b", 0), (2, 14)),
        ("json", '\n {"a": {"b": []}}', ("x",), (2, 2)),
        ("toml", TOML, ("top", "of", "all"), (1, 14)),
        ("toml", TOML, ("top", "of"), (1, 1)),
        ("toml", TOML, ("table",), (2, 1)),
        ("toml", TOML, ("table", "inline", "a b", 1), (3, 24)),
        ("toml", TOML, ("table", "inline", "c", "d"), (3, 34)),
        ("toml", TOML, ("table", "qA"), (4, 13)),
        ("toml", TOML, ("items",), (6, 1)),
        ("toml", TOML, ("items", 1, "n"), (9, 5)),
        ("toml", TOML, ("items", 1, "sub", "z"), (11, 5)),
        ("toml", TOML, ("items", 2), (6, 1)),
        ("properties", PROPERTIES, ("a", "b"), (6, 5)),
        ("properties", PROPERTIES, ("a",), (1, 1)),
        ("properties", PROPERTIES, ("list", 0), (2, 9)),
        ("properties", PROPERTIES, ("list", 1, "y"), (3, 13)),
        ("properties", PROPERTIES, ("list", 1, "none"), (3, 1)),
        ("properties", PROPERTIES, ("list",), (2, 1)),
        ("dotenv", DOTENV, ("A",), (5, 3)),
        ("dotenv", DOTENV, ("B",), (2, 11)),
        ("dotenv", DOTENV, ("C",), (4, 3)),
        ("dotenv", DOTENV, ("D",), (1, 1)),
    ],
)
def test_where(format: str, text: str, path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    """Values of every form are found, through aliases and merges; what is missing leads to its parent."""
    assert locate(text.encode(), format, path) == place


def test_many_places_take_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that twenty things are wrong with is not read twenty times to tell where."""
    read = _json.places
    readings: list[bytes] = []

    def noted(content: bytes) -> Places:
        readings.append(content)
        return read(content)

    monkeypatch.setattr(_json, "places", noted)
    content = json.dumps({"ports": ["x"] * 20, "of": "test_many_places"}).encode()
    found = [locate(content, "json", ("ports", number)) for number in range(20)]
    assert found == [(1, 12 + 5 * number) for number in range(20)]
    assert readings == [content]


@pytest.mark.parametrize(("size", "place"), [(1 << 20, (1, 7)), ((1 << 20) + 1, None)])
def test_very_large(size: int, place: tuple[int, int] | None) -> None:
    """Of a document of more than a megabyte it is not told; reading it again would take too long."""
    content = b'{"a": 1}'.ljust(size)
    assert locate(content, "json", ("a",)) == place
