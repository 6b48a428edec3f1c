"""Consul's sources keep the contract of sources, on a real agent that a proxy cuts them off from."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dynconf import Consul, ConsulServer
from dynconf._values.source import Source
from dynconf.testing import SourceContract
from tests.servers.fixtures import ConsulSpace
from tests.servers.toxiproxy import Proxy


class ConsulContract(SourceContract):
    """Every request goes through a proxy, which refuses connections while it is cut off."""

    options: Mapping[str, Any] = {}
    key = "app"

    @pytest.fixture(autouse=True)
    def space(self, consul: ConsulSpace, proxy_to: Callable[[str], Proxy]) -> None:
        self.consul = consul
        self.proxy = proxy_to(consul.agent.address)

    def make_source(self) -> Source:
        # Silence is noticed when the time that a query is held for is over.
        server = ConsulServer(self.proxy.address, wait=1)
        return Consul(self.consul.prefix + self.key, server=server, **self.options)

    def delete(self) -> None:
        self.consul.delete("", recurse=True)

    def cut_off(self) -> None:
        self.proxy.down()

    def restore(self) -> None:
        self.proxy.up()


class TestDocument(ConsulContract):
    def edit(self, tree: Mapping[str, Any]) -> None:
        self.consul.put("app", json.dumps(dict(tree)).encode())

    def garble(self) -> None:
        self.consul.put("app", b'{"name": [')


# A folder without keys is an empty document, so that it never goes.
FOLDERS_STAY = ["document_gone", "optional_document_gone"]


class TestKeys(ConsulContract, without=FOLDERS_STAY):
    options: Mapping[str, Any] = {"layout": "keys"}

    def edit(self, tree: Mapping[str, Any]) -> None:
        prefix = self.consul.prefix
        fresh = [
            {"Verb": "set", "Key": f"{prefix}app/{key}", "Value": str(value).encode()}
            for key, value in tree.items()
        ]
        self.consul.agent.txn([{"Verb": "delete-tree", "Key": f"{prefix}app/"}, *fresh])

    def garble(self) -> None:
        self.consul.put("app/name/first", b"a name within a name")
        self.consul.put("app/name", b"x")


NEVER_MISSED = ["missing_at_start"]


class SpringContract(ConsulContract):
    key = "demo"

    def make_source(self) -> Source:
        server = ConsulServer(self.proxy.address, wait=1)
        prefix = self.consul.prefix.rstrip("/")
        return Consul("demo", server=server, layout="spring", prefix=prefix, **self.options)


class TestSpringKeys(SpringContract, without=NEVER_MISSED):
    def edit(self, tree: Mapping[str, Any]) -> None:
        prefix = self.consul.prefix
        fresh = [
            {"Verb": "set", "Key": f"{prefix}demo/{key}", "Value": str(value).encode()}
            for key, value in tree.items()
        ]
        self.consul.agent.txn([{"Verb": "delete-tree", "Key": f"{prefix}demo/"}, *fresh])

    def garble(self) -> None:
        self.consul.put("demo/name.first", b"a name within a name")
        self.consul.put("demo/name", b"x")


class TestSpringYaml(SpringContract, without=NEVER_MISSED):
    options: Mapping[str, Any] = {"format": "yaml"}
    document = "demo/data"

    def edit(self, tree: Mapping[str, Any]) -> None:
        self.consul.put(self.document, json.dumps(dict(tree)).encode())

    def garble(self) -> None:
        self.consul.put(self.document, b'{"name": [')


class TestSpringFiles(TestSpringYaml, without=NEVER_MISSED):
    options: Mapping[str, Any] = {"format": "files"}
    document = "demo.yml"
