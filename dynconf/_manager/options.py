"""What a Config was told, as its core needs it."""

from dataclasses import dataclass

from dynconf._values.clock import Clock
from dynconf._values.limits import Limits


@dataclass(frozen=True, slots=True)
class Options:
    """What a Config was told; times are in seconds."""

    name: str
    clock: Clock
    limits: Limits
    start_timeout: float
    callback_threads: int
    cache: str | None = None
    cache_after: float = 2.0
