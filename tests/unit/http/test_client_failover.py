"""Several servers: who is asked next, and when nobody may be."""

import asyncio
import threading

import pytest

from dynconf._http.endpoint import Endpoint
from dynconf.errors import SourceUnavailable
from dynconf.protocols.exchange import Busy
from tests.servers.ports import free_port
from tests.unit.http.fake_server import GET, PUT, FakeServer, client_of, fails, hang_up, in_loop, ok


def nobody() -> Endpoint:
    """An address at which nobody listens."""
    return Endpoint("http", "127.0.0.1", free_port())


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@in_loop
async def test_failing_server(status: int) -> None:
    """The next one is asked, and stayed with."""
    async with FakeServer(ok(status=f"{status} X")) as bad, FakeServer(ok(b"good")) as good:
        async with client_of(bad, good) as client:
            replies = [await client.send(GET) for _ in range(3)]
        assert [reply.body for reply in replies] == [b"good"] * 3
        assert replies[0].server == str(good.endpoint())
    assert (len(bad.requests), len(good.requests)) == (1, 3)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 501])
@in_loop
async def test_answer_that_another_would_give_too(status: int) -> None:
    """What is no server's fault is not asked of the next one."""
    async with FakeServer(ok(status=f"{status} X")) as first, FakeServer(ok()) as second:
        async with client_of(first, second) as client:
            assert (await client.send(GET)).status == status
        assert second.connections == 0


@pytest.mark.parametrize("status", [429, 500, 503])
@in_loop
async def test_one_wants_to_be_left_alone(status: int) -> None:
    """The next one is asked, and the first one not even when that one fails."""
    async with (
        FakeServer(ok(status=f"{status} X", headers="Retry-After: 300\r\n")) as busy,
        FakeServer(ok(b"good"), ok(status="500 X")) as good,
        client_of(busy, good) as client,
    ):
        assert (await client.send(GET)).body == b"good"
        assert [(await client.send(GET)).status for _ in range(3)] == [500] * 3
        assert (len(busy.requests), len(good.requests)) == (1, 4)


@pytest.mark.parametrize("status", [429, 500, 503])
@in_loop
async def test_all_want_to_be_left_alone(status: int) -> None:
    """The last one's reply is the answer; then nobody is asked, by whatever request."""
    answer = ok(status=f"{status} X", headers="Retry-After: 300\r\n")
    async with FakeServer(answer) as one, FakeServer(answer) as two, client_of(one, two) as client:
        assert (await client.send(GET)).status == status
        for request in (GET, PUT):
            text = await fails(client, request, kind=Busy)
            assert f"{one.endpoint()}" in text
            assert text.startswith("asks to be left alone for 300 s", text.index("asks"))
        assert (len(one.requests), len(two.requests)) == (1, 1)


@in_loop
async def test_write_that_is_turned_away_is_not_sent_elsewhere() -> None:
    """Where one wants to be left alone, a write is told so; the next request goes elsewhere."""
    async with (
        FakeServer(ok(status="503 X", headers="Retry-After: 300\r\n")) as busy,
        FakeServer(ok(b"true")) as good,
        client_of(busy, good) as client,
    ):
        assert (await client.send(PUT)).status == 503
        assert (await client.send(PUT)).body == b"true"
        assert (len(busy.requests), len(good.requests)) == (1, 1)


@in_loop
async def test_all_fail() -> None:
    """If all have a fault of their own, the last one's reply is the answer."""
    async with (
        FakeServer(ok(status="500 X")) as first,
        FakeServer(ok(status="503 X")) as second,
        client_of(first, second) as client,
    ):
        assert (await client.send(GET)).status == 503


@in_loop
async def test_none_answers() -> None:
    """One error tells of each of them."""
    async with FakeServer(hang_up) as rude:
        dead = nobody()
        async with client_of(dead, rude) as client:
            text = await fails(client, kind=SourceUnavailable)
    assert text.startswith("no server answers: ")
    assert f"{dead}: nobody listens there" in text
    assert f"{rude.endpoint()}: the connection was lost" in text


@in_loop
async def test_write_goes_on_to_the_next_if_it_was_not_sent() -> None:
    """Of a server that cannot be connected to it is known that it did nothing."""
    async with FakeServer(ok(b"true")) as good, client_of(nobody(), good) as client:
        assert (await client.send(PUT)).body == b"true"


@in_loop
async def test_write_that_was_sent_is_not_sent_elsewhere() -> None:
    """The first may have acted on it: the error is told, and only the next request goes elsewhere."""
    async with (
        FakeServer(hang_up) as first,
        FakeServer(ok(b"true")) as second,
        client_of(first, second) as client,
    ):
        await fails(client, PUT, SourceUnavailable)
        assert (len(first.requests), second.connections) == (1, 0)
        assert (await client.send(PUT)).body == b"true"
    assert (len(first.requests), len(second.requests)) == (1, 1)


@in_loop
async def test_write_that_failed_is_not_sent_elsewhere() -> None:
    """Nor is one that the server answered with its own fault; what it said is the answer."""
    async with (
        FakeServer(ok(status="503 X")) as first,
        FakeServer(ok(b"true")) as second,
        client_of(first, second) as client,
    ):
        assert (await client.send(PUT)).status == 503
        assert second.connections == 0
        assert (await client.send(PUT)).body == b"true"


@in_loop
async def test_write_that_is_refused_does_not_make_a_server_ill() -> None:
    """Nacos says 500 to a write whose condition does not hold; it is asked again."""
    async with (
        FakeServer(ok(status="500 X"), ok(b"true")) as first,
        FakeServer(ok(b"true")) as second,
        client_of(first, second) as client,
    ):
        assert (await client.send(PUT)).status == 500
        assert (await client.send(PUT)).body == b"true"
        assert second.connections == 0


@in_loop
async def test_dead_one_is_asked_when_all_are() -> None:
    """With nobody healthy each request is still made, so that it is noticed who comes back."""
    async with FakeServer(hang_up, hang_up, ok(b"back")) as server, client_of(server) as client:
        await fails(client)
        assert (await client.send(GET)).body == b"back"


# Names


class Names:
    """Stands in for the name service; a name without addresses fails with the error given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
        self.names = names
        self.asked = 0
        self.error: OSError = OSError(-3, "Temporary failure in name resolution")
        monkeypatch.setattr("dynconf._http.client.socket.getaddrinfo", self.resolve)

    def resolve(self, host: str, port: int, **more: object) -> list[tuple[object, ...]]:
        self.asked += 1
        if not self.names.get(host):
            raise self.error
        return [(2, 1, 6, "", (address, port)) for address in self.names[host]]


@in_loop
async def test_dead_and_live_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name's addresses are tried in turn, also for a write; the one that worked is first from then on."""
    Names(monkeypatch, consul=["127.0.0.2", "127.0.0.1"])
    async with FakeServer(ok()) as server, client_of(server.endpoint("consul")) as client:
        assert (await client.send(PUT)).server == f"http://consul:{server.port}"
        assert client._worked[server.endpoint("consul")] == "127.0.0.1"
        assert await client._resolved(server.endpoint("consul")) == ["127.0.0.1", "127.0.0.2"]
        assert f"host: consul:{server.port}".encode() in server.requests[0].lower()


@in_loop
async def test_write_is_not_sent_to_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it was sent, the next address would be a second time."""
    Names(monkeypatch, consul=["127.0.0.1", "127.0.0.1"])
    async with FakeServer(hang_up) as server, client_of(server.endpoint("consul")) as client:
        await fails(client, PUT)
        assert len(server.requests) == 1


@in_loop
async def test_name_that_stops_resolving(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that fails does not make a server unreachable whose address was known."""
    names = Names(monkeypatch, consul=["127.0.0.1"])
    async with FakeServer(ok(b"here")) as server, client_of(server.endpoint("consul")) as client:
        await client.send(GET)
        names.names.clear()
        client._fresh_until[server.endpoint("consul")] = 0.0  # it is some time ago
        assert (await client.send(GET)).body == b"here"
        assert names.asked == 2
        assert (await client.send(GET)).body == b"here"
        assert names.asked == 2, "it is not asked again at once, as it might hang"


@in_loop
async def test_name_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere now is followed there."""
    names = Names(monkeypatch, consul=["127.0.0.2"])
    async with FakeServer(ok(b"here")) as server, client_of(server.endpoint("consul")) as client:
        assert "nobody listens there" in await fails(client)
        names.names["consul"] = ["127.0.0.1"]
        assert (await client.send(GET)).body == b"here"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(-3, "hunter2"), "the name service does not answer"),
        (UnicodeError("hunter2"), "the name service does not answer"),
    ],
)
@in_loop
async def test_name_that_never_resolved(monkeypatch: pytest.MonkeyPatch, error: OSError, said: str) -> None:
    """The error tells the name; another server is asked, also for a write."""
    Names(monkeypatch).error = error
    consul = Endpoint("http", "consul", 8500)
    async with client_of(consul) as client:
        assert f"{consul}: the name 'consul' cannot be resolved: {said}" in await fails(client)
    async with FakeServer(ok(b"true")) as server, client_of(consul, server) as client:
        assert (await client.send(PUT)).body == b"true"


@in_loop
async def test_unknown_name() -> None:
    """That there is no such name is told apart from a name service that is away."""
    async with client_of(Endpoint("http", "no-such-host.invalid", 8500)) as client:
        text = await fails(client)
    assert "the name 'no-such-host.invalid' cannot be resolved" in text


@in_loop
async def test_name_service_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for longer than for a connection; a known address is used meanwhile."""
    monkeypatch.setattr("dynconf._http.client.CONNECT_TIME", 0.5)
    async with FakeServer(ok(b"here")) as server:
        Names(monkeypatch, consul=["127.0.0.1"])
        async with client_of(server.endpoint("consul")) as client:
            await client.send(GET)
            client._blocking = lambda _: asyncio.get_running_loop().create_future()
            client._fresh_until[server.endpoint("consul")] = 0.0  # it is some time ago
            assert (await client.send(GET)).body == b"here"
            client._addresses.clear()
            assert "the name service does not answer" in await fails(client)


@in_loop
async def test_a_name_service_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is asked meanwhile, one lookup of a name is under way; when it ends, it counts."""
    asked, go_on = [], threading.Event()
    monkeypatch.setattr("dynconf._http.client.CONNECT_TIME", 0.01)

    def hang(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        go_on.wait(20)
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr("dynconf._http.client.socket.getaddrinfo", hang)
    async with FakeServer(ok()) as server, client_of(server.endpoint("consul")) as client:
        for _ in range(5):
            with pytest.raises(SourceUnavailable, match="name service does not answer"):
                await client.send(GET)
        assert asked == ["consul"]
        go_on.set()
        monkeypatch.setattr("dynconf._http.client.CONNECT_TIME", 20.0)
        assert (await client.send(GET)).status == 200
