"""What the tests of the running core share."""

import threading
from collections.abc import Callable
from typing import Any

from dynconf import Config, Memory
from dynconf._manager.manager import Manager
from dynconf._values.snapshot import View

LOOK = 20.0  # seconds after which a wait is a failure


class Told:
    """A callback that keeps what it is told; `wait` waits for so many."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._news = threading.Condition()

    def __call__(self, item: Any) -> None:
        with self._news:
            self.items.append(item)
            self._news.notify_all()

    def wait(self, count: int = 1) -> list[Any]:
        """All that was told, once it is as much as that."""
        return self.until(lambda items: len(items) >= count)

    def until(self, enough: Callable[[list[Any]], object]) -> list[Any]:
        """All that was told, once it is enough."""
        with self._news:
            assert self._news.wait_for(lambda: enough(self.items), LOOK), self.items
            return list(self.items)

    def texts(self, count: int = 1) -> list[str]:
        """The same as texts."""
        return [str(item) for item in self.wait(count)]


class Guard:
    """A test double of what prepares a change: keeps a log, and refuses or hangs as it is told.

    Args:
        decide: called with the view to prepare for; may raise, or give something to await.
    """

    def __init__(
        self, decide: Callable[[View], Any] = bool, name: str = "guard", timeout: float = 5.0
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.decide = decide
        self.log: list[str] = []
        self.asked = Told()
        self.hurried: list[bool] = []

    async def prepare(self, old: View | None, new: View, until: float | None = None) -> None:
        self.log.append("prepare")
        self.hurried.append(until is not None)
        self.asked(new)
        answer = self.decide(new)
        if hasattr(answer, "__await__"):
            await answer

    def commit(self) -> None:
        self.log.append("commit")

    def abandon(self) -> None:
        self.log.append("abandon")

    async def try_again(self, since: float, tries: object) -> None:
        pass

    async def stop(self, until: float) -> None:
        pass

    def stranded(self) -> None:
        pass

    def forked(self, *, follows: bool) -> None:
        pass

    @property
    def outcomes(self) -> str:
        """The log, each call by its first letter; several prepares in a row count as one."""
        letters = "".join(call[0] for call in self.log)
        while "pp" in letters:
            letters = letters.replace("pp", "p")
        return letters


def guarded(config: Config, *guards: Guard) -> None:
    """Have changes prepared by these."""
    config._lifecycle.preparers[:] = guards


def at_once(config: Config, *contents: tuple[Memory, Any]) -> None:
    """Set several documents so that they are one batch: nothing runs on the loop in between."""

    async def set_all(manager: Manager) -> None:
        for memory, content in contents:
            memory.set(content)

    config._lifecycle.call(set_all, instead="")
