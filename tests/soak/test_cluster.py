"""For a minute: a cluster of three whose leader is killed every 5 s, and a publication each second."""

from collections.abc import Callable

import pytest

from tests.faults.elections import kill_leaders
from tests.servers.consul import ConsulCluster


@pytest.mark.timeout(600)
def test_leaders_are_killed(own_consul_cluster: Callable[..., ConsulCluster]) -> None:
    """What is published arrives in order, once, and the last of it in the end."""
    print(f"\n{kill_leaders(own_consul_cluster(), kills=12, every=5.0)}")
