"""Storms of two minutes; see `tests/faults/storm.py`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.storm import Storm
from tests.faults.storm_backends import Backend, InConsul, InFiles, InNacos
from tests.servers.fixtures import ConsulSpace
from tests.servers.toxiproxy import Proxy

pytestmark = pytest.mark.timeout(600)
OPERATIONS, SECONDS, PATIENCE = 2000, 120.0, 90.0


def rage(backend: Backend) -> None:
    """Have a storm, and tell of it."""
    storm = Storm(backend, OPERATIONS, SECONDS, PATIENCE)
    print(f"\nseed {storm.seed}: {storm.rage()}")


def test_files(tmp_path: Path) -> None:
    """Of files only what was saved whole and is valid is told, in its order, and the last of it holds."""
    rage(InFiles(tmp_path))


def test_consul(consul: ConsulSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """Likewise of Consul; keys that one transaction changes arrive together."""
    rage(InConsul(consul, proxy_to(consul.agent.address)))


@pytest.mark.parametrize("which", ["nacos2", "nacos3", "nacos3_without_v1"])
def test_nacos(which: str, request: pytest.FixtureRequest, proxy_to: Callable[[str], Proxy]) -> None:
    """Likewise of Nacos, by its long poll and by looking at it now and then."""
    space = request.getfixturevalue(which)
    rage(InNacos(space, proxy_to(space.server.address)))
