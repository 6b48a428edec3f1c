"""A client of Nacos in a process of its own, which does what lines tell it.

What the lines are stands in `recipes/nacos_sdk/client.py`.
"""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from tests.servers.nacos import GROUP

PATIENCE = 20.0  # seconds that a call may take; the SDK itself gives up after 10
GRACE = 5.0  # seconds to end


class ClientFailed(Exception):
    """It raised something, was not told of something, or ended."""


@dataclass(frozen=True)
class Told:
    """What a listener was told, and when: `time.monotonic()`, which all processes share."""

    data_id: str
    group: str
    content: str | None
    at: float


class NacosClient:
    """One such process, until it is closed.

    Args:
        name: for errors.
        command: what to run.
        folder: to run in, where it may write; made if need be.
        env: variables besides the ones that there are.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.told: SimpleQueue[Told] = SimpleQueue()
        self._replies: SimpleQueue[dict[str, Any]] = SimpleQueue()
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "stderr.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | dict(env or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # an SDK has processes of its own
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._reply("to start")
        except ClientFailed:
            self.close()
            raise

    def publish(self, data_id: str, content: str, group: str = GROUP, type: str = "") -> bool:
        """Write a configuration."""
        return bool(self._call("publish", data_id=data_id, group=group, content=content, type=type))

    def get(self, data_id: str, group: str = GROUP) -> str | None:
        """Read a configuration; `None` if there is none."""
        content: str | None = self._call("get", data_id=data_id, group=group)
        return content

    def remove(self, data_id: str, group: str = GROUP) -> bool:
        """Delete a configuration."""
        return bool(self._call("remove", data_id=data_id, group=group))

    def listen(self, data_id: str, group: str = GROUP) -> None:
        """Have `told` filled with what becomes of a configuration."""
        self._call("listen", data_id=data_id, group=group)

    def hear(self, data_id: str, content: str | None, patience: float) -> Told:
        """Wait until its listener is told of some content; what it is told before is dropped.

        Raises:
            ClientFailed: it is not, for that many seconds without any news.
        """
        try:
            while (told := self.told.get(timeout=patience)).data_id != data_id or told.content != content:
                pass
        except Empty:
            raise ClientFailed(f"{self.name} is not told of {data_id}; {self._log_tail()}") from None
        return told

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, name: str, **arguments: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._reply(f"to {name}")

    def _reply(self, what: str) -> Any:
        try:
            line = self._replies.get(timeout=PATIENCE)
        except Empty:
            line = {"error": "no answer"}
        if "error" in line:
            raise ClientFailed(f"{self.name} fails {what}: {line['error']}; {self._log_tail()}")
        return line["reply"]

    def _read(self) -> None:
        assert self._process.stdout
        for text in self._process.stdout:
            line = json.loads(text)
            if "told" in line:
                data_id, group, content = line["told"]
                self.told.put(Told(data_id, group, content, line["at"] / 1e9))
            else:
                self._replies.put(line)
        self._replies.put({"error": "it ended"})

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-1000:]
