"""Nacos's configurations on real servers of each kind: documents, names, mistakes, and what idling costs."""

import threading

import pytest

from dynconf import Config, DynconfError, Nacos, NacosServer
from dynconf.errors import (
    DocumentMissing,
    RequestRefused,
    SourceUnavailable,
    UnexpectedReply,
)
from tests.integration.nacos_props import App, Redis, failure, loaded, server_of
from tests.servers.fixtures import NacosSpace, new_space
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.relay import Relay

# Which configuration


def test_order_of_data_ids(nacos: NacosSpace) -> None:
    """The last one wins, whichever came last."""
    nacos.publish("b.yaml", "{message: b, redis: {port: 2}}")
    nacos.publish("a.yaml", "{message: a, redis: {host: a}}")
    server = server_of(nacos)
    app = loaded(Nacos("a.yaml", "b.yaml", server=server))
    assert (app.message, app.redis) == ("b", Redis(host="a", port=2))
    assert loaded(Nacos("b.yaml", "a.yaml", server=server)).message == "a"


def test_order_stays_when_one_changes(nacos: NacosSpace) -> None:
    """A change below shows where nothing above speaks, and there only."""
    nacos.publish("a.yaml", "{message: a, redis: {host: a}}")
    nacos.publish("b.yaml", "message: b")
    config = Config(Nacos("a.yaml", "b.yaml", server=server_of(nacos)))
    settings = config.bind(App)
    with config:
        nacos.publish("a.yaml", "{message: c, redis: {host: c}}")
        settings.until(lambda app: app.redis.host == "c", timeout=10)
        assert settings.current.message == "b"


def test_groups_and_namespaces(nacos: NacosSpace) -> None:
    """One name is another configuration in each group and namespace; a source says which it means."""
    other = new_space(nacos.server)
    nacos.publish("app.yaml", "{message: ours}")
    nacos.publish("app.yaml", "{redis: {host: group}}", group="G")
    other.publish("app.yaml", "{redis: {port: 7}}")
    server = server_of(nacos)
    config = Config(
        Nacos("app.yaml", server=server),
        Nacos("app.yaml", server=server, group="G"),
        Nacos("app.yaml", server=server, namespace=other.namespace),
    )
    settings = config.bind(App)
    with config:
        assert settings.current == App(message="ours", redis=Redis(host="group", port=7))
        other.publish("app.yaml", "{redis: {port: 8}}")
        settings.until(lambda app: app.redis.port == 8, timeout=10)
        nacos.publish("app.yaml", "{redis: {host: other}}", group="G")
        settings.until(lambda app: app.redis.host == "other", timeout=10)
        assert settings.current.message == "ours"


def test_public_namespace_by_either_name(nacos: NacosSpace) -> None:
    """`public` and nothing are the same: read, followed, and not asked for over and over."""
    name = f"{nacos.namespace}.yaml"  # of this test alone
    nacos.server.publish(name, "message: a")
    with Relay(nacos.server.address) as relay:
        named, unnamed = (
            NacosServer(relay.address, namespace=namespace, wait=10, interval=0.2)
            for namespace in ("public", "")
        )
        config = Config(Nacos(name, server=named, at="one"), Nacos(name, server=unnamed, at="two"))
        with config:
            assert config.get("one.message") == config.get("two.message") == "a"
            nacos.server.publish(name, "message: b")
            until(lambda: config.get("one.message") == config.get("two.message") == "b", "the change")
            polls = config.status().sources[0].transport == "long poll"
        assert not polls or len(relay.targets("dataId")) <= 4


def test_three_namespaces(nacos: NacosSpace) -> None:
    """The profile chooses among the namespaces' ids."""
    spaces = {"dev": nacos, "test": new_space(nacos.server), "prod": new_space(nacos.server)}
    for profile, space in spaces.items():
        space.publish("app.yaml", f"message: {profile}")
    namespaces = {profile: space.namespace for profile, space in spaces.items()}
    for profile in spaces:
        source = Nacos("app.yaml", server=server_of(nacos, namespace=None), namespace=namespaces)
        assert loaded(source, profile=profile).message == profile


def test_several_profiles(nacos: NacosSpace) -> None:
    """Each is a source of its own then, of the same name; the last one wins."""
    other = new_space(nacos.server)
    nacos.publish("app.yaml", "{message: base, redis: {host: base}}")
    other.publish("app.yaml", "message: top")
    namespaces = {"base": nacos.namespace, "top": other.namespace}
    config = Config(Nacos("app.yaml", server=server_of(nacos), namespace=namespaces), profile=["base", "top"])
    settings = config.bind(App)
    with config:
        assert settings.current == App(message="top", redis=Redis(host="base"))
        nacos.publish("app.yaml", "{message: base, redis: {host: changed}}")
        settings.until(lambda app: app.redis.host == "changed", timeout=10)
        assert len({source.source for source in config.status().sources}) == 2


def test_one_line(nacos: NacosSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and group may stand in one line; what is not said comes from the environment."""
    nacos.publish("app.yaml", "message: hello", group="G")
    monkeypatch.setenv("NACOS_NAMESPACE", nacos.namespace)
    config = Config(f"nacos://{nacos.server.address}/app.yaml?group=G")
    config.load()
    assert config.get("message") == "hello"
    monkeypatch.setenv("NACOS_SERVER_ADDR", nacos.server.url)
    assert loaded(Nacos("app.yaml", group="G")).message == "hello"


# While it runs


def test_added_while_it_runs(nacos: NacosSpace) -> None:
    """A source that is added serves at once, and is followed like the others."""
    nacos.publish("a.yaml", "message: a")
    nacos.publish("b.yaml", "redis: {port: 1}")
    server = server_of(nacos)
    config = Config(Nacos("a.yaml", server=server))
    settings = config.bind(App)
    with config:
        config.add(Nacos("b.yaml", server=server))
        assert settings.current.redis.port == 1
        nacos.publish("b.yaml", "redis: {port: 2}")
        settings.until(lambda app: app.redis.port == 2, timeout=10)
        nacos.publish("a.yaml", "message: b")
        settings.until(lambda app: app.message == "b", timeout=10)


def test_removed_while_it_runs(nacos: NacosSpace) -> None:
    """A source that is removed is asked for no more; without any, nothing is asked at all."""
    nacos.publish("a.yaml", "message: a")
    with Relay(nacos.server.address) as relay:
        server = NacosServer(relay.address, namespace=nacos.namespace, wait=10, interval=0.02)
        source = Nacos("a.yaml", server=server)
        config = Config(source)
        settings = config.bind(App)

        def nothing_is_asked() -> bool:
            before = len(relay.requests)
            for message in "bcd":
                nacos.publish("a.yaml", f"message: {message}")
            return len(relay.requests) == before

        with config:
            config.remove(source)
            until(nothing_is_asked, "the end of asking")
            assert settings.current.message == ""


def test_dropped_while_it_runs(nacos: NacosSpace) -> None:
    """A configuration that may go is no fault of a later reload, and is taken again when it comes back."""
    nacos.publish("a.yaml", "message: a")
    config = Config(Nacos("a.yaml", server=server_of(nacos), on_missing="drop"))
    settings = config.bind(App)
    with config:
        nacos.remove("a.yaml")
        settings.until(lambda app: app.message == "", timeout=10)
        assert config.reload().paths == ()
        assert config.status().healthy
        nacos.publish("a.yaml", "message: b")
        settings.until(lambda app: app.message == "b", timeout=10)


def test_missing_is_waited_for(nacos: NacosSpace) -> None:
    """A start goes on when the configuration is published, however rarely it is looked otherwise."""
    server = NacosServer(nacos.server.address, namespace=nacos.namespace, interval=300)
    config = Config(Nacos("late.yaml", server=server))
    settings = config.bind(App)
    missed = threading.Event()

    @config.on_error
    def failed(error: DynconfError) -> None:
        if isinstance(error, DocumentMissing):
            missed.set()

    starting = threading.Thread(target=config.start)
    starting.start()
    try:
        assert missed.wait(10)
        nacos.publish("late.yaml", "message: here")
        starting.join(10)
        assert settings.current.message == "here"
    finally:
        starting.join(20)
        config.stop()


def test_same_content_again(nacos: NacosSpace) -> None:
    """What is published again as it was is no change; what comes next is told once."""
    nacos.publish("app.yaml", "message: a")
    config = Config(Nacos("app.yaml", server=server_of(nacos)))
    settings = config.bind(App)
    told: list[str] = []
    settings.on_change("message")(lambda change: told.append(change.new))
    with config:
        nacos.publish("app.yaml", "message: a")
        nacos.publish("app.yaml", "message: b")
        settings.until(lambda app: app.message == "b", timeout=10)
        until(lambda: told, "the callback")
        assert told == ["b"]
        assert config.status().version == 2


def test_burst_of_changes(nacos: NacosSpace) -> None:
    """Of many data ids that change at nearly the same time, each one's last content arrives."""
    names = [f"{number}.yaml" for number in range(20)]
    for name in names:
        nacos.publish(name, f"'{name}': 0")
    config = Config(Nacos(*names, server=server_of(nacos)))
    with config:
        for turn in range(1, 4):
            for name in names:
                nacos.server._write(name, "DEFAULT_GROUP", nacos.namespace, {"content": f"'{name}': {turn}"})
        until(lambda: all(config.get((name,)) == 3 for name in names), "all last contents", 20)


@pytest.mark.parametrize(
    ("which", "transport"),
    [("nacos2", "long poll"), ("nacos3", "long poll"), ("nacos3_without_v1", "polling")],
)
def test_transport(request: pytest.FixtureRequest, which: str, transport: str) -> None:
    """The status says how changes are noticed."""
    nacos = request.getfixturevalue(which)
    nacos.publish("app.yaml", "message: a")
    with Config(Nacos("app.yaml", server=server_of(nacos))) as config:
        assert config.status().sources[0].transport == transport


@pytest.mark.parametrize("which", ["nacos2", "nacos3"])
def test_idle(request: pytest.FixtureRequest, which: str) -> None:
    """With nothing to do there is one poll at a time, over and over, for all data ids, and nothing else."""
    nacos = request.getfixturevalue(which)
    names = [f"{number}.yaml" for number in range(20)]
    for name in names:
        nacos.publish(name, "message: a")
    with Relay(nacos.server.address) as relay:
        server = NacosServer(relay.address, namespace=nacos.namespace, wait=10)
        sources = [Nacos(*names[:10], server=server), *(Nacos(name, server=server) for name in names[10:])]
        with Config(*sources) as config:
            polls = "POST /nacos/v1/cs/configs/listener"
            until(lambda: relay.waiting == 1, "the poll that waits")
            threads = threading.active_count()
            before = len(relay.requests)
            until(lambda: len(relay.requests) > before, "the next poll", 20)
            assert set(relay.requests[before:]) == {polls}
            assert relay.waiting == 1
            assert threading.active_count() == threads
            assert config.status().healthy
        assert len(relay.targets("dataId")) == len(names)


# What goes wrong


def test_missing(nacos: NacosSpace) -> None:
    """What is not there is named with server, namespace, group and data id."""
    nacos.publish("app.yaml", "message: a")
    for source in (
        Nacos("other.yaml", server=server_of(nacos)),
        Nacos("app.yaml", server=server_of(nacos), group="WRONG"),
    ):
        error = failure(source)
        assert isinstance(error, DocumentMissing)
        where = (
            f"there is no '{source.data_ids[0]}' in group '{source.group}' of namespace '{nacos.namespace}'"
        )
        assert f"{where} at {nacos.server.url}/nacos" in str(error)
        assert "check the group, and that the namespace is given by its id" in str(error)


@pytest.mark.parametrize(
    ("which", "options"),
    [
        ("nacos2", {}),
        ("nacos3", {"username": USERNAME, "password": PASSWORD}),
        ("nacos3_without_v1", {"username": USERNAME, "password": PASSWORD}),
    ],
)
def test_name_in_the_place_of_the_id(
    request: pytest.FixtureRequest, which: str, options: dict[str, str]
) -> None:
    """A namespace's name is what people know; where the server lists them to us the id is told."""
    nacos = request.getfixturevalue(which)
    other = f"id-of-{nacos.namespace}"
    nacos.server.create_namespace(other, f"name-of-{nacos.namespace}")
    said = "'{}' is the name of a namespace whose id is '{}'"
    # It could be an id, and there is none; or it has blanks, which is refused.
    for name, id_, kind in (
        (f"name-of-{nacos.namespace}", other, DocumentMissing),
        (f"name of {nacos.namespace}", nacos.namespace, RequestRefused),
    ):
        error = failure(Nacos("app.yaml", server=server_of(nacos, namespace=name, **options)))
        assert type(error) is kind
        assert said.format(name, id_) in str(error)


@pytest.mark.parametrize("which", ["nacos3", "nacos3_without_v1"])
def test_namespaces_are_told_to_operators_only(request: pytest.FixtureRequest, which: str) -> None:
    """Where the server does not list them, what may be wrong is said in general."""
    nacos = request.getfixturevalue(which)
    error = failure(Nacos("app.yaml", server=server_of(nacos, namespace="no-such-namespace")))
    assert isinstance(error, DocumentMissing)
    assert "that the namespace is given by its id" in str(error)


def test_nobody_listens() -> None:
    """The address is named, and where a Nacos says that it is ready."""
    port = free_port()
    error = failure(Nacos("app.yaml", server=f"127.0.0.1:{port}"))
    assert type(error) is SourceUnavailable
    assert f"http://127.0.0.1:{port}/nacos: nobody listens there" in str(error)
    assert "/v1/console/health/readiness (1.x and 2.x)" in str(error)
    assert "/v3/admin/core/state/readiness (3.x)" in str(error)


def test_something_else_answers(web_page: str) -> None:
    """A web page is no Nacos, and none of it is shown."""
    error = failure(Nacos("app.yaml", server=web_page))
    assert isinstance(error, UnexpectedReply)
    assert f"http://{web_page}/nacos is no Nacos (HTTP 200, text/html)" in str(error)
    assert "hunter2" not in str(error)


def test_wrong_context_path(nacos: NacosSpace) -> None:
    """A Nacos below another path than is said is found not to be one."""
    server = server_of(nacos, context_path="/elsewhere")
    error = failure(Nacos("app.yaml", server=server))
    assert isinstance(error, UnexpectedReply)
    assert "/elsewhere is no Nacos (HTTP 404" in str(error)
