"""Reading and writing keys: which requests are made, and what the replies give."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf.errors import AccessDenied, Conflict, UnexpectedReply, UsageError
from dynconf.protocols.consul.kv import (
    MOST_OPERATIONS,
    ConsulEntry,
    ConsulOperation,
    delete,
    get,
    list_keys,
    path_of,
    put,
    transaction,
)
from dynconf.protocols.exchange import Reply, Request, Steps
from tests.protocols.canned import SECRET, missing, plain, play, raw, reply

OPTIONS = {"dc": "north", "stale": ""}


def asked(steps: Steps[Any]) -> Request:
    """The one request that a protocol makes."""
    (request,) = play(steps).requests
    return request


def test_get() -> None:
    """A key is read by its path, and every field of it is there."""
    request = asked(get("a/b", OPTIONS))
    assert (request.method, request.path, request.query) == ("GET", "/v1/kv/a/b", OPTIONS)
    assert request.repeatable
    assert not request.held
    entry = raw("a/b", b"\x00\xff", 9, CreateIndex=3, Flags=2**64 - 1, Session="s-1")
    value = play(get("a/b", {}), reply([entry])).value
    assert value == ConsulEntry("a/b", b"\x00\xff", 9, 3, 2**64 - 1, "s-1")


def test_get_nothing() -> None:
    """A key that is not there is `None`; one without a value is empty."""
    assert play(get("a", {}), missing()).value is None
    assert play(get("a", {}), reply([raw("a", None)])).value.value == b""


def test_list() -> None:
    """All keys that begin so, also the markers of folders, in the server's order."""
    request = asked(list_keys("a/", OPTIONS))
    assert (request.method, request.path, request.query) == ("GET", "/v1/kv/a/", {**OPTIONS, "recurse": ""})
    assert asked(list_keys("", {})).path == "/v1/kv/"
    found = play(list_keys("a/", {}), reply([raw("a/", None), raw("a/b", b"x")])).value
    assert [(entry.key, entry.value) for entry in found] == [("a/", b""), ("a/b", b"x")]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("a%2Fb", "a%252Fb"),
        ("what?x=1#y", "what%3Fx%3D1%23y"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("a&b+c;d", "a%26b%2Bc%3Bd"),
        ("a/b/", "a/b/"),
        ("", ""),
        (".hidden", ".hidden"),
        ("a..b/...", "a..b/..."),
        ("\\\n", "%5C%0A"),
    ],
)
def test_names_in_paths(key: str, path: str) -> None:
    """Whatever would mean something in a URL is encoded, so that the key is the one that was named."""
    assert path_of(key) == f"/v1/kv/{path}"


@pytest.mark.parametrize(
    "key", ["/a", "a//b", "//", "a/../b", "..", "../agent/self", ".", "./a", "a/.", "a//"]
)
def test_names_that_would_reach_others(key: str) -> None:
    """Consul tidies paths up, so such names would read or write another key: they are refused."""
    for steps in (get(key, {}), list_keys(key, {}), put(key, b"", None, {}), delete(key, None, True, {})):
        with pytest.raises(UsageError, match=r"a key of Consul"):
            next(steps)


@given(st.text(st.characters(codec="utf-8")))
def test_every_other_name_arrives(key: str) -> None:
    """The path decodes to the name, holds nothing but what a path may, and no dots to resolve."""
    try:
        path = path_of(key)
    except UsageError:
        return
    assert unquote(path) == f"/v1/kv/{key}"
    assert path.isascii()
    assert not set(path) & set(' ?#\n\r\t"<>\\^`{|}')
    assert not {"", ".", ".."} & set(path.split("/")[1:-1])


@pytest.mark.parametrize(("cas", "query"), [(None, {}), (0, {"cas": "0"}), (17, {"cas": "17"})])
def test_put(cas: int | None, query: dict[str, str]) -> None:
    """The value is the body; an index, also 0, is a condition; it is never sent twice."""
    request = asked(put("a b", "größe", cas, {"dc": "north"}))
    assert (request.method, request.path) == ("PUT", "/v1/kv/a%20b")
    assert request.query == {"dc": "north", **query}
    assert request.body == "größe".encode()
    assert not request.repeatable


def test_put_bytes() -> None:
    """Bytes are written as they are, and no representation of a request shows them."""
    request = asked(put("a", SECRET.encode() + b"\xff\x00", None, {}))
    assert request.body == SECRET.encode() + b"\xff\x00"
    assert SECRET not in repr(request)


@pytest.mark.parametrize("done", [True, False])
def test_whether_it_was_done(done: bool) -> None:
    """Consul answers true or false, with no index."""
    assert play(put("a", b"", 3, {}), reply(done, None)).value is done
    assert play(delete("a", 3, False, {}), reply(done, None)).value is done


@pytest.mark.parametrize(
    ("cas", "recurse", "query"),
    [
        (None, False, {}),
        (None, True, {"recurse": ""}),
        (4, False, {"cas": "4"}),
        (0, False, {"cas": "0"}),
    ],
)
def test_delete(cas: int | None, recurse: bool, query: dict[str, str]) -> None:
    """It is sent once, as any write."""
    request = asked(delete("a/", cas, recurse, {}))
    assert (request.method, request.path, request.query) == ("DELETE", "/v1/kv/a/", query)
    assert not request.repeatable


@pytest.mark.parametrize("answer", [missing(), plain(200), reply("true", None), reply(1, None), reply([])])
def test_no_answer_to_a_write(answer: Reply) -> None:
    """Only a plain true or false says whether it was done."""
    for steps in (put("a", b"", None, {}), delete("a", None, False, {})):
        with pytest.raises(UnexpectedReply, match=r"is no Consul"):
            play(steps, answer)


@pytest.mark.parametrize(
    ("steps", "right"),
    [
        (get("a/b", {}), 'key "a/b" { policy = "read" }'),
        (list_keys("a/", {}), 'key_prefix "a/" { policy = "read" }'),
        (put("a/b", b"", None, {}), 'key "a/b" { policy = "write" }'),
        (delete("a/b", None, False, {}), 'key "a/b" { policy = "write" }'),
        (delete("a/", None, True, {}), 'key_prefix "a/" { policy = "write" }'),
        (transaction([], {}), 'policy = "write"'),
    ],
)
def test_lacking_right_is_named(steps: Steps[Any], right: str) -> None:
    """Each call names the rule that it needs."""
    with pytest.raises(AccessDenied) as caught:
        play(steps, plain(403))
    assert right in str(caught.value)


def operations(count: int) -> list[ConsulOperation]:
    """So many steps."""
    return [ConsulOperation("set", f"k{number}", b"") for number in range(count)]


def test_transaction_body() -> None:
    """Each step is written as Consul wants it: a value for those that write, an index where given."""
    steps: Sequence[ConsulOperation] = [
        ConsulOperation("set", "a b", "größe"),
        ConsulOperation("cas", "b", b"\xff", 0),
        ConsulOperation("delete", "c"),
        ConsulOperation("delete-cas", "d", index=7),
        ConsulOperation("delete-tree", "e/"),
        ConsulOperation("get", "f"),
        ConsulOperation("check-index", "g", index=8),
        ConsulOperation("check-not-exists", "h"),
    ]
    request = asked(transaction(steps, {"dc": "north"}))
    assert (request.method, request.path, request.query) == ("PUT", "/v1/txn", {"dc": "north"})
    assert request.headers == {"content-type": "application/json"}
    assert not request.repeatable
    assert [step["KV"] for step in json.loads(request.body)] == [
        {"Verb": "set", "Key": "a b", "Value": base64.b64encode("größe".encode()).decode()},
        {"Verb": "cas", "Key": "b", "Value": "/w==", "Index": 0},
        {"Verb": "delete", "Key": "c"},
        {"Verb": "delete-cas", "Key": "d", "Index": 7},
        {"Verb": "delete-tree", "Key": "e/"},
        {"Verb": "get", "Key": "f"},
        {"Verb": "check-index", "Key": "g", "Index": 8},
        {"Verb": "check-not-exists", "Key": "h"},
    ]
    assert "größe" not in repr(steps)


def test_transaction_results() -> None:
    """It gives what was read and written; of steps that only delete there is nothing."""
    results = {"Results": [{"KV": raw("a", None, 5)}, {"KV": raw("f", b"x", 4)}], "Errors": None}
    found = play(transaction(operations(2), {}), reply(results, None)).value
    assert [(entry.key, entry.value, entry.modify_index) for entry in found] == [
        ("a", b"", 5),
        ("f", b"x", 4),
    ]
    assert play(transaction([], {}), reply({"Results": [], "Errors": None}, None)).value == []
    assert play(transaction([], {}), reply({"Results": None, "Errors": None}, None)).value == []


def test_transaction_size() -> None:
    """As many as it holds are sent; one more is refused before anything is."""
    assert len(json.loads(asked(transaction(operations(MOST_OPERATIONS), {})).body)) == 128
    with pytest.raises(UsageError, match=r"at most 128 operations, not 129"):
        next(transaction(operations(MOST_OPERATIONS + 1), {}))


def test_conflict_names_the_steps() -> None:
    """What failed is told by verb and key; Consul's own words, which may hold more, are not."""
    errors = [{"OpIndex": 0, "What": SECRET}, {"OpIndex": 2, "What": SECRET}]
    steps = [
        ConsulOperation("cas", "a", SECRET, 3),
        ConsulOperation("set", "b", SECRET),
        ConsulOperation("check-not-exists", "c"),
    ]
    with pytest.raises(Conflict) as caught:
        play(transaction(steps, {}), reply({"Results": None, "Errors": errors}, None, 409))
    text = str(caught.value)
    assert "cas 'a', check-not-exists 'c'" in text
    assert "'b'" not in text
    assert SECRET not in text


@pytest.mark.parametrize(
    "errors", [None, SECRET, [None], [{"OpIndex": 99}], [{"OpIndex": [SECRET]}], [{}], [{"OpIndex": None}]]
)
def test_odd_conflict(errors: Any) -> None:
    """Whatever stands in a 409, it is an error of ours and shows nothing of it."""
    with pytest.raises((Conflict, UnexpectedReply)) as caught:
        play(transaction(operations(1), {}), reply({"Errors": errors}, None, 409))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        reply({}, None),
        reply([], None),
        reply({"Results": SECRET}, None),
        reply({"Results": [SECRET]}, None),
        reply({"Results": [{"KV": None}]}, None),
        reply({"Results": 5}, None),
        plain(200),
        plain(404),
        plain(302),
        plain(409),
    ],
)
def test_no_answer_to_a_transaction(answer: Reply) -> None:
    """What is no result of a transaction is not taken for an empty one."""
    with pytest.raises(UnexpectedReply) as caught:
        play(transaction(operations(1), {}), answer)
    assert SECRET not in str(caught.value)


def test_transaction_without_the_right() -> None:
    """Consul says 409 to this as well, but to read the keys anew would not help."""
    errors = [{"OpIndex": 0, "What": f"Permission denied: {SECRET}"}, {"OpIndex": 1, "What": "stale"}]
    with pytest.raises(AccessDenied) as caught:
        play(transaction(operations(2), {}), reply({"Results": None, "Errors": errors}, None, 409))
    assert "lacks the right" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (ConsulOperation("sett", "a"), "no verb 'sett'"),  # type: ignore[arg-type]
        (ConsulOperation("cas", "a", "x"), "cas 'a' needs the key's index"),
        (ConsulOperation("delete-cas", "a"), "needs the key's index"),
        (ConsulOperation("check-index", "a"), "needs the key's index"),
        (ConsulOperation("set", "/a", "x"), "begins with a slash"),
        (ConsulOperation("set", "a//b", "x"), "two in a row"),
    ],
)
def test_operation_that_cannot_be_meant(operation: ConsulOperation, said: str) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(UsageError, match=said):
        next(transaction([operation], {}))


@pytest.mark.parametrize("value", [None, 5, {"a": 1}])
def test_value_is_bytes_or_text(value: Any) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(UsageError, match=r"bytes or text"):
        next(put("a", value, None, {}))
