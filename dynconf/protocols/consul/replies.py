"""What Consul's replies mean: which are answers, and what is wrong with the others."""

from typing import Any, Final

from dynconf.errors import AccessDenied, RequestRefused, SourceError, UnexpectedReply
from dynconf.protocols.exchange import Reply
from dynconf.protocols.failures import failing, redirected, stranger
from dynconf.protocols.json_reply import json_in

__all__ = [
    "DEFAULT_POLICY",
    "FILTERED",
    "INDEX",
    "check",
    "data_of",
    "entries_of",
    "failure",
    "not_consul",
]

INDEX: Final = "x-consul-index"
FILTERED: Final = "x-consul-results-filtered-by-acls"
DEFAULT_POLICY: Final = "x-consul-default-acl-policy"

# What Consul's own words for a failure mean. Its text is never passed on: it may be no Consul's.
_KNOWN: Final = {
    b"No path to datacenter": (
        "it knows no such datacenter (or has lost all of its servers): check datacenter= and"
        " CONSUL_DATACENTER, and what `consul catalog datacenters` lists"
    ),
    b"No cluster leader": "the cluster has no leader: too few of its servers are running",
    b"ACL not found": "the token is unknown: it was deleted, has expired, or is another cluster's",
    b"ACL support disabled": "ACLs are switched off there, so it takes no token",
    b"Client sent an HTTP request to an HTTPS server": "it speaks HTTPS: write https:// before the address",
}

_LIMITS: Final = (
    "it takes 200 connections of one address unless its http_max_conns_per_client says otherwise; a folder"
    " is followed with one, each key with one of its own"
)


def entries_of(reply: Reply) -> list[dict[str, Any]]:
    """The list in a successful reply.

    Raises:
        UnexpectedReply: it is none of Consul's.
    """
    found = data_of(reply)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise not_consul(reply)
    return found


def data_of(reply: Reply) -> Any:
    """The JSON in a reply.

    Raises:
        UnexpectedReply: there is none.
        LimitExceeded: there is more than the request allows for.
    """
    try:
        return json_in(reply)
    except ValueError:
        raise not_consul(reply) from None


def check(reply: Reply, right: str) -> None:
    """Let successes and 404 pass.

    Args:
        reply: what came.
        right: the rule that the request needs, as Consul writes it: `key "a" { policy = "read" }`.

    Raises:
        AccessDenied: the token, or its rights, are refused.
        RequestRefused: the server takes no such request.
        Busy: it asks to be left alone for a while.
        UnexpectedReply: it is no Consul, or has a fault of its own.
    """
    if reply.status == 404 or 200 <= reply.status < 300:
        return
    raise failure(reply, right)


def failure(reply: Reply, right: str) -> SourceError:
    """The error that a reply without success stands for; see `check`."""
    status, server = reply.status, reply.server
    known = next((text for words, text in _KNOWN.items() if words in reply.body), "")
    if status in {401, 403}:
        why = known or f"the token, or having none, lacks the right: {right}"
        return AccessDenied(f"{server} refuses access (HTTP {status}): {why}")
    if status == 413:
        return RequestRefused(
            f"{server} takes nothing that large (HTTP 413): a value has at most 512 KB"
            " unless its kv_max_value_size says otherwise, a transaction txn_max_req_len"
        )
    if 300 <= status < 400:
        return redirected(reply)
    if status == 429 or status >= 500:
        return failing(reply, _LIMITS if status == 429 else known)
    if known and status == 400:
        return UnexpectedReply(f"{server}: {known}")
    return RequestRefused(f"{server} refuses the request (HTTP {status})" + (f": {known}" if known else ""))


def not_consul(reply: Reply) -> UnexpectedReply:
    """The error for what answers, but not as Consul does."""
    return stranger(reply, "Consul")
