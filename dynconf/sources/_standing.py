"""How it stands with a source that asks for several things: it answers only while all of them do."""

from collections import Counter
from collections.abc import Hashable

from dynconf._values.snapshot import Update
from dynconf._values.source import Feed
from dynconf.errors import SourceError


class Standing:
    """Tells a feed of failures and recoveries, as one source.

    A reason is told once, for as long as any part that gave it does not answer, however often it
    takes turns with others.

    Args:
        feed: the source's.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._failing: dict[Hashable, dict[str, SourceError]] = {}
        self._reasons: Counter[str] = Counter()
        self._told = ""

    def failed(self, part: Hashable, error: SourceError) -> None:
        """Nobody answers for this part, or not sensibly."""
        errors = self._failing.setdefault(part, {})
        if error.reason in errors:
            return
        errors[error.reason] = error
        self._reasons[error.reason] += 1
        if self._reasons[error.reason] == 1:
            self._tell(error)

    def found(self, part: Hashable, update: Update) -> None:
        """Report a document of this part; what answers does not make up for what does not."""
        self._feed.update(update, answers=not (self._failing.keys() - {part}))

    def answered(self, part: Hashable) -> None:
        """This part was answered; what was found has been reported already."""
        for reason in self._failing.pop(part, {}):
            self._reasons[reason] -= 1
        if not self._failing:
            self._reasons.clear()
            self._feed.alive()
        elif not self._reasons[self._told]:
            *_, error = next(iter(self._failing.values())).values()
            self._tell(error)

    def _tell(self, error: SourceError) -> None:
        self._told = error.reason
        self._feed.failed(error)
