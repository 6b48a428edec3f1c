"""The servers that other tests rely on do what those tests take for granted."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from pathlib import Path

import pytest

from tests.servers.certificates import Certificates, ServerTls
from tests.servers.consul import ConsulAgent, ConsulCluster
from tests.servers.fixtures import ConsulSpace, RedisServers, need
from tests.servers.ports import free_port
from tests.servers.process import ServerFailed, listens, until
from tests.servers.redis import REDIS, RedisServer
from tests.servers.rest import Refused, call
from tests.servers.toxiproxy import Proxy

ROOT = Path(__file__).parents[2]
SOON = 0.5  # seconds to wait for an answer that does not come
MISSING = "/v1/kv/no-such-key"


def status_of(address: str, *, timeout: float = 10.0, tls: ssl.SSLContext | None = None) -> int:
    """What a Consul answers when asked for a key that it does not have."""
    try:
        return call(address, "GET", MISSING, timeout=timeout, tls=tls).status
    except Refused as error:
        return error.reply.status


def test_shared_consul(consul: ConsulSpace) -> None:
    """The shared agent keeps, lists, changes and deletes keys, and its index grows with them."""
    before = consul.agent.index(consul.prefix)
    consul.put("a b/ü", b"\x00\xff")
    assert consul.get("a b/ü") == b"\x00\xff"
    assert consul.agent.index(consul.prefix) > before
    both = [
        {"Verb": verb, "Key": consul.prefix + key, "Value": b"2"}
        for verb, key in [("set", "x"), ("set", "y")]
    ]
    consul.agent.txn(both)
    assert (consul.get("x"), consul.get("y")) == (b"2", b"2")
    consul.delete("x")
    assert (consul.get("x"), consul.get("y")) == (None, b"2")


def test_transaction_is_all_or_nothing(consul: ConsulSpace) -> None:
    """When a part of a transaction cannot be, the other parts do not happen either."""
    wrong = {"Verb": "check-index", "Key": f"{consul.prefix}none", "Index": 1}
    with pytest.raises(Refused):
        consul.agent.txn([{"Verb": "set", "Key": f"{consul.prefix}a", "Value": b"1"}, wrong])
    assert consul.get("a") is None


@pytest.mark.parametrize("_time", [1, 2])
def test_prefix_of_ones_own(consul: ConsulSpace, _time: int) -> None:
    """No test finds keys of another one: they are gone."""
    consul.put("a", b"1")
    assert consul.agent.call("GET", "/v1/kv/test-?keys").json() == [f"{consul.prefix}a"]


def test_consul_with_data(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """A server with a data folder has its keys, and its address, after `kill -9`; wiped it has none."""
    agent = own_consul(data_dir=tmp_path / "data")
    agent.put("kept", b"1")
    before, address = agent.pid, agent.address
    agent.kill()
    assert not listens(address)
    agent.start()
    assert (agent.get("kept"), agent.address) == (b"1", address)
    assert agent.pid != before
    agent.wipe()
    assert agent.get("kept") is None


def test_consul_in_memory_restarts_empty(own_consul: Callable[..., ConsulAgent]) -> None:
    """Without a data folder nothing outlives the process."""
    agent = own_consul()
    agent.put("lost", b"1")
    agent.restart()
    assert agent.get("lost") is None


def test_frozen_consul(own_consul: Callable[..., ConsulAgent]) -> None:
    """A frozen agent leaves a request without an answer; thawed it answers; a frozen one can be stopped."""
    agent = own_consul()
    agent.put("a", b"1")
    agent.freeze()
    with pytest.raises(TimeoutError):
        agent.get("a", timeout=SOON)
    agent.thaw()
    assert agent.get("a") == b"1"
    agent.freeze()
    agent.stop()
    assert not agent.running


def test_consul_with_access_rules(own_consul: Callable[..., ConsulAgent]) -> None:
    """Without a token all is refused; a token allows what its rules say, until it is revoked."""
    agent = own_consul(acl=True)
    agent.put("shop/a", b"1")
    agent.put("other", b"2")
    token = agent.create_token('key_prefix "shop/" { policy = "read" }')
    assert agent.get("shop/a", token=token) == b"1"
    for key, by in [("shop/a", ""), ("other", token)]:
        with pytest.raises(Refused, match="403"):
            agent.get(key, token=by)
    agent.delete_token(token)
    with pytest.raises(Refused, match="403"):
        agent.get("shop/a", token=token)


@pytest.mark.parametrize("verify", [False, True])
def test_consul_with_tls(
    own_consul: Callable[..., ConsulAgent], certificates: Certificates, verify: bool
) -> None:
    """HTTPS serves clients that trust the authority, and only with a certificate if that is required."""
    agent = own_consul(tls=certificates.server_tls(verify_incoming=verify))
    assert status_of(agent.https_address, tls=certificates.context(client=True)) == 404
    if verify:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            status_of(agent.https_address, tls=certificates.context())
    else:
        assert status_of(agent.https_address, tls=certificates.context()) == 404
    with pytest.raises(ssl.SSLCertVerificationError):
        status_of(agent.https_address, tls=ssl.create_default_context())


def test_cluster_survives_its_leader(own_consul_cluster: Callable[..., ConsulCluster]) -> None:
    """When the leader is killed another takes over with all keys; the old one comes back and catches up."""
    cluster = own_consul_cluster()
    first = cluster.leader()
    first.put("a", b"1")
    first.kill()
    second = cluster.leader()
    assert second is not first
    assert second.get("a") == b"1"
    second.put("a", b"2")
    first.start()
    assert first.get("a") == b"2"


def test_server_that_cannot_start(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """The error of a server that ends at once has the end of its log."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(ServerFailed, match=r"(?s)exit status 1.*missing\.pem: no such file"):
        own_consul(tls=ServerTls(missing, missing, missing))


def test_port_that_is_taken(own_redis: Callable[..., RedisServer]) -> None:
    """A server that is there already is not taken for the one that is started."""
    port = own_redis().port
    with pytest.raises(ServerFailed, match=f":{port}: another server"):
        own_redis(port=port)


def test_redis(redis_servers: RedisServers) -> None:
    """One server answers anybody, the other only who says the password."""
    assert redis_servers.plain.call("PING") == "+PONG"
    assert redis_servers.locked.call("PING") == "+PONG"
    assert redis_servers.locked.call("PING", authenticate=False).startswith("-NOAUTH")


@pytest.fixture
def proxy(consul_agent: ConsulAgent, proxy_to: Callable[[str], Proxy]) -> Proxy:
    """A proxy to the shared Consul."""
    return proxy_to(consul_agent.address)


def test_proxy_lets_through(proxy: Proxy) -> None:
    """Left alone, or with a little latency, a proxy is not noticed."""
    assert status_of(proxy.address) == 404
    proxy.add("latency", latency=1)
    assert status_of(proxy.address) == 404


def test_black_hole(proxy: Proxy) -> None:
    """With a timeout of 0 no answer comes; afterwards they come again."""
    hole = proxy.add("timeout", timeout=0)
    with pytest.raises(TimeoutError):
        status_of(proxy.address, timeout=SOON)
    hole.remove()
    assert status_of(proxy.address) == 404


def test_reset_connection(proxy: Proxy) -> None:
    """A connection can be reset by the peer, and reset mends the proxy."""
    proxy.add("reset_peer", timeout=0)
    with pytest.raises(ConnectionResetError):
        status_of(proxy.address)
    proxy.reset()
    assert status_of(proxy.address) == 404


def test_cut_short(consul: ConsulSpace, proxy: Proxy) -> None:
    """An answer can end in its middle."""
    consul.put("long", b"x" * 10_000)
    proxy.add("limit_data", bytes=5_000)
    with pytest.raises(IncompleteRead):
        call(proxy.address, "GET", f"/v1/kv/{consul.prefix}long?raw")


def test_proxy_down_and_up(proxy: Proxy) -> None:
    """A proxy that is down cuts open connections and refuses new ones."""
    host, _, port = proxy.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {MISSING} HTTP/1.1\r\nHost: consul\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 404"
        proxy.down()
        while connection.recv(1000):
            pass
    assert not listens(proxy.address)
    proxy.up()
    assert status_of(proxy.address) == 404


RUN = """
import sys, threading
from http.client import IncompleteRead
from pathlib import Path
from tests.servers.redis import RedisServer

server = RedisServer(Path(sys.argv[1]))
starting = threading.Thread(target=server.start)
starting.start()
starting.join()
print(server.address, flush=True)
if sys.argv[2] == "frozen":
    server.freeze()
print("begun", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A run of its own that has one server, started in a thread that has ended since."""
    need(REDIS)
    command = [sys.executable, "-c", RUN, str(tmp_path), request.param]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("run", ["running", "frozen"], indirect=True)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_run_that_is_killed_leaves_no_server(run: subprocess.Popen[str], how: signal.Signals) -> None:
    """A server ends with the run that started it, whatever ends that one, and not before."""
    assert run.stdout
    address = run.stdout.readline().strip()
    assert run.stdout.readline() == "begun\n"
    assert listens(address)
    run.send_signal(how)
    run.wait()
    until(lambda: not listens(address), "the server's end")


def test_ports_are_distinct_and_kept_from_other_runs() -> None:
    """No port is given twice, neither here nor to another run that asks at the same time."""
    ours = {free_port() for _ in range(50)}
    assert len(ours) == 50
    script = (
        "import sys\nfrom tests.servers import ports\n"
        "print([port for port in map(int, sys.argv[1:]) if ports._reserve(port)])"
    )
    command = [sys.executable, "-c", script, *map(str, ours)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
