"""Servers frozen, killed and emptied: the program reads on, tells the truth, and catches up."""

from collections.abc import Callable, Mapping

import pytest

from tests.faults.followed import QUICK, SERVERS, owned
from tests.faults.network import Outcome
from tests.faults.outages import live_through


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", SERVERS)
def test_outages(
    which: str, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """What is read stays through all of them, and after each the next value arrives, once."""
    outcomes = live_through(owned(which, request, QUICK))
    for name, outcome in outcomes.items():
        record_property(f"{name}: told", outcome.told)
        record_property(f"{name}: caught up", outcome.caught_up)
    check_all(outcomes)


def check_all(outcomes: Mapping[str, Outcome]) -> None:
    """See whether it is as it has to be, after the last one."""
    *_, last = outcomes.values()
    assert last.seen == (1, 2, 3, 4)
    assert last.subscribed == (2, 3, 4)
