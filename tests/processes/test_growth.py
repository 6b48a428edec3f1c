"""Reloads, and subscriptions that come and go; `tests/soak/test_growth.py` has the long form."""

import pytest

from tests.soak.growth import grow

MEGABYTE = 1024  # kilobytes


@pytest.mark.parametrize(("what", "life", "times"), [("reload", "loop", 100), ("subscribe", "thread", 500)])
def test_growth(what: str, life: str, times: int) -> None:
    """The memory grows by less than a megabyte; threads, tasks and descriptors end as they began."""
    grown = grow(what, life, times, warm=100)
    assert grown.kilobytes < MEGABYTE
    assert grown.worked.counts[1:] == grown.warm.counts[1:]
    assert grown.stopped.counts == grown.idle.counts
