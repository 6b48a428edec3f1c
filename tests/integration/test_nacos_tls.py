"""Nacos behind a proxy that ends TLS, with its own authority: log-in, reading, long poll, plain calls."""

from collections.abc import Iterator
from typing import Any

import pytest

from dynconf import Config, DynconfError, Nacos, NacosServer
from dynconf.errors import SourceUnavailable
from tests.integration.nacos_props import App, failure
from tests.servers.certificates import Certificates
from tests.servers.fixtures import need
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos import NacosServer as RealNacos
from tests.servers.nacos2 import Nacos2
from tests.servers.nacos3 import Nacos3
from tests.servers.nacos_tls import TlsRelay


@pytest.fixture(scope="module", params=[Nacos2, Nacos3])
def locked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNacos]:
    """A server of each version where everything takes a log-in."""
    need(request.param.build)
    with request.param(tmp_path_factory.mktemp("locked"), auth=True) as server:
        yield server


def server_at(relay: TlsRelay, **options: Any) -> NacosServer:
    """With the log-in."""
    return NacosServer(relay.url, username=USERNAME, password=PASSWORD, wait=10, **options)


def test_followed_over_tls(locked: RealNacos, certificates: Certificates) -> None:
    """What is trusted is that authority alone; all requests of following and of calls go that way."""
    locked.publish("app.yaml", "message: a")
    with TlsRelay(locked.address, certificates) as relay:
        server = server_at(relay, ca=str(certificates.ca))
        config = Config(Nacos("app.yaml", server=server))
        settings = config.bind(App)
        errors: list[DynconfError] = []
        config.on_error(errors.append)
        with config, server:
            assert settings.current.message == "a"
            assert server.publish("app.yaml", "message: b", wait=True)
            settings.until(lambda app: app.message == "b", timeout=10)
            (source,) = config.status().sources
            assert (source.state, source.transport) == ("live", "long poll")
        assert errors == []
        assert len(relay.targets(locked.login_path)) == 2  # of the source, and of the calls
        assert relay.targets("POST /nacos/v1/cs/configs/listener")
        assert relay.targets("GET /nacos/v1/cs/configs?")


def test_certificate_of_ours(locked: RealNacos, certificates: Certificates) -> None:
    """A proxy that wants one gets it, and who has none is told so."""
    locked.publish("app.yaml", "message: a")
    with TlsRelay(locked.address, certificates, client=True) as relay:
        ca, cert, key = map(str, (certificates.ca, certificates.client, certificates.client_key))
        server = server_at(relay, ca=ca, cert=cert, key=key)
        assert server.get("app.yaml")
        with pytest.raises(SourceUnavailable, match=f"^{relay.url}/nacos: "):
            server_at(relay, ca=ca).get("app.yaml")


def test_unknown_authority(locked: RealNacos, certificates: Certificates) -> None:
    """Neither name nor password is sent to whom nobody vouches for."""
    with TlsRelay(locked.address, certificates) as relay:
        error = failure(Nacos("app.yaml", server=server_at(relay)))
        assert isinstance(error, SourceUnavailable)
        assert "certificate" in str(error)
        assert relay.requests == []
        assert server_at(relay, verify=False).get("no-such.yaml") is None
