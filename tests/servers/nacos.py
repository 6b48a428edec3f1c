"""Nacos, whatever its version: a process with its data on disk, and what an operator does to its store."""

import base64
import secrets
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from tests.servers.builds import RECIPES, Build, BuildFailed, run
from tests.servers.java import java
from tests.servers.ports import free_port
from tests.servers.process import Process, ServerFailed, until
from tests.servers.rest import Refused, Reply, call

LOOPBACK = RECIPES / "nacos/Loopback.java"
# Where the other ports are, seen from that of HTTP.
GRPC, CLUSTER_GRPC, RAFT, CONSOLE = 1000, 1001, -1000, 2000
GROUP = "DEFAULT_GROUP"
USERNAME = PASSWORD = "nacos"
TOKEN_TTL = 18_000
DATABASE_LATE = "Login timeout exceeded"
# By this header the servers of a cluster know each other: it is refused nothing, whatever needs a log-in.
IDENTITY = "test-identity"

Auth = bool | Literal["admin"]


class NacosServer(Process):
    """One server, which finds its data again after `kill` and `restart`.

    Args:
        folder: for its log, its configuration and its data.
        auth: what takes a log-in: everything or nothing. The user is nacos, and so is the password.
        token_ttl: seconds that a log-in lasts.
        port: of HTTP; as for `Process`. The others are at a distance.
    """

    build: ClassVar[Build]
    main: ClassVar[str]
    login_path: ClassVar[str]
    patience = 50.0

    def __init__(
        self,
        folder: Path,
        *,
        auth: Auth = False,
        token_ttl: int = TOKEN_TTL,
        port: int | None = None,
    ) -> None:
        super().__init__(folder, port or free_port(beside=[GRPC, CLUSTER_GRPC, RAFT, CONSOLE]))
        self.data_dir = folder / "data"
        self.auth = auth
        self.token_ttl = token_ttl
        self._identity = secrets.token_hex()
        self.change_token_key()

    def change_token_key(self) -> None:
        """Sign tokens by another key from the next start on: all that have been given are refused."""
        self._token_key = base64.b64encode(secrets.token_bytes(32)).decode()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def grpc_address(self) -> str:
        """Where clients speak gRPC, as host:port."""
        return f"127.0.0.1:{self.port + GRPC}"

    def command(self) -> list[str]:
        return self.command_of(self.build.find().parent)

    def command_of(self, program: Path, *, rehearsal: bool = False) -> list[str]:
        """Write the server's files, and say what runs a program that need not be in its place yet."""
        for each in ("conf", "logs", "tmp"):
            (self.data_dir / each).mkdir(parents=True, exist_ok=True)
        properties = self.data_dir / "conf/application.properties"
        properties.touch(mode=0o600)
        properties.write_text("".join(f"{name}={_text(value)}\n" for name, value in self.settings().items()))
        system = {name: _text(value) for name, value in self.system().items()}
        return [
            *java(program, self.folder, self.main, system, rehearsal=rehearsal),
            f"--spring.config.additional-location=file:{properties.parent}/",
        ]

    def settings(self) -> dict[str, Any]:
        """The lines of `application.properties`; a version adds its own."""
        return {
            "server.address": "127.0.0.1",
            "server.tomcat.basedir": f"file:{self.data_dir}",
            "server.tomcat.accesslog.enabled": False,
            "server.error.include-message": "ALWAYS",
            "server.shutdown": "immediate",
            "spring.main.banner-mode": "off",
            "nacos.inetutils.ip-address": "127.0.0.1",
            "nacos.istio.mcp.server.enabled": False,
            "nacos.core.auth.system.type": "nacos",
            "nacos.core.auth.enabled": self.auth is True,
            "nacos.core.auth.caching.enabled": False,
            "nacos.core.auth.server.identity.key": IDENTITY,
            "nacos.core.auth.server.identity.value": self._identity,
            "nacos.core.auth.plugin.nacos.token.cache.enable": False,
            "nacos.core.auth.plugin.nacos.token.expire.seconds": self.token_ttl,
            "nacos.core.auth.plugin.nacos.token.secret.key": self._token_key,
        }

    def system(self) -> dict[str, Any]:
        """The properties that Java is given; a version adds its own."""
        return {
            "nacos.standalone": True,
            "nacos.home": self.data_dir,
            "nacos.server.ip": "127.0.0.1",
            "user.home": self.data_dir,
            "java.io.tmpdir": self.data_dir / "tmp",
            "JM.LOG.PATH": self.data_dir / "logs",
            "JM.SNAPSHOT.PATH": self.data_dir,
            "derby.stream.error.file": self.data_dir / "logs/derby.log",
        }

    def call(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        timeout: float = 10.0,
    ) -> Reply:
        """Any call of the HTTP API, with all rights or with a log-in's token ("" for none).

        Args:
            method: the verb.
            path: what comes after `/nacos`.
            form: the body of a POST or a PUT, and the query of everything else.
            token: of a log-in.
            timeout: seconds that the server may be silent.

        Raises:
            Refused: the status is 400 or above.
            TimeoutError: nothing came for `timeout` seconds.
        """
        headers = {IDENTITY: self._identity} if token is None else {}
        if token:
            headers["accessToken"] = token
        target, encoded = f"/nacos{path}", urlencode(form or {})
        if method not in {"POST", "PUT"}:
            return call(self.address, method, f"{target}?{encoded}", headers=headers, timeout=timeout)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return call(self.address, method, target, encoded.encode(), headers=headers, timeout=timeout)

    def login(self, username: str = USERNAME, password: str = PASSWORD) -> str:
        """A token for `call`, of a new log-in.

        Raises:
            Refused: they are wrong.
        """
        form = {"username": username, "password": password}
        return str(self.call("POST", self.login_path, form, token="").json()["accessToken"])

    def publish(
        self, data_id: str, content: str, group: str = GROUP, namespace: str = "", type: str | None = None
    ) -> None:
        """Write a configuration, and wait until it is what readers get, which takes Nacos some 60 ms.

        Args:
            data_id: its name in the group.
            content: anything but nothing, which Nacos refuses.
            group: for instance, whose it is.
            namespace: an id; "" is the public one's.
            type: such as `yaml`, which readers are told.
        """
        self._write(data_id, group, namespace, {"content": content, **({"type": type} if type else {})})
        until(lambda: self._reads(content, data_id, group, namespace), f"the new content of {data_id}")

    def remove(self, data_id: str, group: str = GROUP, namespace: str = "") -> None:
        """Delete a configuration, and wait until readers get it no more."""
        self._delete(data_id, group, namespace)
        until(lambda: self._reads(None, data_id, group, namespace), f"the end of {data_id}")

    def create_namespace(self, namespace: str, name: str) -> None:
        """Make a namespace.

        Args:
            namespace: the id, by which clients know it.
            name: for people.
        """
        self._create_namespace(namespace, name)
        until(lambda: namespace in self.namespaces(), f"the namespace {namespace}")

    def _reads(self, content: str | None, *key: str) -> bool:
        try:
            return self.get(*key) == content
        except Refused as error:
            if error.reply.status == 409:  # it is about to be read anew
                return False
            raise

    @abstractmethod
    def get(self, data_id: str, group: str = GROUP, namespace: str = "", **options: Any) -> str | None:
        """A configuration's content; `None` if there is no such. Options are those of `call`."""

    @abstractmethod
    def namespaces(self) -> list[str]:
        """The ids of all."""

    @abstractmethod
    def _write(self, data_id: str, group: str, namespace: str, form: dict[str, str]) -> None:
        """Ask for a configuration to be written."""

    @abstractmethod
    def _delete(self, data_id: str, group: str, namespace: str) -> None:
        """Ask for a configuration to be deleted."""

    @abstractmethod
    def _create_namespace(self, namespace: str, name: str) -> None:
        """Ask for a namespace."""

    def start(self) -> None:
        """As for `Process`; once more if its own database took too long, as on a busy machine it may.

        Derby gives itself 30 seconds to be opened, and then Nacos ends.
        """
        try:
            super().start()
        except ServerFailed:
            if not self.log.exists() or DATABASE_LATE not in self.log.read_text(errors="replace"):
                raise
            self.log.unlink()
            super().start()

    def wipe(self) -> None:
        """Restart it empty."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.start()


def rehearse(server_type: type[NacosServer], program: Path) -> None:
    """Start a new program once: what Java has loaded by then is kept with it, and halves each later start.

    Once more if that fails: where all is built at once, Derby may take longer to open than it gives itself.
    """
    try:
        _rehearse_once(server_type, program)
    except BuildFailed:
        _rehearse_once(server_type, program)


def _rehearse_once(server_type: type[NacosServer], program: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(*server_type(folder).command_of(program, rehearsal=True), cwd=folder)


def services(classes: Path) -> None:
    """Have gRPC find what keeps its servers to 127.0.0.1."""
    service = classes / "META-INF/services/io.grpc.ServerProvider"
    service.parent.mkdir(parents=True)
    service.write_text("nacosserver.Loopback\n")


def _text(value: object) -> str:
    """A value as Java writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
