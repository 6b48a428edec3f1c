"""Users who may read one namespace, or single data ids, on real servers with authentication."""

from collections.abc import Iterator

import pytest

from dynconf import Config, DynconfError, Nacos, NacosServer, Settings
from dynconf.errors import AccessDenied
from tests.servers.fixtures import need
from tests.servers.nacos import NacosServer as Server
from tests.servers.nacos2 import Nacos2
from tests.servers.nacos3 import Nacos3
from tests.servers.process import until
from tests.servers.relay import Relay

RELOADED = 45.0  # seconds in which Nacos, which looks for rights every 15 s, knows of one
SINGLE = ("dev:G:config/a.yaml", "dev:H:config/b.yaml", ":G:config/c.yaml")


class App(Settings):
    a: int = 0
    b: int = 0
    c: int = 0


class Rights:
    """A server where everything takes a log-in, and what its users may read."""

    def __init__(self, server: Server) -> None:
        self.server = server
        three = server.name == "nacos3"
        self._user, self._role, self._permission = (
            ("/v3/auth/user", "/v3/auth/role", "/v3/auth/permission")
            if three
            else ("/v1/auth/users", "/v1/auth/roles", "/v1/auth/permissions")
        )

    def admit(self, user: str, *resources: str) -> None:
        """Make a user who may read these."""
        self._call("POST", self._user, username=user, password=user)
        self._call("POST", self._role, username=user, role=f"{user}s")
        for resource in resources:
            self.give(user, resource)

    def give(self, user: str, resource: str) -> None:
        """Let a user read that."""
        self._call("POST", self._permission, role=f"{user}s", resource=resource, action="r")

    def take(self, user: str, resource: str) -> None:
        """Let him no more."""
        self._call("DELETE", self._permission, role=f"{user}s", resource=resource, action="r")

    def _call(self, method: str, path: str, **form: str) -> None:
        self.server.call(method, path, form, token=self.server.login())


def of(user: str, address: str) -> NacosServer:
    """Nacos for a user."""
    return NacosServer(address, username=user, password=user, wait=10)


def may_read(server: NacosServer, data_id: str, group: str, namespace: str) -> bool:
    """Whether that is there for him."""
    try:
        return server.get(data_id, group=group, namespace=namespace) is not None
    except AccessDenied:
        return False


@pytest.fixture(scope="module", params=[Nacos2, Nacos3])
def rights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rights]:
    """Of each version: `shop` may read a namespace, `clerk` three data ids in three places."""
    need(request.param.build)
    with request.param(tmp_path_factory.mktemp("locked"), auth=True) as server:
        rights = Rights(server)
        server.create_namespace("dev", "name of dev")
        server.publish("app.yaml", "a: 1", namespace="dev")
        rights.admit("shop", "dev:*:*")
        rights.admit("clerk", *SINGLE)
        yield rights


def publish(server: Server, n: int) -> None:
    """Have the clerk's configurations hold that number."""
    for name, group, namespace in (("a", "G", "dev"), ("b", "H", "dev"), ("c", "G", "")):
        server.publish(f"{name}.yaml", f"{name}: {n}", group, namespace)


def followed(server: NacosServer) -> Config:
    """Follow what the clerk may read."""
    return Config(
        Nacos("a.yaml", server=server, group="G", namespace="dev"),
        Nacos("b.yaml", server=server, group="H", namespace="dev"),
        Nacos("c.yaml", server=server, group="G", namespace="public"),
    )


def test_right_to_one_namespace(rights: Rights) -> None:
    """What such a user reads is followed by long poll as well."""
    shop = of("shop", rights.server.address)
    until(lambda: may_read(shop, "app.yaml", "DEFAULT_GROUP", "dev"), "the right", RELOADED)
    config = Config(Nacos("app.yaml", server=shop, namespace="dev"))
    settings = config.bind(App)
    with config:
        rights.server.publish("app.yaml", "a: 2", namespace="dev")
        settings.until(lambda app: app.a == 2, timeout=10)
        (source,) = config.status().sources
        assert (source.state, source.transport) == ("live", "long poll")


def test_rights_to_single_data_ids(rights: Rights) -> None:
    """A right to each one will do: one long poll is for all, wherever they are, and nothing is refused."""
    publish(rights.server, 1)
    with Relay(rights.server.address) as relay:
        clerk = of("clerk", relay.address)
        until(lambda: may_read(clerk, "c.yaml", "G", ""), "the right", RELOADED)
        assert not may_read(clerk, "app.yaml", "DEFAULT_GROUP", "dev")
        since = len(relay.statuses)
        config = followed(clerk)
        settings = config.bind(App)
        with config:
            for n in (2, 3):
                publish(rights.server, n)
                settings.until(lambda app: app == App(a=n, b=n, c=n), timeout=10)  # noqa: B023
            states = {(source.state, source.transport) for source in config.status().sources}
            assert states == {("live", "long poll")}
            until(lambda: relay.waiting == 1, "the one poll")
        assert 403 not in relay.statuses[since:]


def test_right_that_is_lost(rights: Rights) -> None:
    """It is told once, also with a change pending; the others are polled for; given back, it catches up."""
    publish(rights.server, 1)
    lost, *_ = SINGLE
    clerk = of("clerk", rights.server.address)
    until(lambda: may_read(clerk, "a.yaml", "G", "dev"), "the right", RELOADED)
    config = followed(clerk)
    settings = config.bind(App)
    errors: list[DynconfError] = []
    config.on_error(errors.append)
    with config:
        rights.take("clerk", lost)
        until(lambda: not may_read(clerk, "a.yaml", "G", "dev"), "the loss", RELOADED)
        publish(rights.server, 2)
        settings.until(lambda app: (app.b, app.c) == (2, 2), timeout=15)
        publish(rights.server, 3)
        settings.until(lambda app: (app.b, app.c) == (3, 3), timeout=10)
        until(lambda: config.status().sources[0].state == "stale", "the refusal")
        assert [source.state for source in config.status().sources[1:]] == ["live", "live"]
        assert {source.transport for source in config.status().sources} == {"long poll"}
        [document] = config.status().sources[0].documents
        assert document.state == "stale"
        assert "refuses to read 'a.yaml'" in str(document)
        assert settings.current.a == 1
        rights.give("clerk", lost)
        settings.until(lambda app: app.a == 3, timeout=RELOADED)
        until(lambda: config.status().sources[0].state == "live", "the recovery")
    (error,) = errors
    assert isinstance(error, AccessDenied)
    assert "refuses to read 'a.yaml' in group 'G' of namespace 'dev'" in str(error)
