"""What Nacos says of a request that it refuses, as far as that holds nothing of what was sent.

Only sentences that are known are told, in which nothing varies but parameters' names and numbers: any other
may repeat a part of a content.
"""

import re
from typing import Final

from dynconf.protocols.exchange import Reply

__all__ = ["LARGE", "LARGEST", "NAMES", "said"]

NAMES: Final = "names may have ASCII letters, digits and .:_- only"
LARGEST: Final = 2 * 1024 * 1024
LARGE: Final = (
    "it reads no form that large: 2 MiB, unless server.tomcat.max-http-form-post-size says otherwise"
)
"""Bytes of a form that Nacos reads as it is shipped, and what to tell of one with more."""
_READ: Final = 4096
"""Bytes of a reply that are looked at."""
_NAME: Final = r"(?:dataId|groupName|group|namespaceId/tenant|namespaceId|tenant|content|type)"
_KNOWN: Final = (
    (
        rf"Param '{_NAME}' is illegal, illegal characters should not appear in the param",
        NAMES,
    ),
    (rf"Param '{_NAME}' is illegal, the param length should not exceed \d{{1,9}}", ""),
    (r"content is blank", ""),
    (r"invalid content, over \d{1,12}", ""),
    (
        # All parameters are sent always; a form that is too large is dropped with all of them.
        rf"(?:Required parameter|Parameter) '{_NAME}' (?:type String )?is (?:not present|missing)",
        LARGE,
    ),
)


def said(reply: Reply) -> str:
    """Why it refuses, to be appended to an error; empty if that is not known."""
    text = reply.body[:_READ].decode(errors="replace").replace("\\'", "'")
    for sentence, hint in _KNOWN:
        if found := re.search(sentence, text):
            return f': it says "{found[0]}"' + (f"; {hint}" if hint else "")
    return ""
