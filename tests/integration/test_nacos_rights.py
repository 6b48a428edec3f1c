"""A user whose right covers one namespace only, on real servers with authentication."""

from collections.abc import Callable

import pytest

from dynconf import Config, Nacos, NacosServer, Settings
from dynconf.errors import AccessDenied
from tests.servers.nacos import NacosServer as Server
from tests.servers.process import until


class App(Settings):
    n: int = 0


def admit(server: Server, namespace: str) -> None:
    """Make the user `shop`, who may read one namespace."""
    three = server.name == "nacos3"
    user, role, permission = (
        ("/v3/auth/user", "/v3/auth/role", "/v3/auth/permission")
        if three
        else ("/v1/auth/users", "/v1/auth/roles", "/v1/auth/permissions")
    )
    token = server.login()
    server.call("POST", user, {"username": "shop", "password": "shop"}, token=token)
    server.call("POST", role, {"username": "shop", "role": "shoppers"}, token=token)
    right = {"role": "shoppers", "resource": f"{namespace}:*:*", "action": "r"}
    server.call("POST", permission, right, token=token)


@pytest.mark.parametrize("version", [2, 3])
def test_right_to_one_namespace(own_nacos: Callable[..., Server], version: int) -> None:
    """What such a user reads is followed by long poll as well."""
    server = own_nacos(version=version, auth=True)
    server.create_namespace("dev", "name of dev")
    server.publish("app.yaml", "n: 1", namespace="dev")
    admit(server, "dev")
    shop = NacosServer(server.address, username="shop", password="shop")

    def may_read() -> bool:
        try:
            return shop.get("app.yaml", namespace="dev") is not None
        except AccessDenied:
            return False

    until(may_read, "the right, for which Nacos looks every 15 s", 40)
    config = Config(Nacos("app.yaml", server=shop, namespace="dev"))
    settings = config.bind(App)
    with config:
        server.publish("app.yaml", "n: 2", namespace="dev")
        settings.until(lambda app: app.n == 2, timeout=10)
        (source,) = config.status().sources
        assert (source.state, source.transport) == ("live", "long poll")
