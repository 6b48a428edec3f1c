"""How it stands with a source that asks for several things: it answers only while all of them do."""

from collections.abc import Hashable

from dynconf._values.snapshot import Update
from dynconf._values.source import Feed
from dynconf.errors import SourceError


class Standing:
    """Tells a feed of failures and recoveries, as one source.

    Args:
        feed: the source's.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._failing: dict[Hashable, SourceError] = {}

    def failed(self, part: Hashable, error: SourceError) -> None:
        """Nobody answers for this part, or not sensibly."""
        before = self._failing.get(part)
        self._failing[part] = error
        # Parts that keep failing each in its own way would else be told in turns, for ever.
        if before is None or before.reason != error.reason:
            self._feed.failed(error)

    def found(self, part: Hashable, update: Update) -> None:
        """Report a document of this part; what answers does not make up for what does not."""
        self._feed.update(update, answers=not (self._failing.keys() - {part}))

    def answered(self, part: Hashable) -> None:
        """This part was answered; what was found has been reported already."""
        recovered = self._failing.pop(part, None)
        if not self._failing:
            self._feed.alive()
        elif recovered is not None:
            self._feed.failed(next(iter(self._failing.values())))
