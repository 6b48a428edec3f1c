"""Redis clients that move between real servers while threads and tasks use them."""

import asyncio
import json
from pathlib import Path

import pytest

from dynconf import Consul, Nacos, NacosServer
from tests.integration.counting import Counting, count_while_it_moves, servers
from tests.servers.fixtures import ConsulSpace, NacosSpace, RedisServers

MOVES = 3

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


def test_by_consul(consul: ConsulSpace, redis_servers: RedisServers, tmp_path: Path) -> None:
    """No operation fails or is lost, and no connection is left, when a key of Consul moves them."""

    def publish(content: object) -> None:
        consul.put("app", json.dumps(content).encode())

    counting = Counting(Consul(f"{consul.prefix}app", server=consul.agent.address))
    with servers(redis_servers, tmp_path / "redis") as places:
        asyncio.run(count_while_it_moves(counting, publish, places, MOVES, 1.0))


def test_by_nacos(nacos3: NacosSpace, redis_servers: RedisServers, tmp_path: Path) -> None:
    """Nor when a configuration of Nacos does."""

    def publish(content: object) -> None:
        nacos3.publish("app.json", json.dumps(content))

    server = NacosServer(nacos3.server.address, namespace=nacos3.namespace)
    counting = Counting(Nacos("app.json", server=server))
    with servers(redis_servers, tmp_path / "redis") as places:
        asyncio.run(count_while_it_moves(counting, publish, places, MOVES, 1.0))
