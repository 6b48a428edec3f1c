"""Bad networks and what answers in a server's place: the program reads on, says why, and catches up."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from tests.faults.followed import QUICK, SERVERS, shared
from tests.faults.network import ASKED, FAULTS, Outcome, suffer_all
from tests.servers.names import FakeNames
from tests.servers.toxiproxy import Toxiproxy

Outcomes = dict[str, "Future[Outcome]"]


@pytest.fixture(scope="module", params=SERVERS)
def outcomes(request: pytest.FixtureRequest, toxiproxy: Toxiproxy) -> Iterator[Outcomes]:
    """All faults, which happen at the same time to programs that follow the same server."""
    followed = shared(request.param, request.getfixturevalue, QUICK)
    with FakeNames() as names:
        suffered = suffer_all(followed, toxiproxy.proxy, names)
    yield suffered
    followed.clear()


@pytest.mark.timeout(150)  # the first one of each server waits for all of them
@pytest.mark.parametrize("name", FAULTS)
def test_fault(
    name: str,
    outcomes: Outcomes,
    record_property: Callable[[str, object], None],
) -> None:
    """What is read stays, the status says why, and afterwards the newest value arrives, once."""
    outcome = outcomes[name].result()
    record_property("told", outcome.told)
    record_property("caught up", outcome.caught_up)
    check(name, outcome)


def check(name: str, outcome: Outcome) -> None:
    """See whether it is as it has to be."""
    fault = FAULTS[name]
    if fault.said:
        assert outcome.seen in {(1, 3, 4), (1, 2, 3, 4) if fault.leaks else ()}
        assert any(fault.said in error for error in outcome.failed)
    else:
        assert outcome.seen == (1, 2, 3, 4)
        assert outcome.failed == ()
    assert outcome.subscribed == outcome.seen[1:]
    if "Retry-After" in name:
        assert min(outcome.pauses) >= ASKED
