"""What a Config was told, as its core needs it."""

from dataclasses import dataclass

from dynconf._values.clock import Clock
from dynconf._values.limits import Limits
from dynconf.errors import UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """What a Config was told; times are in seconds.

    Raises:
        UsageError: a number is out of its range.
    """

    name: str
    clock: Clock
    limits: Limits
    start_timeout: float
    callback_threads: int
    cache: str | None = None
    cache_after: float = 2.0

    def __post_init__(self) -> None:
        if not self.start_timeout > 0 or self.callback_threads < 1:
            raise UsageError("start_timeout must be above 0 seconds, and callback_threads at least 1")
        if not self.cache_after >= 0:
            raise UsageError("cache_after is a number of seconds, 0 or more")
