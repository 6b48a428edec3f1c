"""A cluster of three whose leader is killed: what is published arrives in order, and once."""

from collections.abc import Callable

import pytest

from tests.faults.elections import kill_leaders
from tests.servers.consul import ConsulCluster


@pytest.mark.timeout(180)
def test_leaders_are_killed(own_consul_cluster: Callable[..., ConsulCluster]) -> None:
    """Two leaders are killed, and restarted; `make soak` kills twelve."""
    assert len(kill_leaders(own_consul_cluster(), kills=2, every=5.0).killed) == 2
