"""How it stands with a source that asks for several things: it answers only while all of them do."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dynconf._values.snapshot import Update
from dynconf._values.source import Feed
from dynconf.errors import SourceError


@dataclass(slots=True)
class _Failing:
    """A part that does not answer: why not now, every reason so far, and what is not read for it."""

    error: SourceError
    given: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)


class Standing:
    """Tells a feed of failures and recoveries, as one source.

    What is shown is the newest reason. It is told when it is new: a reason is over once nobody fails for
    it any more, and somebody who did has answered since. So reasons that take turns are told once each.

    Args:
        feed: the source's.
        documents: the names of those that a part is asked for.
    """

    def __init__(self, feed: Feed, documents: Callable[[Any], Iterable[str]]) -> None:
        feed.unread.clear()
        self._feed = feed
        self._documents = documents
        self._failing: dict[Hashable, _Failing] = {}
        self._now: Counter[str] = Counter()
        self._known: dict[str, bool] = {}
        """The reasons that were told, and whether somebody who gave it has answered since."""

    def failed(self, part: Hashable, error: SourceError) -> None:
        """Nobody answers for this part, or not sensibly."""
        again = error.reason in self._known
        self._known.setdefault(error.reason, False)
        one = self._failing.get(part)
        before = one.error.reason if one else None
        if one is None:
            one = self._failing[part] = _Failing(error)
        one.error = error
        one.given.add(error.reason)
        self._now[error.reason] += 1
        if before is not None:
            self._left(before)
        for document in self._documents(part):
            one.unread.add(document)
            self._feed.unread[document] = error
        self._feed.failed(error, again=again)

    def found(self, part: Hashable, update: Update) -> None:
        """Report a document of this part; what answers does not make up for what does not."""
        self._feed.update(update, answers=not (self._failing.keys() - {part}))

    def answered(self, part: Hashable) -> None:
        """This part was answered; what was found has been reported already."""
        one = self._failing.pop(part, None)
        if one is not None:
            self._now[one.error.reason] -= 1
            for reason in one.given:
                self._known[reason] = True
                self._forget(reason)
            for document in one.unread:  # whatever it is asked for by now
                self._feed.unread.pop(document, None)
        if not self._failing:
            self._feed.alive()
        elif one is not None:
            self._feed.failed(next(iter(self._failing.values())).error, again=True)

    def _left(self, reason: str) -> None:
        self._now[reason] -= 1
        self._forget(reason)

    def _forget(self, reason: str) -> None:
        if self._known.get(reason) and not self._now[reason]:
            del self._known[reason]
