"""Toxiproxy: stands between a client and a server, and does to their connections what networks do."""

import json
from pathlib import Path
from typing import Any, Literal

from tests.servers.builds import Build, run
from tests.servers.ports import free_port
from tests.servers.process import Process
from tests.servers.rest import call

VERSION = "2.12.0"
Toxic = Literal["latency", "bandwidth", "timeout", "reset_peer", "slow_close", "slicer", "limit_data"]


def _make(folder: Path) -> None:
    """Build its server, which Go's tool puts where it is told."""
    run(
        *(
            "go",
            "install",
            "-trimpath",
            "-ldflags",
            f"-s -w -X github.com/Shopify/toxiproxy/v2.Version={VERSION}",
        ),
        f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}",
        env={"CGO_ENABLED": "0", "GOBIN": str(folder)},
    )


TOXIPROXY = Build(name="toxiproxy", version=VERSION, result="server", make=_make, duration="half a minute")


class Toxiproxy(Process):
    """One process for any number of proxies, which are gone when it restarts; `address` is its HTTP API's."""

    name = "toxiproxy"

    def command(self) -> list[str]:
        return [str(TOXIPROXY.find()), "-host", "127.0.0.1", "-port", str(self.port)]

    def ready(self) -> bool:
        return bool(self.call("GET", "/version")["version"] == VERSION)

    def call(self, method: str, target: str, body: Any = None) -> Any:
        """Any call of its HTTP API."""
        content = None if body is None else json.dumps(body).encode()
        reply = call(self.address, method, target, content)
        return reply.json() if reply.body else None

    def proxy(self, upstream: str) -> "Proxy":
        """A new proxy to a server.

        Args:
            upstream: the server's host:port.
        """
        return Proxy(self, upstream)


class Proxy:
    """Where a client connects instead of to the server itself; `address` is its host:port."""

    def __init__(self, toxiproxy: Toxiproxy, upstream: str) -> None:
        self._toxiproxy = toxiproxy
        self._toxics = 0
        self.address = f"127.0.0.1:{free_port()}"
        self._target = f"/proxies/{self.address}"
        body = {"name": self.address, "listen": self.address, "upstream": upstream, "enabled": True}
        toxiproxy.call("POST", "/proxies", body)

    def down(self) -> None:
        """Cut all connections and refuse new ones."""
        self._toxiproxy.call("POST", self._target, {"enabled": False})

    def lead_to(self, upstream: str) -> None:
        """Cut all connections, and lead new ones to another server."""
        self._toxiproxy.call("POST", self._target, {"upstream": upstream, "enabled": True})

    def up(self) -> None:
        """Accept connections again."""
        self._toxiproxy.call("POST", self._target, {"enabled": True})

    def add(
        self,
        kind: Toxic,
        stream: Literal["downstream", "upstream"] = "downstream",
        toxicity: float = 1.0,
        **attributes: int,
    ) -> "AddedToxic":
        """Begin to do something to every connection, also to those that are open.

        Args:
            kind: `timeout` with `timeout=0` is a black hole: what is sent vanishes, and the connection stays.
            stream: what the server sends, or what the client sends.
            toxicity: the share of connections that suffer, from 0 to 1.
            attributes: of the kind: `latency` and `jitter` in milliseconds, `rate` in KB/s, `timeout` in
                milliseconds, `delay` in milliseconds, `bytes`.
        """
        self._toxics += 1
        name = f"{kind}-{self._toxics}"
        body = {"name": name, "type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        self._toxiproxy.call("POST", f"{self._target}/toxics", body)
        return AddedToxic(self._toxiproxy, f"{self._target}/toxics/{name}")

    def reset(self) -> None:
        """Remove all toxics, and let connections through."""
        for toxic in self._toxiproxy.call("GET", f"{self._target}/toxics"):
            self._toxiproxy.call("DELETE", f"{self._target}/toxics/{toxic['name']}")
        self.up()

    def remove(self) -> None:
        """Do away with the proxy; its connections are cut."""
        self._toxiproxy.call("DELETE", self._target)


class AddedToxic:
    """One toxic at work."""

    def __init__(self, toxiproxy: Toxiproxy, target: str) -> None:
        self._toxiproxy = toxiproxy
        self._target = target

    def remove(self) -> None:
        """Let traffic through as before. Connections that a `timeout` held are closed."""
        self._toxiproxy.call("DELETE", self._target)
