"""What the tests on real Nacos servers have in common: a model, the servers of a namespace, and failures."""

from typing import Any

import pytest

from dynconf import Config, DynconfError, Nacos, NacosServer, Settings
from dynconf.errors import StartFailed
from tests.servers.fixtures import NacosSpace


class Redis(Settings):
    host: str = ""
    port: int = 0


class App(Settings):
    redis: Redis = Redis()
    message: str = ""


def server_of(nacos: NacosSpace, **options: Any) -> NacosServer:
    """The server of a namespace; where there is no long poll it is looked at often."""
    options = {"namespace": nacos.namespace, "wait": 10, "interval": 0.2, **options}
    return NacosServer(nacos.server.address, **options)


def loaded(*sources: Nacos, **options: Any) -> App:
    """What one pass over sources gives."""
    config = Config(*sources, **options)
    settings = config.bind(App)
    config.load()
    return settings.current


def failure(source: Nacos, **options: Any) -> DynconfError:
    """The one reason for which a start fails."""
    config = Config(source, start_timeout=1.0, **options)
    with pytest.raises(StartFailed) as caught:
        config.start()
    (only,) = caught.value.failures
    return only
