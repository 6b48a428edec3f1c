"""A fake name service, as a real one cannot be switched off for a test alone."""

import socket
import threading
from types import TracebackType
from typing import Any, Self


class FakeNames:
    """While it is entered, names below `.test` are this machine's; others are what they are.

    Attributes:
        refused: the names that were asked for while they did not resolve.
        kept_waiting: the names that were asked for while that got no answer.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.kept_waiting: set[str] = set()
        self._gone: set[str] = set()
        self._hanging: dict[str, threading.Event] = {}
        self._real = socket.getaddrinfo

    def lose(self, name: str) -> None:
        """Have a name resolve no more."""
        self._gone.add(name)

    def hang(self, name: str) -> None:
        """Have nobody answer who asks for a name."""
        self._hanging[name] = threading.Event()

    def find(self, name: str) -> None:
        """Have it resolve again."""
        self._gone.discard(name)
        if hanging := self._hanging.pop(name, None):
            hanging.set()

    def __enter__(self) -> Self:
        socket.getaddrinfo = self._resolve
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        socket.getaddrinfo = self._real
        for name in list(self._hanging):
            self.find(name)

    def _resolve(self, host: Any, *more: Any, **options: Any) -> Any:
        if not (isinstance(host, str) and host.endswith(".test")):
            return self._real(host, *more, **options)
        if hanging := self._hanging.get(host):
            self.kept_waiting.add(host)
            hanging.wait()
        if host in self._gone:
            self.refused.add(host)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real("127.0.0.1", *more, **options)
