"""A set of documents as bytes: what goes in comes out, and nothing else is taken for one."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf import Folder, Update
from dynconf._cache import archive
from dynconf._cache.archive import Kept, Packer, Unreadable, unpack

text = st.text(max_size=8)
names = st.text(min_size=1, max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
folders = st.builds(Folder, st.dictionaries(text, st.binary(max_size=8), max_size=3), text, st.booleans())
contents = st.binary() | folders | st.dictionaries(text, plain, max_size=3)
updates = st.builds(
    Update,
    document=names,
    revision=text,
    content=contents,
    format=st.none() | text,
    type=st.none() | text,
    order=st.integers() | text,
)
documents = st.builds(Kept, names, updates, st.floats(0, 2e9))


@given(st.lists(documents, max_size=4))
def test_there_and_back(kept: list[Kept]) -> None:
    """Every kind of content, with all that is known of it, is what it was."""
    data, left_out = Packer().pack(kept)
    assert left_out == []
    assert unpack(data) == kept


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=4, unique=True), max_size=4), st.data())
def test_one_set_after_the_other(sets: list[list[str]], data: st.DataObject) -> None:
    """What was made of earlier sets alters nothing of what a set is packed to."""
    packer = Packer()
    served = {name: Kept("s", Update(name, "0", b"0"), 0.0) for name in "abcd"}
    for number, chosen in enumerate(sets, 1):
        change = data.draw(st.sampled_from(["content", "time", "none"]))
        if chosen and change == "content":
            served[chosen[0]] = Kept("s", Update(chosen[0], f"{number}", b"%d" % number), float(number))
        elif chosen and change == "time":
            served[chosen[0]] = replace(served[chosen[0]], at=float(number))
        kept = [served[name] for name in chosen]
        assert packer.pack(kept) == Packer().pack(kept)


def test_what_has_not_changed_is_not_packed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of one document costs no more than that of the others is joined to it."""
    made = []
    packed = archive._packed

    def note(kept: Kept) -> bytes:
        made.append(kept.update.document)
        return packed(kept)

    monkeypatch.setattr(archive, "_packed", note)
    packer = Packer()
    kept = {name: Kept("s", Update(name, "1", b"1"), 1.0) for name in "abc"}
    packer.pack(kept.values())
    kept["b"] = Kept("s", Update("b", "2", b"2"), 2.0)
    packer.pack(kept.values())
    assert made == ["a", "b", "c", "b"]


def test_what_json_cannot_say_is_left_out() -> None:
    """A tree of a third party's source may hold anything; all of that source is left out then."""
    good = Kept("other", Update("good", "1", {"a": 1}), 1.0)
    beside = Kept("s", Update("beside", "1", {"a": 1}), 1.0)
    bad = Kept("s", Update("bad", "1", {"day": date(2026, 1, 1)}), 1.0)
    data, left_out = Packer().pack([beside, bad, good])
    assert left_out == ["bad"]
    assert unpack(data) == [good]


KEPT = Packer().pack([Kept("s", Update("d", "1", b"key: hunter2\n"), 1.0)])[0]


@given(st.data())
def test_damage_is_noticed(data: st.DataObject) -> None:
    """One byte less, more or other anywhere is an error, and the error tells nothing of the content."""
    at = data.draw(st.integers(0, len(KEPT) - 1))
    put = data.draw(st.binary(max_size=3))
    cut = data.draw(st.integers(0, 3))
    damaged = KEPT[:at] + put + KEPT[at + cut :]
    if damaged != KEPT:
        with pytest.raises(Unreadable) as caught:
            unpack(damaged)
        assert "hunter2" not in str(caught.value)


@given(st.binary())
def test_anything_else_is_no_cache(data: bytes) -> None:
    """Whatever stands in the file, there is an error and no other."""
    with pytest.raises(Unreadable):
        unpack(data)


def forged(body: object, version: int = 1) -> bytes:
    """An archive whose checksum fits."""
    import hashlib  # noqa: PLC0415

    said = json.dumps(body).encode()
    return b"dynconf-cache %d %s\n%s" % (version, hashlib.sha256(said).hexdigest().encode(), said)


ENTRY = {"source": "s", "document": "d", "revision": "1", "at": 1.0}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"documents": [ENTRY]},
        {"documents": [{**ENTRY, "text": "a", "tree": {}}]},
        {"documents": [{**ENTRY, "text": 3}]},
        {"documents": [{**ENTRY, "binary": "%"}]},
        {"documents": [{**ENTRY, "at": "soon", "text": ""}]},
        {"documents": [{**ENTRY, "at": 1e300, "text": ""}]},
        {"documents": [{**ENTRY, "at": -1e18, "text": ""}]},
        {"documents": [{**ENTRY, "at": float("nan"), "text": ""}]},
        {"documents": [{**ENTRY, "at": float("inf"), "text": ""}]},
        {"documents": [], "more": 1},
    ],
)
def test_what_we_do_not_write_is_not_read(body: object) -> None:
    """A checksum that fits is not enough."""
    with pytest.raises(Unreadable, match="not as dynconf writes it"):
        unpack(forged(body))


def test_another_version() -> None:
    """What a later dynconf writes is not guessed at."""
    with pytest.raises(Unreadable, match="another version"):
        unpack(forged({"documents": []}, version=2))
