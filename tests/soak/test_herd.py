"""Two hundred clients of a real server that goes and comes back: when they return, printed."""

import asyncio
from collections.abc import Callable

import pytest

from dynconf.protocols.nacos.identity import DEFAULT_GROUP, NacosKey
from tests.servers.consul import ConsulAgent
from tests.servers.fixtures import NacosSpace
from tests.servers.toxiproxy import Proxy
from tests.soak.herd import CLIENTS, OfConsul, OfNacos, scatter

FEW = CLIENTS / 10  # may meet the proxy just as it goes

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("away", [0, 3, 20])]


def test_consul(own_consul: Callable[..., ConsulAgent], proxy_to: Callable[[str], Proxy], away: int) -> None:
    """All come back, and none is lost."""
    # All seem to be one client, and those that were cut off count for a while.
    agent = own_consul(limits={"http_max_conns_per_client": 10 * CLIENTS})
    proxy = proxy_to(agent.address)

    def make(address: str) -> OfConsul:
        return OfConsul(address, "app")

    def publish(content: bytes) -> None:
        agent.put("app", content)

    arrivals = asyncio.run(scatter(make, proxy, agent.address, publish, away))
    print(f"\nConsul, away for {away} s: {arrivals}")
    assert len(arrivals.times) == CLIENTS
    assert arrivals.repeated < FEW, "whoever is cut off with all others waits for a random time first"


def test_nacos(nacos2: NacosSpace, proxy_to: Callable[[str], Proxy], away: int) -> None:
    """Likewise, by long polls."""
    server = nacos2.server.address
    proxy = proxy_to(server)
    key = NacosKey("app", DEFAULT_GROUP, nacos2.namespace)

    def make(address: str) -> OfNacos:
        return OfNacos(address, key)

    def publish(content: bytes) -> None:
        nacos2.publish("app", content.decode())

    arrivals = asyncio.run(scatter(make, proxy, server, publish, away))
    print(f"\nNacos 2, away for {away} s: {arrivals}")
    assert len(arrivals.times) == CLIENTS
    assert arrivals.repeated < FEW, "whoever is cut off with all others waits for a random time first"
