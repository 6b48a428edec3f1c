"""Waiting for changes with v1's long poll: how keys are listed there and back."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_plus, urlencode

from dynconf.protocols.exchange import ANSWER_TIME, Reply, Request
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.api import FORM, V1_API
from dynconf.protocols.nacos.identity import NacosKey, public
from dynconf.protocols.nacos.replies import check, refuse_wrong_api

__all__ = ["MOST", "changed", "listener"]

MOST: Final = 3000
"""Configurations that one long poll may carry; Nacos refuses more than 10,000."""
_LONGER: Final = 1.5
_WORD, _LINE = "\x02", "\x01"


def listener(known: Mapping[NacosKey, str], wait: float, *, glance: bool = False) -> Request:
    """The request that is answered as soon as one of them is another.

    Args:
        known: the md5 that is known of each, at least one; empty for one that is not there. The right
            to the first one is the right to the poll.
        wait: seconds that the server may hold it.
        glance: whether it is to be answered at once, changes or not.
    """
    lines = (
        _WORD.join((key.data_id, key.group, md5, *([key.namespace] if key.namespace else []))) + _LINE
        for key, md5 in known.items()
    )
    # Whatever is listed, Nacos checks the right to what these fields name. It may be to this one alone.
    form = {"Listening-Configs": "".join(lines), **V1_API.named(next(iter(known)))}
    body = urlencode(form).encode()
    headers = {**FORM, "Long-Pulling-Timeout": str(round(wait * 1000))}
    if glance:
        headers["Long-Pulling-Timeout-No-Hangup"] = "true"
    path, timeout = "/v1/cs/configs/listener", ANSWER_TIME if glance else max(10.0, wait) * _LONGER
    # When the connection of one that waits is cut, those of all other clients may be, too.
    return Request("POST", path, body=body, headers=headers, timeout=timeout, held=True, repeatable=glance)


def changed(reply: Reply, known: Iterable[NacosKey], *, logged_in: bool) -> set[NacosKey]:
    """Which are another by now; there may be more of them than the reply names.

    Raises:
        WrongApi: the server does not have this API any more.
        SourceError: it is no sensible answer.
    """
    refuse_wrong_api(reply)
    check(reply, "to wait for changes", logged_in=logged_in)
    try:
        text = unquote_plus(reply.body.decode()).strip()
    except UnicodeDecodeError:
        raise stranger(reply, "Nacos") from None
    named = set()
    for line in filter(None, text.split(_LINE)):
        words = line.split(_WORD)
        if len(words) not in {2, 3}:
            raise stranger(reply, "Nacos")
        named.add(NacosKey(words[0], words[1], public(words[2]) if len(words) == 3 else ""))
    return named & set(known)
