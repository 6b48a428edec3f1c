"""dynconf, and a bare long poll, as processes that are told by lines what to follow, as the SDK's are.

Run as `python -m tests.bench._nacos_clients dynconf|bare ADDRESS`.
"""

import json
import sys
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from pydantic import BaseModel

from dynconf import Config, Nacos
from tests.servers.recipes.nacos_sdk.client import Tell, serve

_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Long-Pulling-Timeout": "30000"}


class App(BaseModel):
    n: int = -1


class Following:
    """What has no commands but one."""

    def publish(self, data_id: str, group: str, content: str, type: str) -> bool:
        raise NotImplementedError

    def get(self, data_id: str, group: str) -> str | None:
        raise NotImplementedError

    def remove(self, data_id: str, group: str) -> bool:
        raise NotImplementedError


class Ours(Following):
    """A Config to which data ids are added while it runs, each with a class bound to it and a callback."""

    def __init__(self, address: str, tell: Tell) -> None:
        self._address = address
        self._tell = tell
        self._config = Config()
        self._config.start()

    def listen(self, data_id: str, group: str) -> None:
        settings = self._config.bind(App, at=data_id)
        settings.on_change("n")(lambda change: self._tell(data_id, group, json.dumps({"n": change.new})))
        self._config.add(Nacos(data_id, group=group, server=self._address, at=data_id))


class Bare(Following):
    """What it costs at the least: no check, no parsing, no comparison, and one data id alone."""

    def __init__(self, address: str, tell: Tell) -> None:
        self._address = address
        self._tell = tell

    def listen(self, data_id: str, group: str) -> None:
        thread = threading.Thread(target=self._follow, args=(data_id, group), daemon=True)
        thread.start()

    def _follow(self, data_id: str, group: str) -> None:
        connection = HTTPConnection(self._address)
        target = f"/nacos/v1/cs/configs?{urlencode({'dataId': data_id, 'group': group})}"
        with suppress(OSError, HTTPException):  # until the server ends
            while True:
                connection.request("GET", target)
                reply = connection.getresponse()
                content, md5 = reply.read(), reply.headers["Content-MD5"]
                self._tell(data_id, group, content.decode())
                body = urlencode({"Listening-Configs": f"{data_id}\x02{group}\x02{md5}\x01"})
                named = b""
                while not named:
                    connection.request("POST", "/nacos/v1/cs/configs/listener", body, _FORM)
                    named = connection.getresponse().read()


if __name__ == "__main__":
    which, address = sys.argv[1:]
    serve(lambda tell: (Ours if which == "dynconf" else Bare)(address, tell))
