"""What a server's refusals mean, whatever server it is. None of a reply's content is ever told."""

from email.utils import parsedate_to_datetime

from dynconf.errors import SourceError, UnexpectedReply
from dynconf.protocols.exchange import Busy, Reply

__all__ = ["busy_in", "failing", "redirected", "retry_after", "stranger"]


def redirected(reply: Reply) -> SourceError:
    """The error for a reply that leads elsewhere."""
    return UnexpectedReply(
        f"{reply.server} redirects elsewhere (HTTP {reply.status}), which is not followed, for the sake of"
        " the credentials: configure the address that it leads to"
    )


def failing(reply: Reply, why: str) -> SourceError:
    """The error for a server that has a fault of its own, or wants to be asked less.

    Args:
        reply: of status 429, or 500 and above.
        why: what is known of the cause; empty if nothing is.
    """
    asked = retry_after(reply)
    alone = f", and asks to be left alone for {asked:.0f} s" if asked else ""
    if reply.status == 429:
        more = f": {why}" if why else ""
        return Busy(f"{reply.server} limits requests or connections (HTTP 429){alone}{more}", asked)
    more = f": {why}" if why else "; its log says why"
    reason = f"{reply.server} fails (HTTP {reply.status}){alone}{more}"
    return Busy(reason, asked) if asked else UnexpectedReply(reason)


def busy_in(reply: Reply) -> Busy | None:
    """What the server says if it wants to be left alone for some time; `None` if it does not."""
    if reply.status != 429 and reply.status < 500:
        return None
    error = failing(reply, "")
    return error if isinstance(error, Busy) and error.seconds else None


def stranger(reply: Reply, name: str) -> UnexpectedReply:
    """The error for what answers, but not as the server of that name does."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()
    told = f", {kind[:40]}" if kind and kind.isascii() and kind.isprintable() else ""
    return UnexpectedReply(
        f"what answers at {reply.server} is no {name} (HTTP {reply.status}{told}): check the address and"
        " port, and whether a proxy or another program answers there"
    )


def retry_after(reply: Reply) -> float:
    """Seconds that the server asks to wait; 0 if it does not say.

    A date is taken by the server's own clock, which its `Date` tells: ours may be another.
    """
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 7 else 0.0
    try:
        until, now = map(parsedate_to_datetime, (text, reply.headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no dates, or only one with a time zone
        return 0.0
