"""Any sequence of replies at all: a watch never raises, never spins, and tells just what changed."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable
from dynconf.protocols.consul.watch import Found, Watch, follow
from dynconf.protocols.exchange import Busy, Reply
from dynconf.testing import ManualClock
from tests.protocols.canned import SERVER, missing, play, raw, reply

NUMBERS = st.integers(0, 2**64) | st.sampled_from([-1, 0, 1, 10**4000])
ENTRIES = st.lists(
    st.builds(
        raw, st.sampled_from(["a/", "a/b", "a/c"]), st.sampled_from([None, b"", b"x"]), st.integers(1, 3)
    ),
    max_size=3,
    unique_by=lambda entry: str(entry["Key"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters()) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["Key", "Value", "ModifyIndex", "CreateIndex", "Flags", "Session", "LockIndex"]
ODD_ENTRIES = st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON) | JSON, max_size=3)
INDICES = st.integers(0, 9) | NUMBERS | st.text(max_size=5) | st.none()
HEADERS = st.dictionaries(
    st.sampled_from(
        ["x-consul-index", "x-consul-results-filtered-by-acls", "retry-after", "content-type", "location"]
    ),
    st.sampled_from(["true", "1", "5", "", "9" * 5000]) | st.text(max_size=8),
)
GOOD = st.builds(reply, ENTRIES, st.integers(0, 9)) | st.builds(missing, st.integers(0, 9))
ODD = (
    st.builds(reply, ENTRIES | ODD_ENTRIES | JSON, INDICES, st.sampled_from([200, 404]))
    | st.builds(Reply, st.integers(100, 999), HEADERS, st.binary(max_size=20), st.just(SERVER))
    | st.builds(Reply, st.integers(100, 599), HEADERS, JSON.map(json.dumps).map(str.encode), st.just(SERVER))
)
FAULTS = st.sampled_from([SourceUnavailable("x"), Busy("x", 1e9), AccessDenied("x")])


def follow_all(answers: Sequence[Reply | SourceError], random: float = 0.5) -> Any:
    """Follow a folder with these answers."""
    watch = Watch("a/", {}, recurse=True)
    return play(follow(watch, watching=True, now=ManualClock().monotonic, random=lambda: random), *answers)


@given(st.lists(GOOD | ODD | FAULTS, max_size=8), st.floats(0, 1))
def test_nothing_makes_it_raise_or_spin(answers: list[Reply | SourceError], random: float) -> None:
    """Every answer gives one piece of news; a failure pauses; a query that is held has an index from 1 on."""
    result = follow_all(answers, random)
    assert not result.ended
    assert len(result.requests) == len(answers) + 1
    assert len(result.news) == len(answers)
    assert all(0 <= pause <= 315 for pause in result.pauses)
    assert len(result.pauses) == result.told.count("Failed")
    for request in result.requests:
        assert request.held or "index" not in request.query
        assert int(request.query.get("index", "1")) >= 1


@given(st.lists(GOOD | FAULTS, max_size=10))
def test_found_just_when_contents_differ(answers: list[Reply | SourceError]) -> None:
    """News is what differs from the last news, whatever indices and failures are in between."""
    known: object = None
    for answer, news in zip(answers, follow_all(answers).news, strict=True):
        if isinstance(answer, SourceError):
            assert news.error is answer
            continue
        entries = [] if answer.status == 404 else json.loads(answer.body)
        contents = [(entry["Key"], entry["Value"] or "") for entry in entries]
        assert isinstance(news, Found) is (contents != known)
        known = contents


@given(st.lists(GOOD, max_size=10))
def test_index_is_the_last_one_unless_it_went_back(answers: list[Reply]) -> None:
    """The whole rule of the index, told otherwise."""
    sent = 0
    requests = follow_all(answers).requests
    for answer, request in zip(answers, requests[1:], strict=True):
        told = int(answer.headers["x-consul-index"])
        expected = None if told < sent else str(max(told, 1))
        assert request.query.get("index") == expected
        sent = int(expected or 0)
