"""The Nacos servers that other tests rely on do what those tests take for granted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.builds import Build, Unavailable
from tests.servers.fixtures import NacosSpace, need, new_space
from tests.servers.nacos import CLUSTER_GRPC, GRPC, PASSWORD, RAFT, USERNAME, NacosServer
from tests.servers.nacos2 import NACOS2, Nacos2
from tests.servers.nacos3 import NACOS3, Nacos3
from tests.servers.ports import free_port
from tests.servers.process import ServerFailed, listens, until
from tests.servers.rest import Refused

SOON = 0.5  # seconds to wait for an answer that does not come
V1 = "/v1/cs/configs"
V1_POLL = "/v1/cs/configs/listener"
V3 = "/v3/client/cs/config"
V3_ADMIN = "/v3/admin/core/namespace/list"
KEY = {"dataId": "none", "group": "g", "groupName": "g"}


def status_of(server: NacosServer, path: str, method: str = "GET", token: str = "") -> int:
    """What a server answers when asked for a configuration that it does not have."""
    try:
        return server.call(method, path, KEY, token=token).status
    except Refused as error:
        return error.reply.status


def test_publish_read_and_remove(nacos: NacosSpace) -> None:
    """What was published, changed or removed can be read as soon as the call is over."""
    nacos.publish("a-b_c:d.yaml", "a: 1\nb: ü&=+%\n", type="yaml")
    assert nacos.get("a-b_c:d.yaml") == "a: 1\nb: ü&=+%\n"
    nacos.publish("a-b_c:d.yaml", "a: 2\n", type="yaml")
    nacos.publish("a-b_c:d.yaml", "a: 3\n", group="other")
    assert (nacos.get("a-b_c:d.yaml"), nacos.get("a-b_c:d.yaml", group="other")) == ("a: 2\n", "a: 3\n")
    nacos.remove("a-b_c:d.yaml")
    assert (nacos.get("a-b_c:d.yaml"), nacos.get("a-b_c:d.yaml", group="other")) == (None, "a: 3\n")


@pytest.mark.parametrize(("data_id", "content"), [("empty", ""), ("a b", "1"), ("ü", "1"), ("a/b", "1")])
def test_what_nacos_refuses(nacos: NacosSpace, data_id: str, content: str) -> None:
    """Nothing is kept that is empty, or whose name has other than ASCII letters, digits and `.:_-`."""
    with pytest.raises(Refused, match="400"):
        nacos.publish(data_id, content)


def test_namespaces_do_not_meet(nacos: NacosSpace) -> None:
    """One name means something else in each namespace, and in the public one."""
    other = new_space(nacos.server)
    name = nacos.namespace  # one that no test has in the public namespace
    nacos.publish(name, "ours")
    assert (other.get(name), nacos.server.get(name)) == (None, None)
    nacos.server.publish(name, "everybody's")
    other.publish(name, "theirs")
    other.remove(name)
    assert (nacos.get(name), nacos.server.get(name)) == ("ours", "everybody's")
    assert {nacos.namespace, other.namespace} < set(nacos.server.namespaces())


@pytest.mark.parametrize("_time", [1, 2])
def test_namespace_of_ones_own(nacos: NacosSpace, _time: int) -> None:
    """No test finds what another one published."""
    assert nacos.get("same") is None
    nacos.publish("same", "1")


def test_nacos_listens_on_all_its_ports(nacos: NacosSpace) -> None:
    """Once it is ready, gRPC is so as well."""
    port = nacos.server.port
    assert nacos.server.grpc_address == f"127.0.0.1:{port + GRPC}"
    for distance in (0, GRPC, CLUSTER_GRPC, RAFT):
        assert listens(f"127.0.0.1:{port + distance}")


@pytest.mark.parametrize(
    ("which", "v1", "poll", "v3", "admin"),
    [
        ("nacos2", 404, 400, 404, 404),
        ("nacos3", 404, 400, 200, 403),
        ("nacos3_without_v1", 410, 410, 200, 403),
    ],
)
def test_which_api_is_where(
    request: pytest.FixtureRequest, which: str, v1: int, poll: int, v3: int, admin: int
) -> None:
    """Version 1 is on 2, and on 3 unless it is off; version 3 is on 3, where clients need no log-in.

    Version 1 answers 404 for a missing configuration and 400 for a poll of nothing, version 3 answers 200.
    """
    server = request.getfixturevalue(which).server
    assert status_of(server, V1) == v1
    assert status_of(server, V1_POLL, "POST") == poll
    assert status_of(server, V3) == v3
    assert status_of(server, V3_ADMIN) == admin


def test_operators_log_in_to_nacos_3(nacos3: NacosSpace) -> None:
    """As it is shipped, an operator's calls take the token of a log-in."""
    assert status_of(nacos3.server, V3_ADMIN, token="made up") == 403
    assert status_of(nacos3.server, V3_ADMIN, token=nacos3.server.login()) == 200


@pytest.fixture(scope="module", params=[Nacos2, Nacos3])
def locked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NacosServer]:
    """A server of each version where everything takes a log-in, which does not last."""
    need(request.param.build)
    with request.param(tmp_path_factory.mktemp("locked"), auth=True, token_ttl=4) as server:
        yield server


def test_log_in(locked: NacosServer) -> None:
    """Without a token, or with one that is not good, all is refused; with that of a log-in it is not."""
    locked.publish("secret", "1")
    for token in ("", "made up"):
        with pytest.raises(Refused, match="403"):
            locked.get("secret", token=token)
    assert locked.get("secret", token=locked.login()) == "1"


@pytest.mark.parametrize(("username", "password"), [("nobody", PASSWORD), (USERNAME, "wrong")])
def test_wrong_log_in(locked: NacosServer, username: str, password: str) -> None:
    """Who says another name or password gets no token."""
    with pytest.raises(Refused):
        locked.login(username, password)


def test_token_expires(locked: NacosServer) -> None:
    """A token is refused once its time is up, and the operator goes on."""
    locked.publish("a", "1")
    token = locked.login()
    assert status_of(locked, V1, token=token) == 404
    until(lambda: status_of(locked, V1, token=token) == 403, "the token's end")
    locked.publish("a", "2")
    assert locked.get("a", token=locked.login()) == "2"


def test_frozen_nacos(locked: NacosServer) -> None:
    """A frozen server leaves a request without an answer; thawed it answers."""
    locked.publish("a", "1")
    locked.freeze()
    with pytest.raises(TimeoutError):
        locked.get("a", timeout=SOON)
    locked.thaw()
    assert locked.get("a") == "1"


def test_nacos_keeps_its_data(locked: NacosServer) -> None:
    """After `kill -9` a server has its configurations, its namespaces and its address."""
    locked.create_namespace("team", "The team")
    locked.publish("kept", "1", namespace="team", type="json")
    before, address = locked.pid, locked.address
    locked.kill()
    assert not listens(address)
    locked.start()
    token = locked.login()
    assert (locked.get("kept", namespace="team", token=token), locked.address) == ("1", address)
    assert locked.pid != before


def test_wiped_nacos(locked: NacosServer) -> None:
    """A wiped server has nothing but its user."""
    locked.create_namespace("other-team", "The other team")
    locked.publish("lost", "1", namespace="other-team")
    locked.wipe()
    assert locked.get("lost", namespace="other-team", token=locked.login()) is None
    assert "other-team" not in locked.namespaces()


@pytest.mark.parametrize("version", [2, 3])
def test_nacos_on_a_port_that_is_taken(
    own_nacos: Callable[..., NacosServer], nacos3: NacosSpace, version: int
) -> None:
    """A server that is there already is not taken for one's own."""
    with pytest.raises(ServerFailed, match=f":{nacos3.server.port}: another server"):
        own_nacos(version, port=nacos3.server.port)


@pytest.mark.parametrize("build", [NACOS2, NACOS3])
def test_nacos_without_java(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no Java, that is the reason which is given, also if the program was made once."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no `java` on the path"):
        build.find()


@pytest.mark.parametrize("build", [NACOS2, NACOS3])
def test_nacos_without_maven(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no Maven, nothing is made, and the reason is kept with what it takes."""
    monkeypatch.setenv("DYNCONF_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "java").touch(mode=0o700)
    said: list[str] = []
    reason = r"Maven and a JDK.*no `mvn` on the path"
    with pytest.raises(Unavailable, match=reason):
        build.ensure(said.append)
    with pytest.raises(Unavailable, match=reason):
        build.find()
    assert said


def test_ports_at_distances() -> None:
    """A port comes with those at its distances, and none of them is given to somebody else."""
    distances = [GRPC, CLUSTER_GRPC, RAFT]
    first, second = free_port(beside=distances), free_port(beside=distances)
    families = [{port, *(port + distance for distance in distances)} for port in (first, second)]
    assert families[0].isdisjoint(families[1])
    assert {free_port() for _ in range(50)}.isdisjoint(families[0] | families[1])
