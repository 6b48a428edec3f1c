"""Ten thousand reloads, and ten thousand subscriptions that are told of a change and closed."""

import pytest

from tests.soak.growth import grow

TIMES = 10_000
MEGABYTE = 1024  # kilobytes


@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", ["thread", "loop"])
@pytest.mark.parametrize("what", ["reload", "subscribe"])
def test_growth(what: str, life: str) -> None:
    """The memory grows by less than a megabyte; threads, tasks and descriptors end as they began."""
    grown = grow(what, life, TIMES)
    print(f"\n{what}, {life}: {grown.kilobytes} KB more; {grown}")
    assert grown.kilobytes < MEGABYTE
    assert grown.worked.counts[1:] == grown.warm.counts[1:]
    assert grown.stopped.counts == grown.idle.counts
