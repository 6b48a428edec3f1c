"""Properties and `.env`: the grammars of their own worlds, unfolded or not."""

import io
from typing import Any

import javaproperties
import pytest
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from hypothesis import example, given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import _dotenv, _properties, locate, parse


def read(content: str | bytes, format: str, **limits: int) -> Any:
    """Parse with the default limits, but for those given."""
    raw = content if isinstance(content, bytes) else content.encode()
    return parse(raw, format=format, limits=Limits(**limits)).value


def refused(content: str | bytes, format: str, **limits: int) -> ParseError:
    """The error that the content must give."""
    with pytest.raises(ParseError) as caught:
        read(content, format, **limits)
    return caught.value


def line_of(error: ParseError) -> int | None:
    """The line in the error's origin."""
    return error.origin.line if error.origin else None


PIECES = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "=",
            ":",
            " ",
            "\t",
            "\f",
            "\\",
            "\n",
            "\r",
            "\r\n",
            "#",
            "!",
            "\\\n",
            "\\\r\n",
            "\\u0041",
            "é",
            "\v",
        ]
    )
).map("".join)


@given(PIECES)
@example("a \\\n  = b")
@example("\\\n#a")
@example("a\\")
def test_properties_as_javaproperties(text: str) -> None:
    """Keys and values are those that javaproperties finds, whatever the continuations."""
    expected = javaproperties.loads(text)
    if "" in expected:
        assert "empty step" in refused(text, "properties").reason
    else:
        assert read(text, "properties") == expected


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters=".[]\0", exclude_categories=["Cs"]), min_size=1), st.text()
    )
)
def test_properties_round_trip(flat: dict[str, str]) -> None:
    """What javaproperties writes is read back equal."""
    flat = {key: value.replace("\0", "") for key, value in flat.items()}
    assert read(javaproperties.dumps(flat, timestamp=False), "properties") == flat


def test_properties_part_by_part() -> None:
    """Escapes, pairs of them and continuations mean the same however many there are."""
    text = "a=" + "\\ud83d\\ude00" * 5000 + "\\n\\\n  x\\\\\\\r\n" * 5000 + "\\u00\\\n41"
    assert read(text, "properties") == {"a": "😀" * 5000 + "\nx\\" * 5000 + "A"}
    assert read("a=x" + text[2:], "properties") == {"a": "x" + "😀" * 5000 + "\nx\\" * 5000 + "A"}


@pytest.mark.parametrize("nothing", ["\r", "\n", "\r\n", "#\n", " ! x\n\f\n"])
def test_properties_lines_that_say_nothing(nothing: str) -> None:
    """Blank lines and comments are read many at a time, and the next line keeps its number."""
    text = nothing * 4321
    assert sum(1 for _ in _properties._LINE.finditer(text)) < 10
    assert read(f"{text}a=1\n{text}b=2\n{text}", "properties") == {"a": "1", "b": "2"}
    assert line_of(refused(f"{text}=1", "properties")) == text.count("\n") + 1


@pytest.mark.parametrize("nothing", ["\n", "#\n", " # x\n\v\n"])
def test_dotenv_lines_that_say_nothing(nothing: str) -> None:
    """Blank lines and comments are read many at a time, and the next line keeps its number."""
    text = nothing * 4321
    assert sum(1 for _ in _dotenv._LINE.finditer(text)) < 10
    assert read(f"{text}A=1\n{text}B=2\n{text}", "dotenv") == {"A": "1", "B": "2"}
    assert line_of(refused(f"{text}=1", "dotenv")) == text.count("\n") + 1
    assert locate(f"{text}A\nA=1".encode(), "dotenv", ("A",)) == (text.count("\n") + 2, 3)


def test_properties_unfold() -> None:
    """Dots make mappings, indices lists in any order and depth; all else stays in the key."""
    tree = read(
        "a.b.c=1\na.b.d: 2\nhosts[1].name=y\nhosts[0]=x\ngrid[0][1]=q\ngrid[0][0]=p\n"
        "a.odd[x]=3\na.[0]=4\na.b.c=last\nempty\nn[0].m[0].o=deep\n",
        "properties",
    )
    assert tree == {
        "a": {"b": {"c": "last", "d": "2"}, "odd[x]": "3", "[0]": "4"},
        "hosts": ["x", {"name": "y"}],
        "grid": [["p", "q"]],
        "empty": "",
        "n": [{"m": [{"o": "deep"}]}],
    }


def test_properties_latin_1() -> None:
    """What is no UTF-8 is ISO-8859-1, as Java wrote it for decades."""
    assert read("k=é".encode("latin-1"), "properties") == {"k": "é"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a=1\n\na.b=2", 3, "'a' in line 1 and 'a.b' in line 3 contradict"),
        ("a.b=2\n\na=1", 3, "'a.b' in line 1 and 'a' in line 3 contradict"),
        ("x=0\na[0]=2\na.b=1", 3, "'a[0]' in line 2 and 'a.b' in line 3 contradict"),
        ("a[0]=2\na=1", 2, "'a[0]' in line 1 and 'a' in line 2 contradict"),
        ("x=0\na[1]=1\na[3]=1", 2, "list 'a' has no item 0"),
        ("x=0\nb.a[0]=1\nb.a[2]=1", 2, "list 'b.a' has no item 1"),
        ("x=0\na..b=1", 2, "'a..b' has an empty step"),
        ("x=0\n=1", 2, "empty step"),
        ("x=0\ny=\\\n\\uhunter2", 3, "hexadecimal"),
        ("x=0\ny=\\\n\\ud800hunter2", 3, "surrogate"),
    ],
)
def test_properties_refused(text: str, line: int, words: str) -> None:
    """What cannot be a tree is refused, naming the keys and their lines but no value."""
    error = refused(text, "properties")
    assert words in error.reason
    assert line_of(error) == line
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("format", "text", "limit", "value"),
    [
        ("properties", "a.b.c=1", "depth", 2),
        ("properties", "a[0][0]=1", "depth", 2),
        ("properties", "a.b=1\na.c=2", "keys", 2),
        ("properties", "a[0]=1\na[1]=2", "nodes", 3),
        ("properties", "a.b=1\na.b=2", "keys", 2),
        ("properties", "a[0]=1\na[0]=2", "nodes", 3),
        ("dotenv", "A=1\nB\nA=3", "keys", 2),
        ("dotenv", "A=1\nB\nA=3", "nodes", 3),
    ],
)
def test_limits_are_exact(format: str, text: str, limit: str, value: int) -> None:
    """One over the limit is refused and named, exactly the limit is not."""
    error = refused(text, format, **{limit: value})
    assert isinstance(error, LimitExceeded)
    assert f"limit {limit}={value}" in error.reason
    assert read(text, format, **{limit: value + 1})


@given(
    st.lists(
        st.sampled_from(
            [
                "A",
                "B",
                "=",
                " ",
                "\t",
                "\\",
                "\n",
                "\r",
                "\r\n",
                "#",
                "'",
                '"',
                "export ",
                "\\n",
                "\\'",
                '\\"',
                "é",
                "\v",
                ".",
            ]
        )
    ).map("".join)
)
@example("A='x' # note")
@example("A= # note")
@example("export # note")
@example('A="x\\\ny"')
def test_dotenv_as_python_dotenv(text: str) -> None:
    """Names and values are those that python-dotenv finds; where it finds an error, so do we."""
    if any(binding.error for binding in parse_stream(io.StringIO(text))):
        assert "NAME=value" in refused(text, "dotenv").reason
    else:
        expected = dotenv_values(stream=io.StringIO(text), interpolate=False)
        # A name that is given once more without a value loses it there; for us that says nothing.
        found = read(text, "dotenv")
        assert {key: value for key, value in expected.items() if value is not None} == {
            key: value for key, value in found.items() if expected[key] is not None
        }


def test_dotenv_unfolds_nothing() -> None:
    """Names keep their case, their dots and their underscores; variables are not expanded."""
    assert read("A__B=1\na.b=$A__B\nexport Q='x y'\nbare\n", "dotenv") == {
        "A__B": "1",
        "a.b": "$A__B",
        "Q": "x y",
    }


@pytest.mark.parametrize("line", ["=hunter2", "A='hunter2", 'A="hunter2', "A B hunter2", "A='x' hunter2"])
def test_dotenv_refused(line: str) -> None:
    """A line that sets nothing is refused with its number and without its text."""
    error = refused(f"X=1\n\n  {line}\nY=2", "dotenv")
    assert line_of(error) == 3
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("value", [r"C:\\logs\\new\u0041", r"\\" * 7, r"a\\\n\\", "one \\\n  two\\\\"])
def test_long_escaped_values(value: str) -> None:
    """A value is read the same however long it is, wherever it is cut for that."""
    many = 3_000
    short = read(f"a={value}", "properties")["a"]
    assert read(f"a={value * many}", "properties")["a"] == short * many
