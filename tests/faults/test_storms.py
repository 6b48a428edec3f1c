"""Documents that are changed, spoilt and deleted at random while the way to them is bad, for some seconds.

`make soak` does the same for minutes.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.storm import Storm, check
from tests.faults.storm_backends import InConsul, InFiles, InNacos
from tests.servers.fixtures import ConsulSpace
from tests.servers.toxiproxy import Proxy

pytestmark = pytest.mark.timeout(150)
OPERATIONS, SECONDS, PATIENCE = 150, 9.0, 60.0


def test_files(tmp_path: Path) -> None:
    """Of files only what was saved whole and is valid is told, in its order, and the last of it holds."""
    Storm(InFiles(tmp_path), OPERATIONS, SECONDS, PATIENCE).rage()


def test_consul(consul: ConsulSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """Likewise of Consul; keys that one transaction changes arrive together."""
    backend = InConsul(consul, proxy_to(consul.agent.address))
    Storm(backend, OPERATIONS, SECONDS, PATIENCE).rage()


@pytest.mark.parametrize("which", ["nacos2", "nacos3_without_v1"])
def test_nacos(which: str, request: pytest.FixtureRequest, proxy_to: Callable[[str], Proxy]) -> None:
    """Likewise of Nacos, by its long poll and by looking at it now and then."""
    space = request.getfixturevalue(which)
    backend = InNacos(space, proxy_to(space.server.address))
    Storm(backend, OPERATIONS, SECONDS, PATIENCE).rage()


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ([(1, 1), (2, 1)], "came in parts"),
        ([(1, 1), (2, 2), (2, 2)], "told twice"),
        ([(2, 2), (1, 1), (2, 2)], "earlier than"),
        ([(1, 1), (4, 4)], "was not published"),
    ],
)
def test_what_is_wrong_is_found(seen: list[tuple[int, int]], fault: str) -> None:
    """Halves, repetitions, what is out of turn and what nobody wrote are told from what is right."""
    published = [1, 2, 3, 1]
    check("d", [(1, 1), (3, 3), (1, 1)], published)
    with pytest.raises(AssertionError, match=fault):
        check("d", seen, published)
