"""Following Nacos while the log-in expires again and again and something is published every second."""

import time
from dataclasses import dataclass
from functools import partial

from dynconf import Config, DynconfError, Nacos, NacosServer, Settings
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos import NacosServer as Server
from tests.servers.relay import Relay

TOKEN_TTL = 5
# The earliest at which dynconf renews a log-in, as a part of its life.
EARLIEST = 0.85
DATA_IDS = ("one.yaml", "two.yaml", "three.yaml")
PATIENCE = 20.0


class Part(Settings):
    n: int = -1


@dataclass(frozen=True)
class Soaked:
    """What it took.

    Attributes:
        seconds: how long it went on.
        published: how often something was published.
        told: how often a callback ran.
        log_ins: how often somebody logged in.
        refused: how many requests were answered with 403.
        errors: what `on_error` was told.
    """

    seconds: float
    published: int
    told: int
    log_ins: int
    refused: int
    errors: list[str]

    @property
    def most_log_ins(self) -> float:
        """One at first, and one for each expiry."""
        return 1 + self.seconds / (EARLIEST * TOKEN_TTL)


def _is(expected: int, part: Part) -> bool:
    return part.n == expected


def soak(server: Server, seconds: int) -> Soaked:
    """Follow three configurations of a server whose log-ins last 5 s, each of which changes every 3 s.

    What is current in the end is what was published last, or this fails.
    """
    for data_id in DATA_IDS:
        server.publish(data_id, "n: 0")
    told: list[int] = []
    errors: list[str] = []
    with Relay(server.address) as relay:
        nacos = NacosServer(relay.address, username=USERNAME, password=PASSWORD)
        config = Config(
            *(Nacos(data_id, server=nacos, at=data_id.removesuffix(".yaml")) for data_id in DATA_IDS)
        )
        parts = [config.bind(Part, at=data_id.removesuffix(".yaml")) for data_id in DATA_IDS]
        for part in parts:
            part.on_change("n")(lambda change: told.append(change.new))

        @config.on_error
        def failed(error: DynconfError) -> None:
            errors.append(str(error))

        last = [0] * len(parts)
        began = time.monotonic()
        with config:
            for number in range(1, seconds + 1):
                which = number % len(parts)
                server.publish(DATA_IDS[which], f"n: {number}")
                last[which] = number
                time.sleep(max(0.0, began + number - time.monotonic()))  # the pace, which nothing waits for
            for part, expected in zip(parts, last, strict=True):
                part.until(partial(_is, expected), PATIENCE)
            assert config.status().healthy, config.status()
            assert [part.current.n for part in parts] == last
        lasted = time.monotonic() - began
        # 2.x is asked by the newer address first, and has only the older.
        log_ins = max(len(relay.targets("/v3/auth/")), len(relay.targets("/v1/auth/")))
        return Soaked(lasted, seconds, len(told), log_ins, relay.statuses.count(403), errors)
