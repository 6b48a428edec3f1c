"""How it stands with a source that asks for several things: it answers only while all of them do."""

from collections.abc import Hashable

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
        self._failing[part] = error
        self._feed.failed(error)

    def answered(self, part: Hashable) -> None:
        """This part was answered; what was found has been reported already."""
        self._failing.pop(part, None)
        if self._failing:
            # What answers does not make up for what does not.
            self._feed.failed(next(iter(self._failing.values())))
        else:
            self._feed.alive()
