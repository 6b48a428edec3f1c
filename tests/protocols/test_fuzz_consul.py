"""Any reply at all to a plain call of Consul's: it ends, or raises what it may, and shows no body."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynconf._values.limits import Limits
from dynconf._values.snapshot import Folder
from dynconf.errors import ParseError, SourceError
from dynconf.parsers import unfolded
from dynconf.protocols.consul import kv
from dynconf.protocols.consul.kv import ConsulEntry, ConsulOperation
from dynconf.protocols.consul.spring import Spring
from dynconf.protocols.exchange import Reply
from dynconf.sources._consul_layouts import Document, Keys, SpringContexts
from tests.protocols.canned import SECRET, SERVER, play, reply
from tests.protocols.test_consul_hostile import ENTRIES, GOOD, HEADERS, JSON, ODD, ODD_ENTRIES

RESULTS = st.lists(
    st.dictionaries(st.sampled_from(["KV", "Service"]), JSON | ODD_ENTRIES, max_size=2), max_size=3
)
FAILINGS = st.lists(
    st.dictionaries(st.sampled_from(["OpIndex", "What"]), JSON | st.just(SECRET), max_size=2), max_size=3
)
WRITTEN = st.builds(
    reply,
    st.dictionaries(st.sampled_from(["Results", "Errors"]), RESULTS | FAILINGS | JSON, max_size=2) | JSON,
    st.integers(0, 9),
    st.sampled_from([200, 409, 403, 500]),
)
PAGES = st.builds(
    Reply,
    st.sampled_from([200, 302, 400, 401, 403, 404, 409, 413, 429, 500, 503]),
    HEADERS,
    st.sampled_from([f"<html>{SECRET}</html>", f'{{"a": "{SECRET}', "true", "", SECRET]).map(str.encode),
    st.just(SERVER),
)
ANSWERS = GOOD | ODD | WRITTEN | PAGES

CALLS: list[Callable[[], Any]] = [
    lambda: kv.get("app", {}),
    lambda: kv.list_keys("app/", {}),
    lambda: kv.put("app", b"x", None, {}),
    lambda: kv.put("app", b"x", 7, {}),
    lambda: kv.delete("app", 7, recurse=False, options={}),
    lambda: kv.delete("app/", None, recurse=True, options={}),
    lambda: kv.transaction(
        [ConsulOperation("set", "a", b"x"), ConsulOperation("check-index", "b", index=1)], {}
    ),
]


@given(st.sampled_from(CALLS), ANSWERS)
def test_calls_end_or_raise_what_they_may(call: Callable[[], Any], answer: Reply) -> None:
    """Reading, writing and transactions raise nothing but the errors of sources."""
    try:
        assert play(call(), answer).ended
    except SourceError as error:
        assert SECRET not in str(error)  # noqa: PT017 - a call may end well, too


NAMES = st.lists(st.sampled_from(["app", "application", ",dev", "/", "data", ".yml", ".", "[0]", "\0", "é"]))
FOUND = st.lists(
    st.builds(
        ConsulEntry,
        NAMES.map(lambda names: "config/" + "".join(names)) | st.text(),
        st.binary(max_size=8) | st.just(b"a: 1"),
        st.integers(0, 3),
    ),
    max_size=6,
    unique_by=lambda entry: entry.key,
)
LAYOUTS = [
    Document("app", None),
    Keys("config/"),
    *(
        SpringContexts(Spring("app", format, "config", "application", ",", "data"), ("dev",))
        for format in ("key_value", "yaml", "properties", "files")
    ),
]


@given(st.sampled_from(LAYOUTS), FOUND, st.booleans())
def test_layouts_take_any_keys(layout: Any, found: list[ConsulEntry], first: bool) -> None:
    """Whatever keys and values a server says there are, they make documents, or a parse error does."""
    for number in range(len(layout.followed())):
        for update in layout.documents(number, found, first=first):
            assert update.document
            if isinstance(update.content, Folder):
                try:
                    unfolded(update.content, Limits(depth=8, keys=50, nodes=50))
                except ParseError as error:
                    assert str(error)  # noqa: PT017 - most are well


@given(ENTRIES)
def test_what_is_good_is_read(raw_entries: list[dict[str, Any]]) -> None:
    """The same calls give all that a sensible reply has in it, so it is not everything that is refused."""
    found = play(kv.list_keys("a/", {}), reply(raw_entries)).value
    assert [entry.key for entry in found] == [entry["Key"] for entry in raw_entries]
