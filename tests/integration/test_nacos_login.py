"""Nacos where everything takes a log-in that does not last: following, plain calls, and what is refused."""

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from dynconf import Config, DynconfError, Nacos, NacosServer, Settings
from dynconf.errors import AccessDenied, DocumentMissing, StartFailed
from tests.servers.fixtures import need
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos import NacosServer as RealNacos
from tests.servers.nacos2 import Nacos2
from tests.servers.nacos3 import Nacos3
from tests.servers.process import until
from tests.servers.relay import Relay

LIFE = 4
LOG_IN: dict[str, Any] = {"username": USERNAME, "password": PASSWORD}


class App(Settings):
    n: int = -1


@pytest.fixture(
    scope="module",
    params=[(Nacos2, {}), (Nacos3, {}), (Nacos3, {"compat": False})],
    ids=["2", "3", "3-without-v1"],
)
def locked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNacos]:
    """A server of each kind where everything takes a log-in, which lasts for a few seconds."""
    server_type, options = request.param
    need(server_type.build)
    with server_type(tmp_path_factory.mktemp("locked"), auth=True, token_ttl=LIFE, **options) as server:
        yield server


@pytest.fixture
def relay(locked: RealNacos) -> Iterator[Relay]:
    """What counts requests to it."""
    with Relay(locked.address) as relay:
        yield relay


def refusal(server: NacosServer) -> DynconfError:
    """The reason for which a start fails at once."""
    names = [f"{number}.yaml" for number in range(6)]
    config = Config(Nacos("app.yaml", *names, server=server), start_timeout=50)
    with pytest.raises(StartFailed) as caught:
        config.start()
    (only,) = caught.value.failures
    return only


def test_followed_through_expiries(locked: RealNacos, relay: Relay) -> None:
    """While tokens end and are renewed, every content arrives, nothing fails, and log-ins are few."""
    locked.publish("app.yaml", "n: 0")
    config = Config(Nacos("app.yaml", server=NacosServer(relay.address, **LOG_IN, wait=10, interval=0.3)))
    settings = config.bind(App)
    errors: list[DynconfError] = []
    config.on_error(errors.append)
    begin = monotonic()
    with config:
        n = 0
        while monotonic() < begin + 2.6 * LIFE:
            n += 1
            locked.publish("app.yaml", f"n: {n}")
            settings.until(lambda app: app.n == n, timeout=10)  # noqa: B023
        assert config.status().healthy
        lasted = monotonic() - begin
    assert errors == []
    assert 2 <= len(relay.targets(locked.login_path)) <= 1 + lasted / (0.85 * LIFE)


def test_quiet_through_an_expiry(locked: RealNacos, relay: Relay) -> None:
    """A token that ends while nothing happens is renewed before the next request, also of plain calls."""
    locked.publish("quiet.yaml", "n: 1")
    server = NacosServer(relay.address, **LOG_IN, wait=10, interval=LIFE)
    config = Config(Nacos("quiet.yaml", server=server))
    settings = config.bind(App)
    errors: list[DynconfError] = []
    config.on_error(errors.append)
    with config, NacosServer(locked.address, **LOG_IN) as calls:
        assert calls.get("quiet.yaml")
        before = len(relay.requests)
        until(lambda: relay.targets("login", before), "the next log-in", 25)
        assert calls.publish("quiet.yaml", "n: 2", wait=True)
        settings.until(lambda app: app.n == 2, timeout=25)
        assert calls.remove("quiet.yaml", wait=True)
    assert [type(error) for error in errors] in ([], [DocumentMissing])


def test_wrong_password(locked: RealNacos, relay: Relay) -> None:
    """A start fails at once, names the user, shows no password, and has tried it once for all data ids."""
    locked.publish("app.yaml", "n: 1")
    error = refusal(NacosServer(relay.address, username=USERNAME, password="hunter2"))
    assert isinstance(error, AccessDenied)
    assert f"refuses the log-in of the user '{USERNAME}'" in str(error)
    assert "hunter2" not in str(error)
    assert len(relay.targets(locked.login_path)) == 1


def test_no_log_in(locked: RealNacos) -> None:
    """A start fails at once, and says how to give one."""
    locked.publish("app.yaml", "n: 1")
    error = refusal(NacosServer(locked.address))
    assert isinstance(error, AccessDenied)
    assert "it wants a log-in: give username= and password= (or NACOS_USERNAME and NACOS_PASSWORD)" in str(
        error
    )


def test_log_in_by_variables(locked: RealNacos, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customary variables will do."""
    locked.publish("app.yaml", "n: 7")
    monkeypatch.setenv("NACOS_SERVER_ADDR", locked.address)
    monkeypatch.setenv("NACOS_USERNAME", USERNAME)
    monkeypatch.setenv("NACOS_PASSWORD", PASSWORD)
    config = Config(Nacos("app.yaml"))
    config.load()
    assert config.get("n") == 7


def test_plain_calls_share_a_log_in(locked: RealNacos, relay: Relay) -> None:
    """However many calls there are at the same time, there is one log-in; it is kept for the next ones."""
    locked.publish("app.yaml", "n: 1")
    server = NacosServer(relay.address, **LOG_IN)

    async def run() -> None:
        async with server:
            found = await asyncio.gather(*(server.aget("app.yaml") for _ in range(20)))
            assert {config.content for config in found if config} == {b"n: 1"}

    asyncio.run(run())
    assert server.get("app.yaml")
    assert len(relay.targets(locked.login_path)) == 1


def test_wrong_password_of_plain_calls(locked: RealNacos) -> None:
    """It is the same error there."""
    server = NacosServer(locked.address, username=USERNAME, password="hunter2")
    with pytest.raises(AccessDenied, match=r"refuses the log-in") as caught:
        server.get("app.yaml")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(AccessDenied, match="it wants a log-in"):
        NacosServer(locked.address).publish("app.yaml", "n: 1")
