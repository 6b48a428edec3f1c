"""Consul: an agent in memory or with data on disk, with access rules, with TLS, and several as a cluster."""

import base64
import json
import secrets
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers.builds import RECIPES, Build, run
from tests.servers.certificates import ServerTls
from tests.servers.ports import free_port
from tests.servers.process import Process, until
from tests.servers.rest import Refused, Reply, call


def _make(folder: Path) -> None:
    """Build it as its own module would be, with the versions and check sums that the recipe holds."""
    run(
        *("go", "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w"),
        *("-o", folder / "consul", "github.com/hashicorp/consul"),
        cwd=RECIPES / "consul",
        env={"CGO_ENABLED": "0"},
    )


CONSUL = Build(
    name="consul",
    version="1.22.7",
    result="consul",
    make=_make,
    recipe=[RECIPES / "consul/go.mod", RECIPES / "consul/go.sum"],
    duration="3 to 5 minutes",
)
# What Consul recommends for production is also the quickest: an election takes one to three seconds.
QUICK_RAFT = {"raft_multiplier": 1}
QUICK_GOSSIP = {
    "gossip_interval": "50ms",
    "probe_interval": "200ms",
    "probe_timeout": "100ms",
    "suspicion_mult": 2,
}


class ConsulAgent(Process):
    """One agent, and what an operator does to its key-value store.

    Args:
        folder: for its log and its configuration.
        data_dir: keep data here; without, all is in memory and gone with the process.
        acl: refuse what no token allows. The methods here use the management token.
        tls: serve HTTPS, too, on `https_address`.
        port: of HTTP; as for `Process`.
        cluster_of: how many servers are to find each other; see `ConsulCluster`.
        limits: what else stands under `limits` of its configuration.
    """

    name = "consul"

    def __init__(
        self,
        folder: Path,
        *,
        data_dir: Path | None = None,
        acl: bool = False,
        tls: ServerTls | None = None,
        port: int | None = None,
        cluster_of: int = 1,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self.limits = dict(limits or {})
        super().__init__(folder, port)
        assert cluster_of == 1 or data_dir, "a server in memory is a cluster of its own"
        self.data_dir = data_dir
        self.management_token = str(uuid.uuid4()) if acl else ""
        self.tls = tls
        self.https_port = free_port() if tls else -1
        self.server_port = free_port()
        self.gossip_port = free_port()
        self.cluster_of = cluster_of
        self.join: list[str] = []

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def https_address(self) -> str:
        """Where HTTPS is, as host:port."""
        assert self.tls, "made without TLS"
        return f"127.0.0.1:{self.https_port}"

    @property
    def https_url(self) -> str:
        return f"https://{self.https_address}"

    def command(self) -> list[str]:
        config = self.folder / "agent.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps(self._config(), indent=1))
        mode = [] if self.data_dir else ["-dev"]
        return [str(CONSUL.find()), "agent", *mode, f"-config-file={config}"]

    def ready(self) -> bool:
        """Whether a leader answers: for a read that is to be consistent the agent has to ask it."""
        try:
            self.call("GET", "/v1/kv/?keys&consistent", timeout=2.0)
        except Refused as error:
            return error.reply.status == 404
        return True

    def call(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        timeout: float = 10.0,
    ) -> Reply:
        """Any call of the HTTP API, with the management token or with one that is given ("" for none).

        Raises:
            Refused: the status is 400 or above.
            TimeoutError: nothing came for `timeout` seconds.
        """
        token = self.management_token if token is None else token
        headers = {"X-Consul-Token": token} if token else {}
        return call(self.address, method, target, body, headers=headers, timeout=timeout)

    def put(self, key: str, value: bytes) -> None:
        self.call("PUT", _path(key), value)

    def get(self, key: str, **options: Any) -> bytes | None:
        """A key's value; `None` if there is no such key. Options are those of `call`."""
        try:
            return self.call("GET", f"{_path(key)}?raw", **options).body
        except Refused as error:
            if error.reply.status == 404:
                return None
            raise

    def delete(self, key: str, *, recurse: bool = False) -> None:
        """Delete a key, or all keys that begin like that."""
        self.call("DELETE", f"{_path(key)}{'?recurse' if recurse else ''}")

    def txn(self, operations: Iterable[Mapping[str, Any]]) -> Any:
        """Do several things to keys at once or none, such as `{"Verb": "set", "Key": "a", "Value": b"1"}`."""
        body = [{"KV": {**operation, **_encoded(operation)}} for operation in operations]
        return self.call("PUT", "/v1/txn", json.dumps(body).encode()).json()

    def index(self, prefix: str = "") -> int:
        """The index that a blocking query on a prefix would begin with."""
        try:
            reply = self.call("GET", f"{_path(prefix)}?keys")
        except Refused as error:
            reply = error.reply  # there is an index of nothing, too
        return int(reply.headers["x-consul-index"])

    def create_token(self, rules: str) -> str:
        """A token that allows what the rules say, such as `key_prefix "shop/" { policy = "read" }`."""
        policy = {"Name": f"tests-{secrets.token_hex(4)}", "Rules": rules}
        made = self.call("PUT", "/v1/acl/policy", json.dumps(policy).encode()).json()
        token = {"Policies": [{"ID": made["ID"]}]}
        return str(self.call("PUT", "/v1/acl/token", json.dumps(token).encode()).json()["SecretID"])

    def restrict_token(self, token: str, rules: str) -> None:
        """Have a token allow something else."""
        policy = {"Name": f"tests-{secrets.token_hex(4)}", "Rules": rules}
        made = self.call("PUT", "/v1/acl/policy", json.dumps(policy).encode()).json()
        accessor = self.call("GET", "/v1/acl/token/self", token=token).json()["AccessorID"]
        body = {"Policies": [{"ID": made["ID"]}]}
        self.call("PUT", f"/v1/acl/token/{accessor}", json.dumps(body).encode())

    def delete_token(self, token: str) -> None:
        """Revoke a token."""
        accessor = self.call("GET", "/v1/acl/token/self", token=token).json()["AccessorID"]
        self.call("DELETE", f"/v1/acl/token/{accessor}")

    def wipe(self) -> None:
        """Restart it empty: its indices begin anew, as after a restore into a new server."""
        self.stop()
        if self.data_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        self.start()

    def _config(self) -> dict[str, Any]:
        ports = {
            "http": self.port,
            "https": self.https_port,
            "server": self.server_port,
            "serf_lan": self.gossip_port,
        }
        config: dict[str, Any] = {
            "node_name": f"node-{self.port}",
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "ports": {**ports, "dns": -1, "grpc": -1, "grpc_tls": -1, "serf_wan": -1},
            "disable_update_check": True,
            "leave_on_terminate": False,
            "log_level": "info",
        }
        if self.data_dir:
            config |= {"server": True, "data_dir": str(self.data_dir), "bootstrap_expect": self.cluster_of}
            config |= {"performance": QUICK_RAFT, "gossip_lan": QUICK_GOSSIP}
            config |= {"retry_join": self.join, "retry_interval": "200ms"}
        if self.limits:
            config["limits"] = self.limits
        if self.management_token:
            tokens = {"initial_management": self.management_token, "agent": self.management_token}
            config["acl"] = {"enabled": True, "default_policy": "deny", "tokens": tokens}
        if self.tls:
            files = {
                "ca_file": str(self.tls.ca),
                "cert_file": str(self.tls.cert),
                "key_file": str(self.tls.key),
            }
            config["tls"] = {"https": {**files, "verify_incoming": self.tls.verify_incoming}}
        return config


class ConsulCluster:
    """Servers that elect a leader; each keeps its data, so that it comes back as itself.

    Args:
        folder: each server has a folder in it.
        size: how many; three survive the loss of one.
        options: what each `ConsulAgent` gets, too.
    """

    def __init__(self, folder: Path, size: int = 3, **options: Any) -> None:
        self.servers = [
            ConsulAgent(folder / f"{n}", data_dir=folder / f"{n}/data", cluster_of=size, **options)
            for n in range(size)
        ]
        for server in self.servers:
            server.join = [f"127.0.0.1:{other.gossip_port}" for other in self.servers if other is not server]

    def start(self) -> None:
        """Start all, and wait until each knows the leader and all others."""
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait_ready()
        until(lambda: all(self._is_complete(server) for server in self.servers), "a complete cluster")

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def leader(self) -> ConsulAgent:
        """The server that leads now, once the running ones agree and it answers."""
        return until(self._agreed_leader, "a leader")

    def followers(self) -> list[ConsulAgent]:
        """The running servers but the leader."""
        leader = self.leader()
        return [server for server in self.servers if server.running and server is not leader]

    def _is_complete(self, server: ConsulAgent) -> bool:
        return len(server.call("GET", "/v1/status/peers").json()) == len(self.servers)

    def _agreed_leader(self) -> ConsulAgent | None:
        running = [server for server in self.servers if server.running]
        try:
            said = {server.call("GET", "/v1/status/leader").json() for server in running}
            for server in running:
                if said == {f"127.0.0.1:{server.server_port}"} and server.ready():
                    return server
        except (Refused, OSError):
            pass  # an election is under way
        return None


def _path(key: str) -> str:
    return "/v1/kv/" + quote(key)


def _encoded(operation: Mapping[str, Any]) -> dict[str, str]:
    """The value of a transaction's operation as Consul wants it."""
    return {"Value": base64.b64encode(operation["Value"]).decode()} if "Value" in operation else {}
