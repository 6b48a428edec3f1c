"""What Nacos's replies mean, of either API."""

from typing import Any, Final

from dynconf.errors import AccessDenied, Conflict, RequestRefused, SourceError
from dynconf.protocols.exchange import Reply
from dynconf.protocols.failures import failing, redirected, stranger
from dynconf.protocols.json_reply import json_in
from dynconf.protocols.nacos.reasons import NAMES, said

__all__ = [
    "MISSING",
    "PORTS",
    "BeingChanged",
    "WrongApi",
    "api_json",
    "check",
    "code_of",
    "data_of",
    "json_of",
    "lacks_path",
    "refuse_wrong_api",
]

PORTS: Final = "8848, where nothing else is set; 3.x's console has another"
"""What to say where the console may have been asked, which refuses what it does not know."""
MISSING: Final = 20004
"""The code of v3 for a configuration that is not there."""


class BeingChanged(Conflict):
    """The server is writing this configuration at the moment: ask again."""


class WrongApi(Exception):
    """The server does not have this API, or not any more."""


def lacks_path(reply: Reply) -> bool:
    """Whether the server does not know the path, or has it switched off."""
    return reply.status in {404, 405, 410, 501}


def refuse_wrong_api(reply: Reply) -> None:
    """Raise `WrongApi` for the replies of servers that don't know the path, or have it switched off."""
    if lacks_path(reply):
        raise WrongApi


def check(reply: Reply, what: str, *, logged_in: bool) -> None:
    """Let successes pass.

    Args:
        reply: what came.
        what: what was to be done, as an error tells it: "to read ...".
        logged_in: whether there was a log-in.

    Raises:
        AccessDenied: the log-in, or its rights, are refused.
        BeingChanged: the configuration is just being written.
        RequestRefused: the server takes no such request.
        UnexpectedReply: it is no Nacos, or has a fault of its own.
    """
    status = reply.status
    if 200 <= status < 300:
        return
    if status in {401, 403}:
        raise _denied(reply, what, logged_in=logged_in)
    if 300 <= status < 400:
        raise redirected(reply)
    if status == 429 or status >= 500:
        raise failing(reply, _known(reply))
    if status == 409:
        raise BeingChanged(f"{reply.server} is just changing it (HTTP 409)")
    if status == 413:
        raise RequestRefused(f"{reply.server} takes nothing that large (HTTP 413)")
    why = said(reply) or (f"; {NAMES}" if status == 400 and what.startswith("to read") else "")
    raise RequestRefused(f"{reply.server} refuses the request {what} (HTTP {status}){why}")


def _denied(reply: Reply, what: str, *, logged_in: bool) -> SourceError:
    """The error for 403, which Nacos says to a missing log-in as well."""
    if logged_in:
        why = "the user has not the right, or the log-in was refused"
    else:
        why = (
            "it wants a log-in: give username= and password= (or NACOS_USERNAME and NACOS_PASSWORD);"
            f" or this is not the server's port ({PORTS})"
        )
    return AccessDenied(f"{reply.server} refuses {what} (HTTP {reply.status}): {why}")


def data_of(reply: Reply) -> Any:
    """The `data` of v3's replies, which all have a `code` beside it.

    Raises:
        UnexpectedReply: it is none of v3's.
    """
    found = json_of(reply)
    if not isinstance(found, dict) or "code" not in found:
        raise stranger(reply, "Nacos")
    return found.get("data")


def json_of(reply: Reply) -> Any:
    """The JSON in a reply.

    Raises:
        UnexpectedReply: there is none.
        LimitExceeded: there is more than the request allows for.
    """
    try:
        return json_in(reply)
    except ValueError:
        raise stranger(reply, "Nacos") from None


def api_json(reply: Reply, what: str, *, logged_in: bool) -> Any:
    """The JSON in a successful reply; see `check`.

    Raises:
        WrongApi: the server does not have this API.
        SourceError: it is no sensible answer.
    """
    refuse_wrong_api(reply)
    check(reply, what, logged_in=logged_in)
    return json_of(reply)


def code_of(reply: Reply) -> int | None:
    """The `code` of v3's replies, if this looks like one."""
    try:
        found = json_in(reply)
    except ValueError:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else None


def _known(reply: Reply) -> str:
    if b"server is STARTING" in reply.body or b"is STARTING now" in reply.body:
        return "it is still starting"
    return ""
