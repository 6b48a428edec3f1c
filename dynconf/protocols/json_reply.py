"""The JSON in a reply, of which there is never more than its request allows for."""

import json
from typing import Any, Final

from dynconf._values.json_size import exceeded_by
from dynconf.errors import LimitExceeded
from dynconf.protocols.exchange import Reply

__all__ = ["json_in"]

_DEPTH: Final = 32
_BYTES_A_VALUE: Final = 50
"""What a request's limit in bytes is divided by: a value of two bytes takes a hundred as an object."""


def json_in(reply: Reply) -> Any:
    """The JSON in a reply's body.

    Raises:
        ValueError: there is none, or it is deeper than any reply of ours.
        LimitExceeded: it has more values than the request allows for.
    """
    most = reply.limit // _BYTES_A_VALUE
    over = exceeded_by(reply.body, depth=_DEPTH, nodes=most, keys=most)
    if over == "depth":
        raise ValueError
    if over is not None:
        raise LimitExceeded(f"{reply.server} sends JSON of more than {most} values")
    return json.loads(reply.body)
