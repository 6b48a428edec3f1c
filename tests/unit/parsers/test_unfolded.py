"""Flat keys of a key-value store as a tree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf._values.snapshot import Folder
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import parse, unfolded

SECRET = b"hunter2"


def tree(values: dict[str, bytes], **limits: int) -> Any:
    """The tree of keys with slashes."""
    return unfolded(Folder(values), Limits(**limits))


def refused(folder: Folder, **limits: int) -> ParseError:
    """The error that the keys must give; it shows no value."""
    with pytest.raises(ParseError) as caught:
        unfolded(folder, Limits(**limits))
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_tree() -> None:
    """Slashes separate steps, values stay text, and order does not matter."""
    values = {"db/host": b"a", "name": "größe".encode(), "db/pool/size": b"5", "empty": b""}
    expected = {"db": {"host": "a", "pool": {"size": "5"}}, "name": "größe", "empty": ""}
    assert tree(values) == expected
    assert tree(dict(reversed(values.items()))) == expected
    assert tree({}) == {}


def test_dots_and_brackets_are_names() -> None:
    """Only slashes mean something, unless it is said otherwise."""
    assert tree({"a.b": b"1", "c[0]": b"2"}) == {"a.b": "1", "c[0]": "2"}


def test_spring_names() -> None:
    """With dots as well as slashes, and items of lists, a tree may be written either way."""
    values = {"a.b/c": b"1", "a/b.d": b"2", "hosts[1]": b"y", "hosts[0]": b"x"}
    folder = Folder(values, delimiters="/.", indexed=True)
    assert unfolded(folder, Limits()) == {"a": {"b": {"c": "1", "d": "2"}}, "hosts": ["x", "y"]}


@pytest.mark.parametrize("keys", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a/b", "a/b/c/d")])
def test_value_and_folder_at_once(keys: tuple[str, str]) -> None:
    """A key beside others below it would be two things; the error names both."""
    text = str(refused(Folder(dict.fromkeys(keys, SECRET))))
    assert all(repr(key) in text for key in keys)
    assert "contradict" in text


def test_same_place_by_two_names() -> None:
    """Of two names for one place the later holds, as with properties."""
    folder = Folder({"a.b": b"1", "a/b": b"2"}, delimiters="/.")
    assert unfolded(folder, Limits()) == {"a": {"b": "2"}}


@pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b"])
def test_empty_step(key: str) -> None:
    """A step without a name is told by the key."""
    error = refused(Folder({"ok": b"", key: SECRET}))
    assert f"the key {key!r} has an empty step" in str(error)


@pytest.mark.parametrize("value", [b"\xff hunter2", b"hunter2 \xc3", b"\xed\xa0\x80 hunter2"])
def test_value_that_is_no_text(value: bytes) -> None:
    """The error names the key, and none of the content."""
    error = refused(Folder({"a/b": b"x", "a/c": value}))
    assert "the value of the key 'a/c' is no UTF-8 text" in str(error)


def test_long_key_is_cut() -> None:
    """An error stays short, however long a key is."""
    assert len(str(refused(Folder({"k" * 5000 + "/": SECRET})))) < 200


FOUR = {"a": b"12", "b/c": b"34", "b/d": b"hunter2"}


@pytest.mark.parametrize(("limit", "enough"), [("bytes", 11), ("keys", 4), ("nodes", 5), ("depth", 2)])
def test_limits(limit: str, enough: int) -> None:
    """Each limit holds, is named, and is no stricter than it says."""
    assert tree(FOUR, **{limit: enough})
    error = refused(Folder(FOUR), **{limit: enough - 1})
    assert isinstance(error, LimitExceeded)
    assert f"limit {limit}={enough - 1}" in str(error)


NAMES = st.lists(st.sampled_from("ab/."), max_size=5).map("".join)


@given(st.dictionaries(NAMES, st.binary(max_size=2)), st.sampled_from(["/", "/."]), st.booleans())
def test_it_is_a_tree_or_an_error(values: dict[str, bytes], delimiters: str, indexed: bool) -> None:
    """Whatever the keys are, every value is found by its steps, or it is told what is wrong."""
    try:
        found = unfolded(Folder(values, delimiters, indexed), Limits())
    except ParseError:
        return
    for key in values:
        node: Any = found
        for step in key.replace(".", "/" if "." in delimiters else ".").split("/"):
            node = node[step]
        assert isinstance(node, str)


def test_after_a_text_file() -> None:
    """That another format's parser was loaded meanwhile changes nothing."""
    parse(b"some text", format="text", limits=Limits())
    assert unfolded(Folder({"a": b"1"}), Limits()) == {"a": "1"}
