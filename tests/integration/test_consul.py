"""Consul's keys on a real agent: documents, folders, Spring's layout, rights and mistakes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dynconf import Config, Consul, ConsulOperation, ConsulServer, DynconfError, Settings
from dynconf.errors import (
    AccessDenied,
    DocumentMissing,
    ParseError,
    RequestRefused,
    SourceUnavailable,
    StartFailed,
    UnexpectedReply,
)
from tests.servers.certificates import Certificates
from tests.servers.consul import ConsulAgent, ConsulCluster
from tests.servers.fixtures import ConsulSpace
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.rest import Refused


class Redis(Settings):
    host: str = ""
    port: int = 0


class App(Settings):
    redis: Redis = Redis()
    message: str = ""


def loaded(source: Consul, **options: Any) -> App:
    """What one pass over a source gives."""
    config = Config(source, **options)
    settings = config.bind(App)
    config.load()
    return settings.current


def failure(source: Consul, **options: Any) -> DynconfError:
    """The one reason for which a start fails."""
    config = Config(source, start_timeout=0.3, **options)
    with pytest.raises(StartFailed) as caught:
        config.start()
    (only,) = caught.value.failures
    return only


# Documents


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("demo-config", b'{"redis": {"host": "cache"}}'),
        ("demo-config", b"redis: {host: cache}"),
        ("app.toml", b'[redis]\nhost = "cache"'),
        ("app.properties", b"redis.host=cache"),
        ("app.xml", b"<app><redis><host>cache</host></redis></app>"),
        ("a name/with?strange&#%/Zeichen-\xc3\xa4.yaml".encode("latin1").decode(), b"redis: {host: cache}"),
    ],
)
def test_document(consul: ConsulSpace, key: str, content: bytes) -> None:
    """A key's extension or its content says the format; any name that Consul takes is found."""
    server = ConsulServer(consul.agent.address)
    assert server.put(consul.prefix + key, content)
    assert loaded(Consul(consul.prefix + key, server=server)).redis.host == "cache"


def test_unadorned(consul: ConsulSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing said, Consul is where its own variable says."""
    monkeypatch.setenv("CONSUL_HTTP_ADDR", consul.agent.url)
    consul.put("demo", b"message: hello")
    assert loaded(Consul(f"{consul.prefix}demo")).message == "hello"


def test_address(consul: ConsulSpace) -> None:
    """One line says where and what."""
    consul.put("demo", b"message = 'hello'")
    config = Config(f"consul://{consul.agent.address}/{consul.prefix}demo?format=toml")
    config.load()
    assert config.get("message") == "hello"


def test_profiles(consul: ConsulSpace) -> None:
    """`{profile}` is each of the profiles in turn, the last one wins."""
    consul.put("app-eu", b"message: eu")
    consul.put("app-prod", b"redis: {port: 1}")
    server = ConsulServer(consul.agent.address)
    source = Consul(f"{consul.prefix}app-{{profile}}", server=server)
    app = loaded(source, profile=["eu", "prod"])
    assert (app.message, app.redis.port) == ("eu", 1)


def test_missing_key_is_waited_for(consul: ConsulSpace) -> None:
    """A start goes on when the key is made."""
    config = Config(Consul(f"{consul.prefix}late", server=consul.agent.address), start_timeout=20)
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
        consul.put("late", b"message: here")
        starting.join(10)
        assert settings.current.message == "here"
    finally:
        starting.join(20)
        config.stop()


def test_bytes_that_are_no_change(consul: ConsulSpace) -> None:
    """What moves the key's index and not its content is no change; the next content is told once."""
    consul.put("app", b"message: a")
    config = Config(Consul(f"{consul.prefix}app", server=consul.agent.address))
    settings = config.bind(App)
    told: list[str] = []
    settings.on_change("message")(lambda change: told.append(change.new))
    with config:
        before = consul.agent.index(f"{consul.prefix}app")
        consul.agent.call("PUT", f"/v1/kv/{consul.prefix}app?flags=7", b"message: a")
        assert consul.agent.index(f"{consul.prefix}app") > before
        consul.put("app", b"message: b")
        settings.until(lambda app: app.message == "b", timeout=10)
        until(lambda: told, "the callback")
        assert told == ["b"]
        assert config.status().version == 2
        assert config.status().sources[0].transport == "blocking query"


# Folders


def test_folder_unfolds(consul: ConsulSpace) -> None:
    """Slashes make mappings; folder markers are no keys, and a key without content is an empty text."""
    for marker in ("app/", "app/redis/"):
        consul.put(marker, b"")
    consul.put("app/redis/host", b"cache")
    consul.put("app/message", b"")
    consul.put("app-other/message", b"another folder's")
    config = Config(Consul(f"{consul.prefix}app", server=consul.agent.address, layout="keys"))
    config.load()
    assert config.get("") == {"redis": {"host": "cache"}, "message": ""}


def test_transaction_is_one_change(consul: ConsulSpace) -> None:
    """What one transaction writes to a folder arrives as one change."""
    server = ConsulServer(consul.agent.address)
    folder = f"{consul.prefix}app/"
    consul.put("app/redis/host", b"a")
    consul.put("app/redis/port", b"1")
    config = Config(Consul(folder, server=server, layout="keys"))
    settings = config.bind(App)
    told: list[tuple[str, int]] = []
    settings.on_change(lambda app: app.redis)(lambda change: told.append((change.new.host, change.new.port)))
    with config:
        for number in range(2, 12):
            consul.agent.txn(
                [
                    {"Verb": "set", "Key": f"{folder}redis/host", "Value": f"host-{number}".encode()},
                    {"Verb": "set", "Key": f"{folder}redis/port", "Value": str(number).encode()},
                ]
            )
            settings.until(lambda app: app.redis.port == number, timeout=10)  # noqa: B023
        until(lambda: told and told[-1] == ("host-11", 11), "the last callback")
    assert all(host == f"host-{port}" for host, port in told)


def test_folder_that_is_emptied(consul: ConsulSpace) -> None:
    """A folder without keys is missing at a start, and an empty document later."""
    server = ConsulServer(consul.agent.address)
    source = Consul(f"{consul.prefix}app", server=server, layout="keys")
    assert isinstance(failure(source), DocumentMissing)
    consul.put("app/message", b"hello")
    config = Config(source)
    settings = config.bind(App)
    with config:
        assert settings.current.message == "hello"
        server.delete(f"{consul.prefix}app/", recurse=True)
        settings.until(lambda app: app.message == "", timeout=10)
        assert config.status().healthy
        assert config.reload().paths == ()
        assert config.status().healthy


def test_key_that_was_dropped(consul: ConsulSpace) -> None:
    """A key that may go is missing at a start, and no fault of a later reload."""
    server = ConsulServer(consul.agent.address)
    source = Consul(f"{consul.prefix}app", server=server, on_missing="drop")
    assert isinstance(failure(source), DocumentMissing)
    consul.put("app", b"message: hello")
    config = Config(source)
    settings = config.bind(App)
    with config:
        consul.delete("app")
        settings.until(lambda app: app.message == "", timeout=10)
        assert config.reload().paths == ()
        assert config.status().healthy
        consul.put("app", b"message: again")
        settings.until(lambda app: app.message == "again", timeout=10)


def test_contradicting_keys(consul: ConsulSpace) -> None:
    """A key that is a value and a folder is an error that names both, and shows neither's content."""
    consul.put("app/redis", b"hunter2")
    consul.put("app/redis/host", b"cache")
    error = failure(Consul(f"{consul.prefix}app", server=consul.agent.address, layout="keys"))
    assert isinstance(error, ParseError)
    assert "'redis' and 'redis/host'" in str(error)
    assert "hunter2" not in str(error)


# Spring's layout


def test_spring_contexts(consul: ConsulSpace) -> None:
    """The application beats what is for all, a profile beats none, and the last profile the first."""
    everywhere = ["application", "application,eu", "application,prod", "shop", "shop,eu", "shop,prod"]
    for number, context in enumerate(everywhere):
        for key in everywhere[number:]:
            consul.put(f"{context}/{key.replace(',', '-')}", context.encode())
    prefix = consul.prefix.rstrip("/")
    source = Consul("shop", server=consul.agent.address, layout="spring", prefix=prefix)
    config = Config(source, profile=["eu", "prod"])
    config.load()
    assert config.get("") == {context.replace(",", "-"): context for context in everywhere}


def test_spring_keys(consul: ConsulSpace) -> None:
    """Dots in a key's name step in as slashes do, as Spring's property names do."""
    consul.put("shop/redis.host", b"cache")
    consul.put("shop/redis/port", b"7")
    consul.put("shop/hosts[1]", b"b")
    consul.put("shop/hosts[0]", b"a")
    prefix = consul.prefix.rstrip("/")
    config = Config(Consul("shop", server=consul.agent.address, layout="spring", prefix=prefix))
    config.load()
    assert config.get("") == {"redis": {"host": "cache", "port": "7"}, "hosts": ["a", "b"]}


@pytest.mark.parametrize(
    ("format", "keys"),
    [
        ("yaml", {"application/data": "message: all", "shop/data": "redis: {port: 7}"}),
        ("properties", {"application/data": "message=all", "shop/data": "redis.port=7"}),
        ("files", {"application.yml": "message: all", "shop-dev.properties": "redis.port=7"}),
    ],
)
def test_spring_documents(consul: ConsulSpace, format: str, keys: dict[str, str]) -> None:
    """Each of Spring's formats is read from where Spring keeps it."""
    for key, content in keys.items():
        consul.put(key, content.encode())
    source = Consul(
        "shop",
        server=consul.agent.address,
        layout="spring",
        format=format,
        prefix=consul.prefix.rstrip("/"),
    )
    app = loaded(source, profile="dev")
    assert (app.message, app.redis.port) == ("all", 7)


# What goes wrong


def test_nobody_listens() -> None:
    """An address where nobody listens is named, with the cause."""
    port = free_port()
    error = failure(Consul("app", server=f"127.0.0.1:{port}"))
    assert f"http://127.0.0.1:{port}: nobody listens there" in str(error)


def test_key_is_missing(consul: ConsulSpace) -> None:
    """A missing key is named with the server, and with the command that makes it."""
    error = failure(Consul(f"{consul.prefix}app", server=consul.agent.address))
    assert isinstance(error, DocumentMissing)
    assert f"there is no key '{consul.prefix}app' at {consul.agent.url}" in str(error)
    assert f"consul kv put {consul.prefix}app" in str(error)


def test_unknown_datacenter(consul: ConsulSpace) -> None:
    """An unknown datacenter is called that."""
    error = failure(Consul(f"{consul.prefix}app", server=consul.agent.address, datacenter="nowhere"))
    assert "knows no such datacenter" in str(error)


def test_unparsable_document(consul: ConsulSpace) -> None:
    """What cannot be read is located."""
    consul.put("app.json", b'{"message": "a",\n "redis": [}')
    error = failure(Consul(f"{consul.prefix}app.json", server=consul.agent.address))
    assert isinstance(error, ParseError)
    assert error.origin
    assert (error.origin.line, error.origin.document) == (2, f"{consul.prefix}app.json")


def test_something_else_answers(web_page: str) -> None:
    """A web page is no Consul, and none of it is shown."""
    error = failure(Consul("app", server=web_page))
    assert isinstance(error, UnexpectedReply)
    assert f"http://{web_page} is no Consul (HTTP 200, text/html)" in str(error)
    assert "hunter2" not in str(error)


# Rights


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, consul_agent: ConsulAgent) -> Iterator[ConsulAgent]:
    """An agent that refuses what no token allows; asking for the shared one tells whether there is any."""
    with ConsulAgent(tmp_path_factory.mktemp("guarded"), acl=True) as agent:
        yield agent


READ_ALL = 'key_prefix "app/" { policy = "read" }'


def test_no_right(guarded: ConsulAgent) -> None:
    """Without the right a start fails at once, and names the rule that is needed."""
    guarded.put("secret", b"message: x")
    for token in (None, guarded.create_token(READ_ALL)):
        config = Config(Consul("secret", server=guarded.address, token=token), start_timeout=30)
        with pytest.raises(StartFailed) as caught:
            config.start()
        (error,) = caught.value.failures
        assert isinstance(error, AccessDenied)
        assert 'key "secret" { policy = "read" }' in str(error)
        assert token is None or token not in str(error)


def test_unknown_token(guarded: ConsulAgent) -> None:
    """A token that was never given is refused by name, not by value."""
    token = "00000000-1111-2222-3333-444444444444"
    error = failure(Consul("app/x", server=guarded.address, token=token))
    assert isinstance(error, AccessDenied)
    assert "the token is unknown" in str(error)
    assert token not in str(error)


def test_token_from_the_environment(guarded: ConsulAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CONSUL_HTTP_TOKEN` gets in where nothing else is said."""
    guarded.put("app/x", b"message: hello")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", guarded.address)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", guarded.create_token(READ_ALL))
    assert loaded(Consul("app/x")).message == "hello"


def test_right_is_withdrawn(guarded: ConsulAgent, tmp_path: Path) -> None:
    """When the token goes its content stays and the status says why; a new one in its file gets in again."""
    guarded.put("app/x", b"message: a")
    file = tmp_path / "token"
    first = guarded.create_token(READ_ALL)
    file.write_text(first)
    server = ConsulServer(guarded.address, token_file=str(file), wait=1)
    config = Config(Consul("app/x", server=server))
    settings = config.bind(App)
    with config:
        guarded.delete_token(first)
        until(lambda: config.status().sources[0].state == "stale", "the refusal")
        assert "refuses access" in str(config.status())
        assert settings.current.message == "a"
        file.write_text(guarded.create_token(READ_ALL))
        guarded.put("app/x", b"message: b")
        settings.until(lambda app: app.message == "b", timeout=30)


def test_partial_folder(guarded: ConsulAgent) -> None:
    """A folder of which a part is hidden is refused, unless the part that is seen is said to be enough."""
    guarded.put("part/message", b"seen")
    guarded.put("part/hidden/port", b"1")
    rules = 'key_prefix "part/" { policy = "read" } key_prefix "part/hidden/" { policy = "deny" }'
    server = ConsulServer(guarded.address, token=guarded.create_token(rules))
    error = failure(Consul("part/", server=server, layout="keys"))
    assert isinstance(error, AccessDenied)
    assert "leaves out keys" in str(error)
    assert loaded(Consul("part/", server=server, layout="keys", partial=True)).message == "seen"


def test_token_file_that_is_empty_for_a_moment(guarded: ConsulAgent, tmp_path: Path) -> None:
    """While somebody rewrites the token's file, a folder is not taken for empty."""
    guarded.put("app/message", b"a")
    file = tmp_path / "token"
    token = guarded.create_token(READ_ALL)
    file.write_text(token)
    server = ConsulServer(guarded.address, token_file=str(file), wait=1)
    config = Config(Consul("app/", layout="keys", server=server))
    settings = config.bind(App)
    with config:
        file.write_text("")
        until(lambda: config.status().sources[0].state == "stale", "the refusal")
        assert "is empty" in str(config.status())
        assert settings.current.message == "a"
        file.write_text(token)
        until(lambda: config.status().sources[0].state == "live", "access")
        assert config.status().version == 1


def test_folder_without_a_token(guarded: ConsulAgent) -> None:
    """Consul shows an empty folder to somebody without a token; it is not taken for one."""
    guarded.put("app/message", b"a")
    error = failure(Consul("app/", layout="keys", server=guarded.address))
    assert isinstance(error, AccessDenied)
    assert "without a token" in str(error)


def test_spring_without_a_token(guarded: ConsulAgent) -> None:
    """That all folders seem empty to somebody without a token is not taken for a wish for defaults."""
    guarded.put("config/demo/message", b"a")
    error = failure(Consul("demo", layout="spring", server=guarded.address), profile="dev")
    assert isinstance(error, AccessDenied)
    assert "without a token" in str(error)
    empty = loaded(Consul("demo", layout="spring", server=guarded.address, partial=True))
    assert empty.message == ""
    token = guarded.create_token('key_prefix "config/" { policy = "read" }')
    assert loaded(Consul("demo", layout="spring", server=guarded.address, token=token)).message == "a"


def test_transaction_without_the_right(guarded: ConsulAgent) -> None:
    """It is no conflict, which would be tried again."""
    guarded.put("app/x", b"1")
    server = ConsulServer(guarded.address, token=guarded.create_token(READ_ALL))
    with pytest.raises(AccessDenied, match=r"lacks the right"):
        server.transaction([ConsulOperation("set", "app/x", "2")])


def test_spring_contexts_that_are_denied(guarded: ConsulAgent) -> None:
    """What is denied is told once for each, however often it is asked and whatever else changes."""
    guarded.put("config/application/message", b"a")
    rules = (
        'key_prefix "config/application/" { policy = "read" } key_prefix "config/demo/" { policy = "deny" }'
        ' key_prefix "config/demo,dev/" { policy = "deny" }'
        ' key_prefix "config/application,dev/" { policy = "read" }'
    )
    guarded.put("config/demo/message", b"b")
    guarded.put("config/demo,dev/message", b"c")
    token = guarded.create_token('key_prefix "config/" { policy = "read" }')
    server = ConsulServer(guarded.address, token=token, wait=1)
    config = Config(Consul("demo", layout="spring", server=server), profile="dev")
    settings = config.bind(App)
    told: list[DynconfError] = []
    config.on_error(told.append)
    with config:
        assert settings.current.message == "c"
        guarded.restrict_token(token, rules)
        until(lambda: len(told) == 2, "both refusals")
        since = config.status().sources[0].failing_since
        for port in range(1, 6):
            guarded.put("config/application/redis/port", str(port).encode())
            settings.until(lambda app: app.redis.port == port, timeout=10)  # noqa: B023
        status = config.status().sources[0]
        assert (status.state, status.failing_since) == ("stale", since)
        assert settings.current.message == "c"
    assert len(told) == 2


# TLS


def test_tls(own_consul: Callable[..., ConsulAgent], certificates: Certificates) -> None:
    """With both certificates we get in; without either the error says which is missing."""
    agent = own_consul(tls=certificates.server_tls(verify_incoming=True))
    agent.put("app", b"message: hello")
    url = agent.https_url
    ca, cert, key = map(str, (certificates.ca, certificates.client, certificates.client_key))
    assert loaded(Consul("app", server=ConsulServer(url, ca=ca, cert=cert, key=key))).message == "hello"
    assert "its certificate is not accepted" in str(failure(Consul("app", server=url)))
    stranger = failure(Consul("app", server=ConsulServer(url, ca=ca)))
    assert "client certificate" in str(stranger)
    plain = failure(Consul("app", server=agent.https_address))
    assert "https" in str(plain)


def test_value_that_is_too_large(consul: ConsulSpace) -> None:
    """Consul takes values of 512 KB at most; a larger one is refused, and what was there stays."""
    server = ConsulServer(consul.agent.address)
    assert server.put(f"{consul.prefix}app", b"x" * 512 * 1024)
    with pytest.raises(RequestRefused, match=r"HTTP 413.*512 KB"):
        server.put(f"{consul.prefix}app", b"x" * (512 * 1024 + 1))
    entry = server.get(f"{consul.prefix}app")
    assert entry
    assert len(entry.value) == 512 * 1024


def test_too_many_connections(own_consul: Callable[..., ConsulAgent]) -> None:
    """An agent that takes one connection of an address says so to the second; the first goes on."""
    agent = own_consul(limits={"http_max_conns_per_client": 1})

    def written() -> bool:
        try:
            agent.put("app", b"message: a")
        except Refused:  # the connection before may not be over yet
            return False
        return True

    until(written, "the key")
    config = Config(Consul("app", server=agent.address))
    settings = config.bind(App)
    with config:
        with pytest.raises(SourceUnavailable, match=r"HTTP 429.*http_max_conns_per_client"):
            ConsulServer(agent.address).get("app")
        assert settings.current.message == "a"
        assert config.status().healthy


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ca": "/nowhere.pem"}, "ca=/nowhere.pem cannot be read"),
        ({"cert": "/nowhere.pem"}, "cert=/nowhere.pem cannot be read"),
    ],
)
def test_certificates_that_are_not_there(options: dict[str, Any], said: str) -> None:
    """What only shows at the start fails it at once, with the reason, also where nobody has to answer."""
    for optional in (False, True):
        config = Config(
            Consul("app", server=ConsulServer("https://127.0.0.1:1", **options), optional=optional),
            start_timeout=30,
        )
        with pytest.raises(StartFailed, match=said):
            config.start()


def test_variable_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment that says nothing sensible is named."""
    monkeypatch.setenv("CONSUL_HTTP_SSL", "perhaps")
    with pytest.raises(StartFailed, match=r"CONSUL_HTTP_SSL is neither true nor false"):
        Config(Consul("app"), start_timeout=30).start()


# Several servers


def test_another_server_takes_over(own_consul_cluster: Callable[..., ConsulCluster]) -> None:
    """When the server that is asked dies, the next one answers, and changes go on arriving."""
    cluster = own_consul_cluster()
    asked = cluster.followers()[0]
    others = [server for server in cluster.servers if server is not asked]
    asked.put("app", b"message: a")
    addresses = [server.address for server in (asked, *others)]
    config = Config(Consul("app", server=ConsulServer(*addresses, consistency="consistent")))
    settings = config.bind(App)
    with config:
        asked.kill()
        cluster.leader().put("app", b"message: b")
        settings.until(lambda app: app.message == "b", timeout=30)
        until(lambda: config.status().healthy, "health")
