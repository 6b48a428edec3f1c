"""A start from the cache while real servers cannot be reached, and back to life when they can."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dynconf import Config, Consul, ConsulServer, Nacos, NacosServer, Settings, Source
from dynconf.errors import StartFailed
from tests.servers.fixtures import ConsulSpace, NacosSpace
from tests.servers.process import until
from tests.servers.toxiproxy import Proxy


class App(Settings):
    n: int
    name: str = ""


class Served:
    """A source of some kind behind a proxy, and how to have it say another `n`."""

    def __init__(self, kind: str, request: pytest.FixtureRequest) -> None:
        self._proxy_to: Callable[[str], Proxy] = request.getfixturevalue("proxy_to")
        if kind.startswith("nacos"):
            self._with_nacos(request.getfixturevalue(kind))
        else:
            self._with_consul(request.getfixturevalue("consul"), kind)
        self.set(1)

    def _with_nacos(self, space: NacosSpace) -> None:
        self.proxy = self._proxy_to(space.server.address)
        self.set: Callable[[int], object] = lambda n: space.publish("app.yaml", f"n: {n}\nname: é")
        self._make: Callable[[], Source] = lambda: Nacos(
            "app.yaml", server=NacosServer(self.proxy.address, namespace=space.namespace, interval=0.5)
        )

    def _with_consul(self, space: ConsulSpace, kind: str) -> None:
        self.proxy = self._proxy_to(space.agent.address)
        server = ConsulServer(self.proxy.address)
        if kind == "spring":
            space.put("config/app,dev/name", "é".encode())
            self.set = lambda n: space.put("config/app/n", f"{n}".encode())
            prefix = f"{space.prefix}config"
            self._make = lambda: Consul("app", server=server, layout="spring", prefix=prefix)
        elif kind == "folder":
            space.put("app/name", "é".encode())
            self.set = lambda n: space.put("app/n", f"{n}".encode())
            self._make = lambda: Consul(f"{space.prefix}app/", server=server, layout="keys")
        else:
            self.set = lambda n: space.put("app", f"n: {n}\nname: é".encode())
            self._make = lambda: Consul(f"{space.prefix}app", server=server)

    def config(self, folder: Path) -> Config:
        """A Config over it, with a cache."""
        return Config(self._make(), profile="dev", cache=folder, cache_after=0.2, start_timeout=3.0)


@pytest.fixture(params=["key", "folder", "spring", "nacos2", "nacos3_without_v1"])
def served(request: pytest.FixtureRequest) -> Served:
    """Each kind of source in turn."""
    return Served(request.param, request)


def test_a_start_while_the_server_is_away(served: Served, tmp_path: Path) -> None:
    """All that was applied last is there, called stale; when the server is back, so is its newest value."""
    with served.config(tmp_path) as config:
        served.set(2)
        until(lambda: config.get("n") in {2, "2"}, "the change")
    served.proxy.down()
    served.set(3)
    config = served.config(tmp_path)
    settings = config.bind(App)
    with config:
        assert settings.current == App(n=2, name="é")
        [status] = config.status().sources
        assert status.state == "stale"
        assert all(document.cached_at is not None for document in status.documents)
        served.proxy.up()
        settings.until(lambda app: app.n == 3, timeout=40)
        until(lambda: config.status().healthy, "all live")


def test_without_one_it_fails(served: Served, tmp_path: Path) -> None:
    """With nothing kept, or only by another Config, a start says who does not answer."""
    served.config(tmp_path / "another").load()
    served.proxy.down()
    with pytest.raises(StartFailed, match="nobody listens"):
        served.config(tmp_path / "cache").start()
