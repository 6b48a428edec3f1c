"""A program that follows a Consul cluster whose leader is killed again and again, while values change."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPException
from statistics import median

from dynconf import Change, Config, Consul, ConsulServer
from tests.faults.reading import App
from tests.servers.consul import ConsulCluster
from tests.servers.process import until
from tests.servers.rest import Refused

KEY = "app"
PUBLISH_EVERY = 1.0
RETRY_AFTER = 0.02
PATIENCE = 60.0


@dataclass
class Elected:
    """What was seen; times are those of `time.monotonic`.

    Attributes:
        killed: when each leader was.
        published: each number, and when a server acknowledged it.
        told: each number, and when a subscriber was told of it.
    """

    killed: list[float] = field(default_factory=list)
    published: list[tuple[int, float]] = field(default_factory=list)
    told: list[tuple[int, float]] = field(default_factory=list)

    def __str__(self) -> str:
        found = self.resumed()
        outages = _spread(at - kill for kill, at, _ in found)
        delays = _spread(told - at for _, at, told in found)
        both = _spread(told - kill for kill, _, told in found)
        return (
            f"{len(self.killed)} leaders killed, {len(self.published)} numbers published, {len(self.told)}"
            f" told; from a kill until a server acknowledged a number: {outages}; from there until that or a"
            f" newer one was told: {delays}; both together: {both}"
        )

    def resumed(self) -> list[tuple[float, float, float]]:
        """Of each kill: when it was, when a number was acknowledged after it, and when that was told."""
        found = []
        for kill in self.killed:
            number, at = next((number, at) for number, at in self.published if at > kill)
            told = min(told for seen, told in self.told if seen >= number)
            found.append((kill, at, max(at, told)))
        return found


class Publisher:
    """Publishes the next number each second, by whichever server acknowledges it."""

    def __init__(self, cluster: ConsulCluster, seen: Elected) -> None:
        self._cluster = cluster
        self._seen = seen
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def publish(self, number: int) -> None:
        """Write a number, and try again until it is acknowledged: no two attempts at the same time."""
        while not any(self._try(index, number) for index in range(len(self._cluster.servers))):
            time.sleep(RETRY_AFTER)
        self._seen.published.append((number, time.monotonic()))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = len(self._seen.published)
        while not self._over.is_set():
            due = time.monotonic() + PUBLISH_EVERY
            number += 1
            self.publish(number)
            self._over.wait(max(0.0, due - time.monotonic()))

    def _try(self, index: int, number: int) -> bool:
        server = self._cluster.servers[index]
        try:
            # Longer than Consul itself tries for.
            reply = server.call("PUT", f"/v1/kv/{KEY}", b'{"n": %d}' % number, timeout=15.0)
        except (Refused, OSError, HTTPException):
            return False
        return reply.body.strip() == b"true"


def kill_leaders(cluster: ConsulCluster, kills: int, every: float) -> Elected:
    """Follow a number, kill so many leaders, one each so many seconds, and check what was told.

    Args:
        cluster: a running one.
        kills: how many.
        every: seconds from one kill to the next; longer if there is no leader by then.
    """
    seen = Elected()
    publisher = Publisher(cluster, seen)
    publisher.publish(1)
    server = ConsulServer(*(server.address for server in cluster.servers), wait=5)
    config = Config(Consul(KEY, server=server))
    settings = config.bind(App)

    @settings.on_change
    def told(change: Change[App]) -> None:
        seen.told.append((change.new.n, time.monotonic()))

    with config:
        with publisher:
            for _ in range(kills):
                due = time.monotonic() + every
                leader = cluster.leader()
                leader.kill()
                seen.killed.append(time.monotonic())
                leader.launch()
                time.sleep(max(0.0, due - time.monotonic()))  # the pace of the kills
            cluster.leader()
        last, _ = seen.published[-1]
        until(lambda: seen.told[-1][0] == last, "the last number", PATIENCE)
        until(lambda: config.status().healthy, "all being well", PATIENCE)
        assert settings.current.n == last
    numbers = [number for number, _ in seen.told]
    assert numbers == sorted(set(numbers)), "each came once, in the order in which they were published"
    return seen


def _spread(seconds: Iterable[float]) -> str:
    """The middle and the longest of some times."""
    each = list(seconds)
    return f"{median(each):.2f} s, at most {max(each):.2f} s"
