"""Speaks to Nacos with whichever SDK is installed here: commands come in as lines, replies and news go out.

Started as `client.py ADDRESS NAMESPACE`, in a folder that the SDK may write to. Each line is a JSON object;
a command is answered by one with `reply` or `error`, and what a listener is told is one with `told` and `at`,
the moment on the clock that all processes of a machine share, in nanoseconds. The end of the input ends it.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, Protocol

Tell = Callable[[str, str, str | None], None]


class Sdk(Protocol):
    """What either generation can do."""

    def publish(self, data_id: str, group: str, content: str, type: str) -> bool: ...
    def get(self, data_id: str, group: str) -> str | None: ...
    def remove(self, data_id: str, group: str) -> bool: ...
    def listen(self, data_id: str, group: str) -> None: ...


class Sdk1:
    """Of 1.x: HTTP, with threads and a process of its own for the list of what is watched."""

    def __init__(self, address: str, namespace: str, tell: Tell) -> None:
        self._client = import_module("nacos").NacosClient(address, namespace=namespace, logDir="logs")
        self._client.set_options(no_snapshot=True)
        self._tell = tell

    def publish(self, data_id: str, group: str, content: str, type: str) -> bool:
        return bool(self._client.publish_config(data_id, group, content, config_type=type or None))

    def get(self, data_id: str, group: str) -> str | None:
        content: str | None = self._client.get_config(data_id, group)
        return content

    def remove(self, data_id: str, group: str) -> bool:
        return bool(self._client.remove_config(data_id, group))

    def listen(self, data_id: str, group: str) -> None:
        def told(news: dict[str, Any]) -> None:
            self._tell(news["data_id"], news["group"], news["content"])

        self._client.add_config_watcher(data_id, group, told)


class Sdk3:
    """Of 3.x: gRPC, in an event loop, which has a thread of its own here."""

    def __init__(self, address: str, namespace: str, tell: Tell) -> None:
        self._sdk = import_module("v2.nacos")
        self._tell = tell
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        config = self._sdk.ClientConfigBuilder().server_address(address).namespace_id(namespace)
        config = config.log_dir("logs").cache_dir("cache").build()
        self._service = self._run(self._sdk.NacosConfigService.create_config_service(config))

    def publish(self, data_id: str, group: str, content: str, type: str) -> bool:
        given = self._sdk.ConfigParam(data_id=data_id, group=group, content=content, type=type)
        return bool(self._run(self._service.publish_config(given)))

    def get(self, data_id: str, group: str) -> str | None:
        found = self._run(self._service.get_config(self._sdk.ConfigParam(data_id=data_id, group=group)))
        return str(found) or None

    def remove(self, data_id: str, group: str) -> bool:
        return bool(
            self._run(self._service.remove_config(self._sdk.ConfigParam(data_id=data_id, group=group)))
        )

    def listen(self, data_id: str, group: str) -> None:
        self._run(self._service.add_listener(data_id, group, self._told))

    async def _told(self, tenant: str, group: str, data_id: str, content: str) -> None:
        self._tell(data_id, group, content or None)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Lines:
    """The way out: lines of several threads, with nothing between them that an SDK may print."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def write(self, **line: Any) -> None:
        with self._lock:
            print(json.dumps(line), file=self._out, flush=True)

    def tell(self, data_id: str, group: str, content: str | None) -> None:
        at = time.monotonic_ns()
        self.write(told=[data_id, group, content], at=at)


def installed() -> type[Sdk1 | Sdk3]:
    """The generation that is here; 3.x brings a module `v2`."""
    try:
        import_module("v2.nacos")
    except ImportError:
        return Sdk1
    return Sdk3


def serve(connect: Callable[[Tell], Sdk]) -> None:
    """Do what the lines say."""
    lines = Lines()
    sdk = connect(lines.tell)
    lines.write(reply="ready")
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        try:
            lines.write(reply=getattr(sdk, name)(**command))
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is for the test to tell
            lines.write(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    address, namespace = sys.argv[1:]
    serve(lambda tell: installed()(address, namespace, tell))
