"""How often to ask: back-off with full jitter after failures, a token bucket in good times."""

from collections.abc import Callable
from typing import Final

from dynconf.protocols.exchange import Busy

__all__ = [
    "BURST",
    "FIRST_DELAY",
    "LONGEST_ASKED",
    "LONGEST_DELAY",
    "PER_SECOND",
    "Backoff",
    "Restraint",
    "TokenBucket",
    "pause_after",
]

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 15.0
"""Seconds that a pause after a failure may last: after the first one, and at most."""

BURST: Final = 100
PER_SECOND: Final = 20.0
"""Requests that one watch may make in a row, and how many each second after that."""

LONGEST_ASKED: Final = 300.0
"""Seconds: what a server's `Retry-After` is believed up to."""


def pause_after(failures: int, random: Callable[[], float], asked: float = 0.0) -> float:
    """Seconds to wait after that many failures in a row; see `Backoff`."""
    # Whoever was sent away together is not to come back together.
    longest = min(LONGEST_DELAY, max(FIRST_DELAY * 2.0 ** min(failures - 1, 16), asked))
    return min(asked, LONGEST_ASKED) + random() * longest


class Backoff:
    """Pauses after failures: a random part of what doubles each time, so that clients don't return as one.

    The rule is "full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Args:
        random: gives numbers from 0 to 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def succeeded(self) -> None:
        """Begin anew with the next failure."""
        self._failures = 0

    def failed(self, asked: float = 0.0) -> float:
        """Seconds to wait after one more failure.

        Args:
            asked: seconds that the server asked for; the pause is longer than that by what is random,
                up to as much again.
        """
        self._failures += 1
        return pause_after(self._failures, self._random, asked)


class TokenBucket:
    """Lets a burst pass and then so many a second, so that a server whose answers spin is not flooded.

    Args:
        now: seconds that only ever grow.
    """

    def __init__(self, now: Callable[[], float], burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._now = now
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._at = now()

    def take(self) -> float:
        """Take one token; gives the seconds to wait until it is there."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)


class Restraint:
    """Knows until when a server wants to be left alone.

    Args:
        now: seconds that only ever grow.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until = now()
        self._reason = ""

    def busy(self) -> Busy | None:
        """What to tell whoever would ask, with the seconds that are left; `None` if it may be asked."""
        left = self._until - self._now()
        return Busy(self._reason, left) if left > 0 else None

    def heed(self, busy: Busy) -> None:
        """Note what a reply asks for."""
        until = self._now() + min(busy.seconds, LONGEST_ASKED)
        if until > self._until:
            self._until, self._reason = until, busy.reason
