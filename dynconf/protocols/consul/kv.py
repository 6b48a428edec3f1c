"""Consul's key-value store: reading and writing.

See https://developer.hashicorp.com/consul/api-docs/kv.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args
from urllib.parse import quote

from dynconf.errors import AccessDenied, Conflict, UsageError
from dynconf.protocols.consul.replies import check, data_of, entries_of, not_consul
from dynconf.protocols.exchange import Reply, Request, Steps

__all__ = [
    "MOST_OPERATIONS",
    "ConsulEntry",
    "ConsulOperation",
    "Verb",
    "delete",
    "entries",
    "get",
    "key_right",
    "list_keys",
    "path_of",
    "prefix_right",
    "put",
    "read_request",
    "transaction",
]

MOST_OPERATIONS: Final = 128
"""Operations that one transaction holds; 64 before Consul 1.14."""

Verb = Literal["set", "cas", "delete", "delete-cas", "delete-tree", "get", "check-index", "check-not-exists"]

_VERBS: Final[tuple[str, ...]] = get_args(Verb)
_WITH_INDEX: Final = frozenset({"cas", "delete-cas", "check-index"})
_DENIED: Final = "Permission denied"


@dataclass(frozen=True, slots=True)
class ConsulEntry:
    """One key as Consul holds it.

    Args:
        key: its full name.
        value: its content, in bytes.
        modify_index: the cluster's index at its last modification; what `cas=` takes.
        create_index: the index at its creation.
        flags: a number that belongs to whoever writes the key.
        session: the id of the session that holds its lock; empty if there is none.
    """

    key: str
    value: bytes = field(repr=False)
    modify_index: int
    create_index: int = 0
    flags: int = 0
    session: str = ""


@dataclass(frozen=True, slots=True)
class ConsulOperation:
    """One step of a transaction.

    Args:
        verb: as in https://developer.hashicorp.com/consul/api-docs/txn: `set`, `cas` (set if the
            index is still this one), `delete`, `delete-cas`, `delete-tree` (all that begins so),
            `get`, `check-index`, `check-not-exists`.
        key: the key, or how the keys begin.
        value: of `set` and `cas`.
        index: of `cas`, `delete-cas` and `check-index`: the key's `modify_index`.
    """

    verb: Verb
    key: str
    value: bytes | str = field(default=b"", repr=False)
    index: int | None = None


def get(key: str, options: Mapping[str, str]) -> Steps[ConsulEntry | None]:
    """One key, or `None` if there is no such key."""
    reply = yield read_request(key, options)
    assert reply is not None
    return next(iter(entries(reply, key_right(key, "read"))), None)


def list_keys(prefix: str, options: Mapping[str, str]) -> Steps[list[ConsulEntry]]:
    """All keys that begin with a text, in the order of their names."""
    reply = yield read_request(prefix, {**options, "recurse": ""})
    assert reply is not None
    return entries(reply, prefix_right(prefix, "read"))


def put(key: str, value: bytes | str, cas: int | None, options: Mapping[str, str]) -> Steps[bool]:
    """Write a key; false if it is not as `cas` says (an index; 0 is "does not exist")."""
    query = {**options, **({} if cas is None else {"cas": str(cas)})}
    if not isinstance(value, (bytes, str)):
        raise UsageError(f"a value is bytes or text, not {type(value).__name__}")
    body = value.encode() if isinstance(value, str) else value
    # Sent once: by a second time another's write may have come in between.
    reply = yield Request("PUT", path_of(key), query, body, repeatable=False)
    assert reply is not None
    return _done(reply, key_right(key, "write"))


def delete(key: str, cas: int | None, recurse: bool, options: Mapping[str, str]) -> Steps[bool]:
    """Delete a key, or all that begin so; false if it is not as `cas` says."""
    query = dict(options)
    if cas is not None:
        query["cas"] = str(cas)
    if recurse:
        query["recurse"] = ""
    reply = yield Request("DELETE", path_of(key), query, repeatable=False)
    assert reply is not None
    return _done(reply, prefix_right(key, "write") if recurse else key_right(key, "write"))


def transaction(
    operations: Sequence[ConsulOperation], options: Mapping[str, str]
) -> Steps[list[ConsulEntry]]:
    """Do all of several operations, or none; gives what they read and wrote.

    Raises:
        UsageError: more operations than a transaction holds.
        Conflict: an operation did not find what it expects; nothing was done.
    """
    if len(operations) > MOST_OPERATIONS:
        raise UsageError(
            f"a transaction of Consul holds at most {MOST_OPERATIONS} operations, not {len(operations)}"
        )
    for operation in operations:
        _check_operation(operation)
    body = json.dumps([{"KV": _operation(operation)} for operation in operations]).encode()
    headers = {"content-type": "application/json"}
    reply = yield Request("PUT", "/v1/txn", options, body, headers, repeatable=False)
    assert reply is not None
    if reply.status == 409:
        raise _conflict(reply, operations)
    results = _written(reply, 'key_prefix "…" { policy = "write" }')
    try:
        return [_entry(result["KV"]) for result in results["Results"] or ()]
    except (KeyError, TypeError, ValueError):
        raise not_consul(reply) from None


# What the watches use as well


def read_request(key: str, query: Mapping[str, str], **more: Any) -> Request:
    """The request that reads a key, or with `recurse` in the query all keys that begin so."""
    return Request("GET", path_of(key), query, **more)


def entries(reply: Reply, right: str) -> list[ConsulEntry]:
    """The keys in a reply; none if it is 404.

    Raises:
        SourceError: see `check`.
    """
    check(reply, right)
    if reply.status == 404:
        if "x-consul-index" not in reply.headers:
            raise not_consul(reply)
        return []
    try:
        return [_entry(entry) for entry in entries_of(reply)]
    except (KeyError, TypeError, ValueError):
        raise not_consul(reply) from None


def path_of(key: str) -> str:
    """Where a key is in the API.

    Raises:
        UsageError: Consul would take the name for another key's, as it tidies paths up, also encoded ones.
    """
    if key.startswith("/") or "//" in key or not {".", ".."}.isdisjoint(key.split("/")):
        raise UsageError(
            "a key of Consul neither begins with a slash nor has two in a row,"
            " and no step of it is '.' or '..'"
        )
    return "/v1/kv/" + quote(key, safe="/")


def key_right(key: str, policy: str) -> str:
    """The rule that gives a right to a key, as Consul writes it."""
    return f'key "{key}" {{ policy = "{policy}" }}'


def prefix_right(prefix: str, policy: str) -> str:
    """The rule that gives a right to all keys that begin so, as Consul writes it."""
    return f'key_prefix "{prefix}" {{ policy = "{policy}" }}'


def _entry(raw: Mapping[str, Any]) -> ConsulEntry:
    value = base64.b64decode(raw["Value"] or "", validate=True)
    key, session = raw["Key"], raw.get("Session", "")
    numbers = raw["ModifyIndex"], raw.get("CreateIndex", 0), raw.get("Flags", 0)
    if not all(isinstance(text, str) for text in (key, session)):
        raise TypeError
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError
    key.encode()  # JSON can write half a character, which is no text
    return ConsulEntry(key, value, *numbers, session)


def _check_operation(operation: ConsulOperation) -> None:
    """Refuse what Consul would take for something else than is meant.

    Raises:
        UsageError: the verb is unknown, lacks its index, or the key is none that can be read again.
    """
    if operation.verb not in _VERBS:
        raise UsageError(f"there is no verb '{operation.verb}'; known are {', '.join(_VERBS)}")
    if operation.verb in _WITH_INDEX and operation.index is None:
        raise UsageError(f"{operation.verb} '{operation.key}' needs the key's index")
    path_of(operation.key)


def _operation(operation: ConsulOperation) -> dict[str, Any]:
    value = operation.value.encode() if isinstance(operation.value, str) else operation.value
    step: dict[str, Any] = {"Verb": operation.verb, "Key": operation.key}
    if operation.verb in {"set", "cas"}:
        step["Value"] = base64.b64encode(value).decode()
    if operation.index is not None:
        step["Index"] = operation.index
    return step


def _written(reply: Reply, right: str) -> Any:
    """What Consul says to a write; it never says 404, as it makes what is not there."""
    if reply.status == 404:
        raise not_consul(reply)
    check(reply, right)
    return data_of(reply)


def _done(reply: Reply, right: str) -> bool:
    done = _written(reply, right)
    if not isinstance(done, bool):
        raise not_consul(reply)
    return done


def _conflict(reply: Reply, operations: Sequence[ConsulOperation]) -> Exception:
    raw = data_of(reply)
    errors = raw.get("Errors") if isinstance(raw, dict) else None
    if not isinstance(errors, list):
        return not_consul(reply)
    denied = [error for error in errors if isinstance(error, dict) and _DENIED in str(error.get("What"))]
    numbers = [error.get("OpIndex") for error in denied or errors if isinstance(error, dict)]
    failed = [
        f"{operation.verb} '{operation.key}'"
        for number, operation in enumerate(operations)
        if number in numbers
    ]
    told = ", ".join(failed)
    if denied:
        return AccessDenied(
            f"{reply.server} did nothing of the transaction, as the token, or having none, lacks the right to"
            f" {told}: a rule like {key_right('...', 'write')} gives it"
        )
    return Conflict(
        f"{reply.server} did nothing of the transaction, as these found something else than they expect:"
        f" {told}"
    )
