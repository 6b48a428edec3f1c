"""Any sequence of replies at all: following never raises or spins, shows no body, and misses nothing."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, Reply
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.operations import get, history, list_keys, publish, remove
from dynconf.protocols.nacos.watched import News
from tests.protocols.nacos_following import Following
from tests.protocols.nacos_props import (
    CHANGING,
    DENIED,
    GIVEN_UP,
    NO_SUCH_PATH,
    NOTHING,
    SECRET,
    SERVER,
    SWITCHED_OFF,
    USER,
    V1_MISSING,
    V3_MISSING,
    A,
    Answer,
    B,
    Session,
    hint,
    login,
    plain,
    token,
    v1,
    v3,
)

NAMED = NacosKey("c.yaml", "g", "The Team")
NUMBERS = st.integers() | st.sampled_from([-1, 0, 20004, 10**400]) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters()) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("code", "data", "content", "md5", "contentType", "lastModified", "accessToken", "tokenTtl"),
    *("pageItems", "pagesAvailable", "dataId", "group", "id", "opType", "namespace", "namespaceShowName"),
]
FIELD = st.sampled_from(FIELDS)
OBJECTS = st.recursive(
    st.dictionaries(FIELD, JSON, max_size=4),
    lambda inner: st.dictionaries(FIELD, inner | st.lists(inner, max_size=2) | JSON, max_size=4),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-md5", "config-type", "last-modified", "retry-after", "content-type"]),
    st.sampled_from(["", "1", "9" * 5000, "Fri, 21 Nov 2025 18:00:00 GMT"]) | st.text(max_size=8),
)
LINES = st.lists(st.lists(st.sampled_from(["a.yaml", "g", "", "public", SECRET]), max_size=5), max_size=3)
POLLED = LINES.map(lambda lines: plain(200, quote("".join("\x02".join(line) + "\x01" for line in lines))))
BODIES = (
    st.binary(max_size=20)
    | (OBJECTS | JSON).map(lambda found: json.dumps(found).encode())
    | st.sampled_from([b"", b"true", b"false", b"[" * 50_000, f"<html>{SECRET}</html>".encode(), b"\xff"])
)
STATUSES = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 503])
ODD = st.builds(Reply, STATUSES | st.integers(100, 999), HEADERS, BODIES, st.just(SERVER)) | POLLED
CONTENTS = st.sampled_from([b"n: 1", b"n: 2", b"\xc3\xbc"])
GOOD = (
    CONTENTS.map(v1)
    | CONTENTS.map(v3)
    | st.sampled_from([V1_MISSING, V3_MISSING, NOTHING, hint(A), hint(A, B), token(), token("t2", 0)])
    | st.sampled_from([CHANGING, DENIED, NO_SUCH_PATH, SWITCHED_OFF])
)
FAULTS = st.sampled_from([SourceUnavailable("x"), Busy("x", 1e9), AccessDenied("x")])
ANSWERS = st.lists(GOOD | ODD | FAULTS, max_size=25)


def run(session: Session, answers: list[Answer]) -> int:
    """Give a session one answer after the other, as long as it asks; gives how many questions there were."""
    left = list(answers)
    turns = 0
    while left and session.asks is not None:
        count = len(session.requests) if isinstance(session.asks, list) else 1
        batch = [left.pop(0) if left else GIVEN_UP for _ in range(count)]
        session.answer(*[SourceUnavailable("x") if answer is GIVEN_UP else answer for answer in batch])
        turns += 1
    return turns


@given(ANSWERS, st.floats(0, 1), st.booleans())
def test_nothing_makes_it_raise_or_spin(answers: list[Answer], random: float, logged_in: bool) -> None:
    """It asks for ever, tells errors without the bodies, and rests no longer than it may."""
    session = Following(A, B, NAMED, username=USER if logged_in else "", random=random)
    run(session, answers)
    assert session.asks is not None
    for news in session.told():
        if isinstance(news, News):
            assert news.key in {A, B, NAMED}
            assert news.error is None or SECRET not in str(news.error)
            assert news.error is None or news.config is None
    assert all(0 <= rest <= 315 for rest in session.rested())


def perform(steps: Any, answers: list[Answer]) -> None:
    """Run a call to its end or its error, which shows no body."""
    try:
        run(Session(steps), answers)
    except SourceError as error:
        assert SECRET not in str(error)  # noqa: PT017 - a call may end well, too


@given(ANSWERS, st.booleans())
def test_calls_end_or_raise_what_they_may(answers: list[Answer], logged_in: bool) -> None:
    """Plain calls raise nothing but the errors of sources."""
    for make in (
        lambda who: get(who, A),
        lambda who: publish(who, A, "n: 1", "yaml", "m", wait=True),
        lambda who: remove(who, A, wait=True),
        lambda who: list_keys(who, "", "", ""),
        lambda who: history(who, A),
    ):
        perform(make(login(USER if logged_in else "")), answers)


@given(st.lists(st.tuples(st.sampled_from([None, b"n: 1", b"n: 2"]), st.booleans()), min_size=1, max_size=12))
def test_told_just_when_contents_differ(states: list[tuple[bytes | None, bool]]) -> None:
    """News of a change is what differs from the last news, whatever failures and vain answers are between."""
    session = Following(A)
    known: object = "nothing"
    for number, (content, failing) in enumerate(states):
        if number:
            if failing:
                session.answer(SourceUnavailable("x"))
            session.answer(hint(A))
        session.told()
        session.answer(V1_MISSING if content is None else v1(content))
        (news,) = session.told()
        assert (news.config and news.config.content) == content
        assert news.changed is (content != known)
        known = content
