"""Nacos 2: version 1 of the HTTP API, whose long poll tells of changes, and gRPC."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.servers.builds import RECIPES, Build, run
from tests.servers.java import ARCHIVE, assemble
from tests.servers.nacos import GROUP, LOOPBACK, NacosServer, rehearse, services
from tests.servers.rest import Refused

RECIPE = RECIPES / "nacos2"
SOURCES = [*sorted(RECIPE.glob("*.java")), LOOPBACK]
CONFIGS = "/v1/cs/configs"
NAMESPACES = "/v1/console/namespaces"
SCHEMA = "derby-schema.sql"
# The distribution's schema has these; the one that is published as a part of a library has not.
USER = """
INSERT INTO users (username, password, enabled)
VALUES ('nacos', '$2a$10$Nvs7fnP8/NZYLSEWSoYxC.c9ZaPJ.mzsu0XLiazKNvNVGr5yabqYi', TRUE);
INSERT INTO roles (username, role) VALUES ('nacos', 'ROLE_ADMIN');
"""
JDBC = "org.springframework.boot.autoconfigure.jdbc."
NOT_WANTED = f"{JDBC}DataSourceAutoConfiguration,{JDBC}DataSourceTransactionManagerAutoConfiguration"
OPEN = "/,/error,/v1/auth/**,/v1/console/health/**,/actuator/**,/v1/console/server/**"


def _make(folder: Path) -> None:
    """Get the jars, keep gRPC to 127.0.0.1, add the user to the schema, and rehearse."""

    def finish(classes: Path) -> None:
        services(classes)
        run("java", "-cp", f"{classes}:{folder / 'lib/*'}", "nacosserver.BindLoopback", classes)

    assemble(folder, RECIPE / "pom.xml", SOURCES, finish)
    (jar,) = folder.glob("lib/nacos-config-2*.jar")
    with ZipFile(jar) as jar_file:
        (folder / SCHEMA).write_text(jar_file.read(f"META-INF/{SCHEMA}").decode() + USER)
    rehearse(Nacos2, folder)


NACOS2 = Build(
    name="nacos2",
    version="2.3.2",
    result=ARCHIVE,
    make=_make,
    recipe=[RECIPE / "pom.xml", *SOURCES],
    needs="java",
    duration="1 to 2 minutes",
)


class Nacos2(NacosServer):
    """One Nacos 2, see `NacosServer`.

    Its namespaces, its first user and the status that a wrong password gets come from the recipe, as Nacos's
    console is not published as a library: what dynconf makes of those has to be proved on Nacos 3.
    """

    name = "nacos2"
    build = NACOS2
    main = "nacosserver.Nacos2"
    login_path = "/v1/auth/login"

    def command_of(self, program: Path, *, rehearsal: bool = False) -> list[str]:
        command = super().command_of(program, rehearsal=rehearsal)
        (self.data_dir / "conf" / SCHEMA).write_bytes((program / SCHEMA).read_bytes())
        return command

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "server.port": self.port,
            "server.servlet.contextPath": "/nacos",
            "spring.autoconfigure.exclude": NOT_WANTED,
            "nacos.core.auth.enable.userAgentAuthWhite": False,
            "nacos.security.ignore.urls": OPEN,
            "management.metrics.export.elastic.enabled": False,
            "management.metrics.export.influx.enabled": False,
        }

    def ready(self) -> bool:
        reply = self.call("GET", "/v1/ns/operator/metrics", timeout=2.0)
        return bool(reply.json()["status"] == "UP")

    def get(self, data_id: str, group: str = GROUP, namespace: str = "", **options: Any) -> str | None:
        try:
            return self.call("GET", CONFIGS, _key(data_id, group, namespace), **options).body.decode()
        except Refused as error:
            if error.reply.status == 404:
                return None
            raise

    def namespaces(self) -> list[str]:
        return [each["namespace"] for each in self.call("GET", NAMESPACES).json()["data"]]

    def _write(self, data_id: str, group: str, namespace: str, form: dict[str, str]) -> None:
        self.call("POST", CONFIGS, _key(data_id, group, namespace) | form)

    def _delete(self, data_id: str, group: str, namespace: str) -> None:
        self.call("DELETE", CONFIGS, _key(data_id, group, namespace))

    def _create_namespace(self, namespace: str, name: str) -> None:
        self.call("POST", NAMESPACES, {"customNamespaceId": namespace, "namespaceName": name})


def _key(data_id: str, group: str, namespace: str) -> dict[str, str]:
    """A configuration's name. The public namespace has to be left out: by its name it is another one."""
    return {"dataId": data_id, "group": group, **({"tenant": namespace} if namespace else {})}
