"""Canned replies, and what drives a protocol with them."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Pause, Reply, Request, Steps

SERVER = "http://127.0.0.1:8500"
SECRET = "hunter2"  # stands in bodies and must be in no message


@dataclass
class Play:
    """What a protocol yielded, and what it returned if it came to its end."""

    seen: list[Any] = field(default_factory=list)
    value: Any = None
    ended: bool = False

    @property
    def requests(self) -> list[Request]:
        return [step for step in self.seen if isinstance(step, Request)]

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.seen if isinstance(step, Pause)]

    @property
    def news(self) -> list[Any]:
        return [step for step in self.seen if not isinstance(step, (Request, Pause))]

    @property
    def told(self) -> list[str]:
        """The names of the news."""
        return [type(step).__name__ for step in self.news]


def play(steps: Steps[Any], *answers: Reply | SourceError) -> Play:
    """Answer a protocol's requests in turn, until it ends or asks once more than there are answers."""
    result = Play()
    left = list(answers)
    try:
        step = next(steps)
        while True:
            result.seen.append(step)
            if not isinstance(step, Request):
                step = next(steps)
            elif not left:
                steps.close()
                return result
            elif isinstance(answer := left.pop(0), SourceError):
                step = steps.throw(answer)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result.value, result.ended = end.value, True
    assert not left, "it asked for less than there is"
    return result


def raw(key: str, value: bytes | None = b"", index: int = 1, **more: Any) -> dict[str, Any]:
    """A key as Consul writes it."""
    text = None if value is None else base64.b64encode(value).decode()
    entry = {"LockIndex": 0, "Key": key, "Flags": 0, "Value": text, "CreateIndex": 1, "ModifyIndex": index}
    return {**entry, **more}


def reply(entries: Sequence[Any] | Any = (), index: object = 1, status: int = 200, **headers: str) -> Reply:
    """A reply of Consul's.

    Args:
        entries: its JSON.
        index: of the cluster; `None` leaves the header out.
        status: of HTTP.
        headers: further ones, with `_` for the hyphen.
    """
    told = {} if index is None else {"x-consul-index": str(index)}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, told, json.dumps(entries).encode(), SERVER)


def missing(index: object = 1, **headers: str) -> Reply:
    """What Consul says of a key that is not there."""
    known = {} if index is None else {"x-consul-index": str(index)}
    known |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Reply(404, known, b"", SERVER)


def plain(status: int, body: str | bytes = SECRET, **headers: str) -> Reply:
    """A reply with no index; its body is a secret unless it is given."""
    content = body.encode() if isinstance(body, str) else body
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, SERVER)
