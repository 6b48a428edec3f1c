"""Plain calls of Nacos on real servers of each kind: get, publish, remove, list, history, in both forms."""

import asyncio
import hashlib
from contextlib import nullcontext
from typing import Any

import pytest

from dynconf import NacosConfig, NacosKey, NacosServer
from dynconf.errors import AccessDenied, RequestRefused, SourceUnavailable, UsageError
from tests.servers.fixtures import NacosSpace
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.ports import free_port

MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def server(nacos: NacosSpace) -> NacosServer:
    """With the log-in that 3.x wants of operators."""
    return NacosServer(nacos.server.address, namespace=nacos.namespace, username=USERNAME, password=PASSWORD)


def content(found: NacosConfig | None) -> bytes:
    """Of what has to be there."""
    assert found is not None
    return found.content


def test_publish_get_and_remove(nacos: NacosSpace, server: NacosServer) -> None:
    """What is waited for is what readers get, from that moment on; bytes and type are as they were given."""
    text = "redis: {host: ü&=+%}\r\n\n"
    with server:
        assert server.get("app") is None
        assert server.publish("app", text, type="yaml", wait=True) is True
        found = server.get("app")
        assert content(found) == text.encode()
        assert found
        assert (found.key, found.type) == (NacosKey("app", "DEFAULT_GROUP", nacos.namespace), "yaml")
        assert found.modified > 0
        for n in range(10):
            server.publish("app", f"n: {n}", wait=True)
            assert content(server.get("app")) == f"n: {n}".encode()
        assert server.remove("app", wait=True) is True
        assert server.get("app") is None
        assert server.remove("app") in (True, False)


def test_async_forms(server: NacosServer) -> None:
    """They do the same, on any loop, with a connection kept and without."""

    async def perform() -> None:
        assert await server.apublish("app", "n: 1", type="yaml", wait=True)
        found = await server.aget("app")
        assert content(found) == b"n: 1"
        assert found
        assert await server.apublish("app", "n: 2", cas_md5=found.md5, wait=True)
        assert [key.data_id for key in await server.alist()] == ["app"]
        assert len(await server.ahistory("app")) >= 1
        assert await server.aremove("app", wait=True)
        assert await server.aget("app") is None

    async def kept() -> None:
        async with server:
            await perform()

    asyncio.run(perform())
    asyncio.run(kept())


def test_only_if_it_is_unchanged(server: NacosServer) -> None:
    """With the md5 that was read it is written, with another one it is not."""
    with server:
        server.publish("app", "n: 1", wait=True)
        first = server.get("app")
        assert first
        assert server.publish("app", "n: 2", cas_md5=first.md5, wait=True) is True
        assert server.publish("app", "n: 3", cas_md5=first.md5) is False
        assert content(server.get("app")) == b"n: 2"


def test_only_if_it_is_there(nacos: NacosSpace, server: NacosServer) -> None:
    """With an md5, what is missing is not made, as Nacos itself would do; nor what was removed."""
    with server:
        assert server.publish("new", "n: 1", cas_md5=MD5_OF_NOTHING) is False
        server.publish("app", "n: 1", wait=True)
        found = server.get("app")
        assert found
        server.remove("app", wait=True)
        assert server.publish("app", "n: 2", cas_md5=found.md5) is False
    assert nacos.get("new") is nacos.get("app") is None


def test_what_was_just_written_is_there(server: NacosServer) -> None:
    """Readers need not see it yet."""
    with server:
        for n in range(5):
            server.publish(f"{n}", "n: 1")
            md5 = hashlib.md5(b"n: 1", usedforsecurity=False).hexdigest()
            assert server.publish(f"{n}", "n: 2", cas_md5=md5) is True


@pytest.mark.parametrize(
    ("data_id", "content", "said"),
    [
        ("a b", "n: hunter2", "illegal characters should not appear in the param"),
        ("a" * 300, "n: hunter2", "the param length should not exceed 256"),
        ("app", "n: hunter2\n" * 250_000, "it reads no form that large"),
        ("app", "n: hunter2\n" * 1_000_000, "it reads no form that large"),
    ],
    ids=["characters", "length", "large", "larger"],
)
def test_publication_that_is_refused(server: NacosServer, data_id: str, content: str, said: str) -> None:
    """What Nacos says is told, and nothing of the content."""
    with server:
        with pytest.raises((RequestRefused, SourceUnavailable), match=said) as caught:
            server.publish(data_id, content)
        assert "hunter2" not in str(caught.value)
        assert server.get("app") is None


def test_groups_and_namespaces(nacos: NacosSpace, server: NacosServer) -> None:
    """They are said with each call, or hold for all."""
    name = f"{nacos.namespace}.yaml"  # of this test alone, as the public namespace is everybody's
    with server:
        server.publish(name, "ours", wait=True)
        server.publish(name, "group's", group="G", wait=True)
        server.publish(name, "everybody's", namespace="public", wait=True)
        assert content(server.get(name)) == b"ours"
        assert content(server.get(name, group="G")) == b"group's"
        for public in ("public", ""):
            assert content(server.get(name, namespace=public)) == b"everybody's"
            assert [key.namespace for key in server.list(name, namespace=public)] == [""]
        assert nacos.server.get(name) == "everybody's"
        server.remove(name, namespace="", wait=True)
        assert content(server.get(name)) == b"ours"


def test_list(nacos: NacosSpace, server: NacosServer) -> None:
    """All of a namespace, or those whose names match; each as it is called."""
    with server:
        for data_id, group in (("a.yaml", "DEFAULT_GROUP"), ("b.yaml", "G"), ("b.json", "G")):
            server.publish(data_id, "n: 1", group=group)

        def names(*what: str, **group: str) -> set[str]:
            return {key.data_id for key in server.list(*what, **group)}

        assert names() == {"a.yaml", "b.yaml", "b.json"}
        assert names("*.yaml") == {"a.yaml", "b.yaml"}
        assert names("b*", group="G") == {"b.yaml", "b.json"}
        assert names(group="nobody's") == set()
        assert NacosKey("b.json", "G", nacos.namespace) in server.list()
        for name in ("shop_1.yaml", "shop-1.yaml"):
            server.publish(name, "n: 1", wait=True)
        assert names("shop_1.yaml") == names("shop_*") == {"shop_1.yaml"}
        assert server.list(namespace="no-such-namespace") == []


def test_long_list(nacos: NacosSpace, server: NacosServer) -> None:
    """Lists of several pages are complete."""
    names = {f"{number}.yaml" for number in range(205)}
    for name in names:
        nacos.server._write(name, "G", nacos.namespace, {"content": "x"})
    listed = server.list()
    assert {key.data_id for key in listed} == names
    assert len(listed) == len(names)


def test_history(server: NacosServer) -> None:
    """What was done is told, the newest first."""
    with server:
        server.publish("app", "n: 1", wait=True)
        server.publish("app", "n: 2", wait=True)
        server.remove("app", wait=True)
        found = server.history("app")
        assert [entry.operation for entry in found] == ["delete", "update", "insert"]
        assert len({entry.id for entry in found}) == 3
        assert all(entry.modified for entry in found)
        assert server.history("never") == []


@pytest.mark.parametrize(
    ("which", "publishes", "lists"),
    [("nacos2", True, True), ("nacos3", True, False), ("nacos3_without_v1", False, False)],
)
def test_without_a_log_in(request: pytest.FixtureRequest, which: str, publishes: bool, lists: bool) -> None:
    """As it is shipped, 3.x takes operators' calls by log-in only; what is missing is said."""
    nacos = request.getfixturevalue(which)
    server = NacosServer(nacos.server.address, namespace=nacos.namespace)

    def tried(may: bool, call: Any, *arguments: str) -> None:
        with nullcontext() if may else pytest.raises(AccessDenied, match="give username= and password="):
            call(*arguments)

    assert server.get("app") is None
    tried(publishes, server.publish, "app", "n: 1")
    tried(publishes, server.remove, "app")
    tried(lists, server.list)
    tried(lists, server.history, "app")


def test_nothing_to_publish(server: NacosServer) -> None:
    """Empty content is refused before it is sent."""
    with pytest.raises(UsageError, match="empty"):
        server.publish("app", " \n")


def test_nobody_listens() -> None:
    """A call says so, and where, and where a Nacos says that it is ready; as a source does."""
    port = free_port()
    with pytest.raises(SourceUnavailable, match=f"127.0.0.1:{port}/nacos: nobody listens") as caught:
        NacosServer(f"127.0.0.1:{port}").get("app")
    assert str(caught.value).count("/v1/console/health/readiness (1.x and 2.x)") == 1
    assert str(caught.value).count("/v3/admin/core/state/readiness (3.x)") == 1


def test_nobody_listens_asynchronously() -> None:
    """Likewise."""
    with pytest.raises(SourceUnavailable, match="readiness"):
        asyncio.run(NacosServer(f"127.0.0.1:{free_port()}").alist())
