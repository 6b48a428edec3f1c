"""Nacos's replies in cans, and what runs a protocol with them step by step."""

import hashlib
import json
from dataclasses import replace
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, quote

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Pause, Reply, Request, Rest, Steps, UnderWay
from dynconf.protocols.failures import busy_in
from dynconf.protocols.nacos.api import ABSENCES, V1_API, Api
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.pacing import Restraint
from dynconf.testing import ManualClock

SERVER = "http://127.0.0.1:8848/nacos"
SECRET = "hunter2"  # stands in bodies, names no host, and must be in no message
USER, PASSWORD = "reader", "open sesame"

A, B, C = (NacosKey(name, "g") for name in ("a.yaml", "b.yaml", "c.yaml"))
OURS = NacosKey("app.yaml", "g", "team-id")

Answer: TypeAlias = Reply | SourceError | UnderWay | None
GIVEN_UP = None
"""The answer to what a server held until patience ended."""


class Session:
    """A protocol at work: pauses pass at once, requests wait until a test answers them.

    Attributes:
        asks: what it waits for: one request, several, or a rest that does not end by itself; nothing once
            it has ended.
        asked: all requests so far.
        news: what it told.
        rests: seconds that it paused or rested.
        stays: whether a rest lasts until it is woken.
        value: what it returned.
    """

    def __init__(self, steps: Steps[Any], clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.restraint = Restraint(self.clock.monotonic)
        self.asks: Request | list[Request] | Rest | None = None
        self.asked: list[Request] = []
        self.news: list[Any] = []
        self.rests: list[float] = []
        self.stays = False
        self.value: Any = None
        self._steps = steps
        self._on(None)

    def answer(self, *answers: Answer) -> Self:
        """Give as many answers as it asks for, of which there may be more than at the moment."""
        left = list(answers)
        while left:
            if isinstance(self.asks, list):
                count = len(self.asks)
                assert len(left) >= count, f"it asks for {count} at once"
                self._on(left[:count])
                left = left[count:]
            else:
                assert self.asks is not None, "it has ended"
                answer = left.pop(0)
                if isinstance(self.asks, Request):
                    self.clock.advance(_held_for(self.asks, answer))
                self._on(answer)
        return self

    def wake(self) -> None:
        """Tell it that there is something else to do."""
        self._on(GIVEN_UP)

    @property
    def request(self) -> Request:
        """The one request that it waits for."""
        assert isinstance(self.asks, Request), f"it asks for {self.asks}"
        return self.asks

    @property
    def requests(self) -> list[Request]:
        """The several that it waits for."""
        assert isinstance(self.asks, list), f"it asks for {self.asks}"
        return self.asks

    def told(self) -> list[Any]:
        """The news since this was asked last."""
        news, self.news = self.news, []
        return news

    def rested(self) -> list[float]:
        """The pauses since this was asked last."""
        rests, self.rests = self.rests, []
        return rests

    def close(self) -> None:
        """Cancel it."""
        self._steps.close()

    def heed(self, *answers: Answer) -> None:
        """What sends the requests has these; see `Restraint`."""
        for answer in answers:
            if isinstance(answer, Reply) and (busy := busy_in(answer)):
                self.restraint.heed(busy)

    def _waits(self, step: Any) -> bool:
        return isinstance(step, Rest) and (step.seconds is None or (self.stays and step.seconds > 0))

    def _kept_back(self, step: Request | list[Request]) -> Any:
        """What comes of requests that are not sent; `None` if they are."""
        busy = self.restraint.busy()
        return [busy] * len(step) if busy and isinstance(step, list) else busy

    def _on(self, answer: Any) -> None:
        self.heed(*(answer if isinstance(answer, list) else [answer]))
        self.asks = None
        try:
            for _ in range(1000):
                error = isinstance(answer, SourceError)
                step = self._steps.throw(answer) if error else self._steps.send(answer)
                answer = None
                if isinstance(step, Request | list) and (answer := self._kept_back(step)):
                    continue
                if isinstance(step, Request | list) or self._waits(step):
                    self.asks = step
                    if not isinstance(step, Rest):
                        self.asked += step if isinstance(step, list) else [step]
                    return
                if isinstance(step, Pause | Rest):
                    assert step.seconds is not None
                    self.rests.append(step.seconds)
                    self.clock.advance(step.seconds)
                else:
                    self.news.append(step)
        except StopIteration as end:
            self.value = end.value
            return
        raise AssertionError("it goes round in circles")


def login(username: str = "", *, clock: ManualClock | None = None, random: float = 0.5) -> Login:
    """Who we are: nobody unless there is a name."""
    clock = clock or ManualClock()
    return Login(username, PASSWORD if username else "", clock.monotonic, lambda: random)


def plain(status: int, body: str | bytes = SECRET, **headers: str) -> Reply:
    """A reply of anything; its body is a secret unless it is given."""
    content = body.encode() if isinstance(body, str) else body
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, SERVER)


def json_reply(found: Any, status: int = 200) -> Reply:
    """A reply of JSON."""
    return plain(status, json.dumps(found), content_type="application/json")


def digest(content: bytes) -> str:
    """What Nacos calls a content by."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def v1(content: bytes = b"n: 1", md5: str = "", type: str = "yaml") -> Reply:
    """A configuration as v1 gives it."""
    modified = "Fri, 21 Nov 2025 18:00:00 GMT"
    return plain(200, content, content_md5=md5 or digest(content), config_type=type, last_modified=modified)


def v3(content: bytes = b"n: 1", md5: str = "", **more: Any) -> Reply:
    """A configuration as v3 gives it."""
    data = {
        "content": content.decode(),
        "md5": md5 or digest(content),
        "contentType": "yaml",
        "lastModified": 1763748000000,
        "encryptedDataKey": "",
        "beta": False,
        **more,
    }
    return json_reply({"code": 0, "message": "success", "data": data})


V1_MISSING = plain(404, "config data not exist")
V3_MISSING = json_reply({"code": 20004, "message": "config data not exist", "data": SECRET})
NO_SUCH_PATH = plain(404, json.dumps({"status": 404, "error": "Not Found", "path": SECRET}))
SWITCHED_OFF = plain(410, json.dumps({"code": 40000, "message": SECRET, "data": SECRET}))
DENIED = plain(403, json.dumps({"code": 403, "message": SECRET}))
CHANGING = plain(409, "requested file is being modified, please try later.")
NOTHING = plain(200, b"")  # what a long poll says when its time is up, and a glance at once
EARLY = plain(200, b"")  # the same, but at once


def is_glance(request: Request) -> bool:
    """Whether a long poll is to be answered at once."""
    return "Long-Pulling-Timeout-No-Hangup" in request.headers


def _held_for(request: Request, answer: Answer) -> float:
    """Seconds that a server keeps a request until that answer."""
    if answer is GIVEN_UP:
        return request.patience or 0.0
    if answer is NOTHING and request.held and not is_glance(request):
        return int(request.headers["Long-Pulling-Timeout"]) / 1000
    return 0.0


def missing(api: Api) -> Reply:
    """What that API says of a configuration that is not there."""
    return V1_MISSING if api is V1_API else V3_MISSING


def gone(api: Api) -> list[Reply]:
    """The same, as often as it has to be said to be believed."""
    return [V1_MISSING] if api is V1_API else [V3_MISSING] * ABSENCES


def hint(*keys: NacosKey, public: str = "") -> Reply:
    """The answer to a long poll that names these.

    Args:
        keys: which.
        public: what it calls the public namespace; nothing at all if empty.
    """
    lines = []
    for key in keys:
        namespace = key.namespace or public
        lines.append("\x02".join([key.data_id, key.group, *([namespace] if namespace else [])]) + "\x01")
    return plain(200, quote("".join(lines)) + "\n")


def token(text: str = "t1", life: Any = 100, **more: Any) -> Reply:
    """The answer to a log-in."""
    return json_reply({"accessToken": text, "tokenTtl": life, "globalAdmin": False, **more})


def form(request: Request) -> dict[str, str]:
    """The parameters in a request's body."""
    fields = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def listens(request: Request) -> dict[NacosKey, str]:
    """What a long poll waits for, with the md5s."""
    assert request.path == "/v1/cs/configs/listener"
    assert request.held
    found = {}
    for line in form(request)["Listening-Configs"].split("\x01")[:-1]:
        data_id, group, md5, *namespace = line.split("\x02")
        found[NacosKey(data_id, group, *namespace)] = md5
    return found


def of(api: Api, key: NacosKey) -> Request:
    """The request that reads a configuration by an API."""
    return api.read(key, limit=64 * 1024 * 1024)


def signature(token: str) -> dict[str, str]:
    """The credentials with a token, for any version."""
    return {"authorization": f"Bearer {token}", "accessToken": token}


def unsigned(request: Request) -> Request:
    """A request without its credentials, to be compared."""
    return replace(request, credentials={})
