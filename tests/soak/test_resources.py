"""Redis clients that move fifty times in thirty seconds while threads and tasks use them; prints figures."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dynconf import Consul, Nacos, NacosServer
from tests.integration.counting import Counting, Publish, count_while_it_moves, servers
from tests.servers.fixtures import ConsulSpace, NacosSpace, RedisServers

MOVES, SECONDS = 50, 30.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def soak(redis_servers: RedisServers, tmp_path: Path) -> Callable[[str, Counting, Publish], None]:
    """What `tests/integration/test_resource_redis.py` does with fewer moves."""

    def run(name: str, counting: Counting, publish: Publish) -> None:
        with servers(redis_servers, tmp_path / "redis") as places:
            rest, moves = asyncio.run(count_while_it_moves(counting, publish, places, MOVES, SECONDS))
        print(
            f"\n{name}: {MOVES} moves in {moves.seconds:.1f} s, {counting.done} operations, none lost;"
            f" {moves.rate:.0f} a second, at rest {rest.rate:.0f}: a ratio of {moves.rate / rest.rate:.2f}"
        )

    return run


def test_by_consul(consul: ConsulSpace, soak: Callable[[str, Counting, Publish], None]) -> None:
    """No operation fails or is lost, and no connection is left."""

    def publish(content: object) -> None:
        consul.put("app", json.dumps(content).encode())

    soak("Consul", Counting(Consul(f"{consul.prefix}app", server=consul.agent.address)), publish)


@pytest.mark.parametrize("version", ["nacos2", "nacos3"])
def test_by_nacos(
    version: str, request: pytest.FixtureRequest, soak: Callable[[str, Counting, Publish], None]
) -> None:
    """Likewise."""
    nacos: NacosSpace = request.getfixturevalue(version)

    def publish(content: object) -> None:
        nacos.publish("app.json", json.dumps(content))

    server = NacosServer(nacos.server.address, namespace=nacos.namespace)
    soak(version, Counting(Nacos("app.json", server=server)), publish)
