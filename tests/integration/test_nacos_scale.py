"""A thousand data ids in one Config take one long poll, and no thread more than one data id does."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dynconf import Config, Nacos, NacosServer, Settings
from tests.servers.fixtures import NacosSpace
from tests.servers.process import until
from tests.servers.relay import Relay

SOURCES, EACH = 20, 50
CHANGED = 777
WAIT = 10.0
PATIENCE = 90.0

pytestmark = pytest.mark.timeout(300)
POLL = "POST /nacos/v1/cs/configs/listener"


class Part(Settings):
    n: int = -1


def data_id(number: int) -> str:
    """One of them."""
    return f"part-{number}.json"


@contextmanager
def following(space: NacosSpace, relay: Relay, sources: int, each: int) -> Iterator[Config]:
    """A Config that has read everything and waits for changes."""
    server = NacosServer(relay.address, namespace=space.namespace, wait=WAIT)
    config = Config(
        *(
            Nacos(
                *(data_id(source * each + number) for number in range(each)), server=server, at=f"s{source}"
            )
            for source in range(sources)
        ),
        start_timeout=PATIENCE,
    )
    with config:
        until(lambda: relay.requests[-1] == POLL and relay.waiting == 1, "the long poll", PATIENCE)
        yield config


def threads() -> int:
    """How many this process has, whoever started them."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - the kernel's own list


@pytest.fixture(params=["nacos2", "nacos3"])
def space(request: pytest.FixtureRequest) -> NacosSpace:
    """A namespace with all of them."""
    space: NacosSpace = request.getfixturevalue(request.param)
    numbers = range(SOURCES * EACH)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: space.publish(data_id(number), f'{{"n{number}": 1}}'), numbers))
    return space


def test_a_thousand_data_ids(space: NacosSpace) -> None:
    """One connection waits for all; at rest it is renewed, and nothing else; a change is one request more."""
    with Relay(space.server.address) as relay, following(space, relay, 1, 1):
        threads_for_one = threads()
    with Relay(space.server.address) as relay, following(space, relay, SOURCES, EACH) as config:
        assert threads() == threads_for_one
        # Besides the one that waits there are at most those that everything was read on, side by side.
        assert relay.waiting == 1
        assert relay.open <= 1 + 8
        settings = config.bind(Part, at=f"s{CHANGED // EACH}")
        assert config.get(f"s{CHANGED // EACH}.n{CHANGED}") == 1

        rest = len(relay.requests)
        until(lambda: len(relay.requests) > rest and relay.waiting == 1, "the poll's renewal", PATIENCE)
        assert relay.requests[rest:] == [POLL]

        change = len(relay.requests)
        space.publish(data_id(CHANGED), f'{{"n{CHANGED}": 1, "n": 2}}')
        settings.until(lambda part: part.n == 2, PATIENCE)
        until(lambda: relay.requests[-1] == POLL and relay.waiting == 1, "the next poll", PATIENCE)
        (read,) = [request for request in relay.requests[change:] if request != POLL]
        assert f"dataId={data_id(CHANGED)}&" in read
