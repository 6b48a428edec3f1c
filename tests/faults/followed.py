"""The four ways of following a server: what differs between them, for faults that are the same for all."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dynconf import Consul, ConsulServer, Nacos
from dynconf import NacosServer as NacosAddress
from dynconf._values.source import Source
from dynconf.protocols.exchange import ANSWER_TIME
from tests.servers.consul import ConsulAgent
from tests.servers.fixtures import new_space
from tests.servers.nacos import NacosServer

SERVERS = ("consul", "nacos2", "nacos3", "nacos3_without_v1")
_SHARED = {
    "consul": "consul_agent",
    "nacos2": "nacos2_server",
    "nacos3": "nacos3_server",
    "nacos3_without_v1": "nacos3_without_v1_server",
}
_NACOS = {
    "nacos2": {"version": 2},
    "nacos3": {"version": 3},
    "nacos3_without_v1": {"version": 3, "compat": False},
}


@dataclass(frozen=True)
class Pace:
    """How long servers hold what asks for changes, and how often one without that is asked.

    Args:
        consul: seconds for a blocking query.
        nacos: seconds for a long poll.
        interval: seconds between two looks.
    """

    consul: float
    nacos: float
    interval: float


QUICK = Pace(1, 10, 0.5)
USUAL = Pace(60, 30, 15)
"""As short as it can be, and what one gets without saying anything."""


@dataclass(frozen=True)
class Followed:
    """A real server, whose documents are to be followed.

    Args:
        which: one of `SERVERS`.
        server: it.
        space: what its documents' names begin with, or the namespace that they are in.
        pace: see there.
    """

    which: str
    server: ConsulAgent | NacosServer
    space: str
    pace: Pace
    # Nacos's own database is not up to several at once.
    _publishing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def silence(self) -> float:
        """Seconds after which it is known at the latest that nobody answers: the read time-out."""
        if self.which == "consul":
            return self.pace.consul * 17 / 16 + ANSWER_TIME
        if self.which == "nacos3_without_v1":
            return self.pace.interval * 1.2 + ANSWER_TIME
        return max(10.0, self.pace.nacos) * 1.5

    def publish(self, document: str, n: int, size: int = 0) -> float:
        """Write a document with that `n`, and as many bytes more, so that readers get it from now on.

        Returns:
            When that began, in seconds since the epoch.
        """
        text = json.dumps({"n": n, "rest": "x" * size})
        with self._publishing:
            began = time.time()
            if isinstance(self.server, ConsulAgent):
                self.server.put(self.space + document, text.encode())
            else:
                self.server.publish(document, text, namespace=self.space)
        return began

    def clear(self) -> None:
        """Leave nothing that another test could find; a namespace of Nacos is nobody else's."""
        if isinstance(self.server, ConsulAgent):
            self.server.delete(self.space, recurse=True)

    def source(self, address: str, document: str) -> Source:
        """What follows a document."""
        if self.which == "consul":
            return Consul(self.space + document, server=ConsulServer(address, wait=self.pace.consul))
        at = NacosAddress(address, namespace=self.space, wait=self.pace.nacos, interval=self.pace.interval)
        return Nacos(document, server=at)


def shared(which: str, fixture: Callable[[str], object], pace: Pace) -> Followed:
    """A server that all tests share, and a place of one's own on it."""
    server = fixture(_SHARED[which])
    if isinstance(server, ConsulAgent):
        return Followed(which, server, f"test-{uuid.uuid4().hex[:12]}/", pace)
    assert isinstance(server, NacosServer)
    return Followed(which, server, new_space(server).namespace, pace)


def owned(which: str, request: pytest.FixtureRequest, pace: Pace) -> Followed:
    """A server of the test's own, with its data on disk."""
    if which == "consul":
        folder = request.getfixturevalue("tmp_path") / f"data-{uuid.uuid4().hex}"
        agent: ConsulAgent = request.getfixturevalue("own_consul")(data_dir=folder)
        for n in range(30):  # so that its index is far above an empty one's
            agent.put("other", b"%d" % n)
        return Followed(which, agent, "", pace)
    return Followed(which, request.getfixturevalue("own_nacos")(**_NACOS[which]), "", pace)
