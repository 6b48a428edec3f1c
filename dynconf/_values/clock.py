"""The clock that everything reads; tests put their own in its place."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What dynconf asks of a clock."""

    def time(self) -> float:
        """Seconds since the epoch; for what people read."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow; for ages and waits."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many of this clock's seconds."""
        ...


class SystemClock:
    """The computer's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
