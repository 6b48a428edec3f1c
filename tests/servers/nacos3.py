"""Nacos 3: version 3 of the HTTP API, gRPC, and version 1 with its long poll unless that is off."""

from pathlib import Path
from typing import Any

from tests.servers.builds import RECIPES, Build
from tests.servers.java import ARCHIVE, assemble
from tests.servers.nacos import (
    CONSOLE,
    GROUP,
    LOOPBACK,
    PASSWORD,
    TOKEN_TTL,
    Auth,
    NacosServer,
    rehearse,
    services,
)

RECIPE = RECIPES / "nacos3"
SOURCES = [*sorted(RECIPE.glob("*.java")), LOOPBACK]
CONFIG = "/v3/admin/cs/config"
NAMESPACE = "/v3/admin/core/namespace"
MISSING = 20004  # Nacos's own code; the status is 200
JDBC = "org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration"


def _make(folder: Path) -> None:
    """Get the jars, keep Raft's gRPC to 127.0.0.1, and rehearse."""
    assemble(folder, RECIPE / "pom.xml", SOURCES, services)
    rehearse(Nacos3, folder)


NACOS3 = Build(
    name="nacos3",
    version="3.1.0",
    result=ARCHIVE,
    make=_make,
    recipe=[RECIPE / "pom.xml", *SOURCES],
    needs="java",
    duration="1 to 2 minutes",
)


class Nacos3(NacosServer):
    """One Nacos 3, see `NacosServer`.

    Args:
        folder: for its log, its configuration and its data.
        auth: what takes a log-in: everything, nothing, or what does by default: an operator's calls and the
            console, while clients do without.
        token_ttl: seconds that a log-in lasts.
        compat: serve version 1 of the HTTP API. If not, it answers 410; from 3.2 on there is none, and 404.
        console: serve the console, too, on `console_url`. That takes some seconds more to start.
        port: of HTTP; as for `Process`.
    """

    name = "nacos3"
    build = NACOS3
    main = "nacosserver.Nacos3"
    login_path = "/v3/auth/user/login"

    def __init__(
        self,
        folder: Path,
        *,
        auth: Auth = "admin",
        token_ttl: int = TOKEN_TTL,
        compat: bool = True,
        console: bool = False,
        port: int | None = None,
    ) -> None:
        super().__init__(folder, auth=auth, token_ttl=token_ttl, port=port)
        self.compat = compat
        self.console = console

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.port + CONSOLE}"

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "nacos.server.main.port": self.port,
            "nacos.server.contextPath": "/nacos",
            "nacos.console.port": self.port + CONSOLE,
            "nacos.console.contextPath": "",
            "nacos.console.remote.server.context-path": "/nacos",
            "spring.autoconfigure.exclude": JDBC,
            "nacos.core.auth.admin.enabled": bool(self.auth),
            "nacos.core.auth.console.enabled": bool(self.auth),
            "nacos.core.api.compatibility.client.enabled": self.compat,
            "nacos.core.api.compatibility.admin.enabled": False,
            "nacos.core.api.compatibility.console.enabled": False,
            "nacos.k8s.sync.enabled": False,
            "management.elastic.metrics.export.enabled": False,
            "management.influx.metrics.export.enabled": False,
        }

    def system(self) -> dict[str, Any]:
        return super().system() | {
            "nacos.deployment.type": "merged" if self.console else "server",
            "nacos.remote.grpc.listen.ip": "127.0.0.1",
        }

    def ready(self) -> bool:
        return self.call("GET", "/v3/admin/core/state/readiness", timeout=2.0).status == 200

    def wait_ready(self) -> None:
        """Wait until it is ready, and choose the password, which is ignored once there is one."""
        super().wait_ready()
        self.call("POST", "/v3/auth/user/admin", {"password": PASSWORD})

    def get(self, data_id: str, group: str = GROUP, namespace: str = "", **options: Any) -> str | None:
        key = _key(data_id, group, namespace)
        reply = self.call("GET", "/v3/client/cs/config", key, **options).json()
        return None if reply["code"] == MISSING else str(reply["data"]["content"])

    def namespaces(self) -> list[str]:
        return [each["namespace"] for each in self.call("GET", f"{NAMESPACE}/list").json()["data"]]

    def _write(self, data_id: str, group: str, namespace: str, form: dict[str, str]) -> None:
        self.call("POST", CONFIG, _key(data_id, group, namespace) | form)

    def _delete(self, data_id: str, group: str, namespace: str) -> None:
        self.call("DELETE", CONFIG, _key(data_id, group, namespace))

    def _create_namespace(self, namespace: str, name: str) -> None:
        self.call("POST", NAMESPACE, {"namespaceId": namespace, "namespaceName": name})


def _key(data_id: str, group: str, namespace: str) -> dict[str, str]:
    """A configuration's name; the public namespace may be left out."""
    return {"dataId": data_id, "groupName": group, **({"namespaceId": namespace} if namespace else {})}
