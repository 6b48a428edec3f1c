"""Every fault on every server several times, at the pace of somebody who says nothing about it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from tests.faults.followed import SERVERS, USUAL, owned, shared
from tests.faults.network import FAULTS, Outcome, suffer_all
from tests.faults.outages import live_through
from tests.faults.test_network import check
from tests.faults.test_outages import check_all
from tests.servers.names import FakeNames
from tests.servers.toxiproxy import Toxiproxy

ROUNDS = 3
HEAD = (
    "| fault | server | status true after (s) | newest value after its end (s): p50 | worst |\n"
    "| --- | --- | --- | --- | --- |"
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("which", SERVERS)
def test_faults(which: str, request: pytest.FixtureRequest, toxiproxy: Toxiproxy) -> None:
    """All of them are lived through as they are by `tests/faults`, and how long that took is told."""
    found = defaultdict[str, list[Outcome]](list)
    outages: list[Mapping[str, Outcome]] = []
    followed, own = shared(which, request.getfixturevalue, USUAL), owned(which, request, USUAL)
    for _ in range(ROUNDS):
        with FakeNames() as names, ThreadPoolExecutor(1) as pool:
            alone = pool.submit(live_through, own)
            together = suffer_all(followed, toxiproxy.proxy, names)
        outages.append(alone.result())
        for name, outcome in outages[-1].items():
            found[name].append(outcome)
        for name, future in together.items():
            found[name].append(future.result())
    print(f"\n{HEAD}\n" + "\n".join(rows(which, found)))
    longest = max(outcome.longest_read for outcomes in found.values() for outcome in outcomes)
    print(f"\n{which}: time-out {followed.silence:.1f} s, longest read {longest * 1e6:.0f} microseconds")
    for one in outages:
        check_all(one)
    for name in FAULTS:
        for outcome in found[name]:
            check(name, outcome)


def rows(which: str, found: Mapping[str, Iterable[Outcome]]) -> Iterable[str]:
    """The table's."""
    for name, outcomes in found.items():
        told = max(outcome.told for outcome in outcomes)
        caught_up = [outcome.caught_up for outcome in outcomes]
        through = name in FAULTS and not FAULTS[name].said
        true = f"live; changes take {told:.1f}" if through else f"{told:.1f}"
        yield f"| {name} | {which} | {true} | {median(caught_up):.1f} | {max(caught_up):.1f} |"
