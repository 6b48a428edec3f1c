"""Nacos's source keeps the contract of sources, on each kind of server, behind a proxy that cuts it off."""

import json
from collections.abc import Callable, Mapping

import pytest

from dynconf import Nacos, NacosServer
from dynconf._values.source import Source
from dynconf.testing import SourceContract
from tests.servers.fixtures import NacosSpace
from tests.servers.toxiproxy import Proxy


class TestDocument(SourceContract):
    """Every request goes through a proxy, which refuses connections while it is cut off."""

    data_ids: tuple[str, ...] = ("app",)
    # The other data ids hold this, which the contract does not look at.
    beside = "extra: 1"

    @pytest.fixture(autouse=True)
    def space(self, nacos: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
        self.nacos = nacos
        self.proxy = proxy_to(nacos.server.address)
        for data_id in self.data_ids:
            if data_id != "app":
                nacos.publish(data_id, self.beside)

    def make_source(self) -> Source:
        # The contract's clock runs fast, so that the interval passes at once where there is no long poll.
        server = NacosServer(self.proxy.address, namespace=self.nacos.namespace, wait=10, interval=1)
        return Nacos(*self.data_ids, server=server)

    def edit(self, tree: Mapping[str, object]) -> None:
        self.nacos.publish("app", json.dumps(dict(tree)))

    def delete(self) -> None:
        self.nacos.remove("app")

    def garble(self) -> None:
        self.nacos.publish("app", '{"name": [')

    def cut_off(self) -> None:
        self.proxy.down()

    def restore(self) -> None:
        self.proxy.up()


class TestOneOfTwo(TestDocument):
    """What becomes of one data id is the same whatever stands beside it."""

    data_ids = ("app", "other.yaml")
