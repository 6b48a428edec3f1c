"""Gathering changes that belong together before they are planned. Pure: time is an argument."""

from dataclasses import dataclass

from dynconf._store.state import Candidate, Key

LONGEST = 0.5
"""Seconds that a change waits at most, however unquiet its source is."""


@dataclass(slots=True)
class _Item:
    candidate: Candidate
    since: float
    quiet: float
    settling: bool


class Gathering:
    """What arrived and is not planned yet; the newest content of each document, oldest first.

    Changes that settle wait for each other: two files saved together become one change. A change
    that need not settle is ready at once.
    """

    def __init__(self) -> None:
        self._items: dict[Key, _Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def put(self, candidate: Candidate, now: float, settle: float) -> None:
        """Add a candidate, in place of an older one of the same document.

        Args:
            candidate: the new content.
            now: the time, in seconds.
            settle: seconds of quiet that it waits for.
        """
        older = self._items.pop(candidate.key, None)
        since = older.since if older else now
        self._items[candidate.key] = _Item(candidate, since, now + settle, settle > 0)

    def drop(self, key: Key) -> None:
        """Forget what is waiting for one document."""
        self._items.pop(key, None)

    def wait(self, now: float) -> float | None:
        """Seconds until something is ready; `None` if nothing waits."""
        if not self._items:
            return None
        if any(not item.settling for item in self._items.values()):
            return 0.0
        return max(0.0, self._settled() - now)

    def take(self, now: float, *, everything: bool = False) -> list[Candidate]:
        """Empty it of what is ready, oldest first."""
        settled = everything or (bool(self._items) and self._settled() <= now)
        ready = [key for key, item in self._items.items() if settled or not item.settling]
        return [self._items.pop(key).candidate for key in ready]

    def _settled(self) -> float:
        settling = [item for item in self._items.values() if item.settling]
        if not settling:
            return 0.0
        return min(max(item.quiet for item in settling), min(item.since for item in settling) + LONGEST)
