"""One server: what is sent to it, and everything that it may do wrong."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from dynconf._http.endpoint import Endpoint
from dynconf.errors import AccessDenied, LimitExceeded, SourceUnavailable, UnexpectedReply
from dynconf.protocols.exchange import Reply, Request
from tests.servers.ports import free_port
from tests.unit.http.fake_server import (
    GET,
    PUT,
    SECRET,
    FakeServer,
    Step,
    client_of,
    drip,
    fails,
    hang_up,
    in_loop,
    ok,
    reset,
    silence,
    then_hang_up,
)


@in_loop
async def test_what_is_sent() -> None:
    """Path and query arrive as they were given, with the credentials and nothing else of interest."""
    request = Request(
        "GET", "/v1/kv/a%20%25%3F", {"recurse": "", "dc": "a b&c", "index": "5"}, headers={"x": "y"}
    )
    async with FakeServer(ok(b"[]", headers="X-Consul-Index: 5\r\n")) as server, client_of(server) as client:
        reply = await client.send(request)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert reply == Reply(
        200, {"content-length": "2", "x-consul-index": "5"}, b"[]", f"http://127.0.0.1:{server.port}"
    )
    first, *lines = head.decode().split("\r\n")
    assert first == "GET /v1/kv/a%20%25%3F?recurse&dc=a%20b%26c&index=5 HTTP/1.1"
    assert sorted(line.lower() for line in lines) == sorted(
        [
            f"host: 127.0.0.1:{server.port}",
            "accept: */*",
            "accept-encoding: identity",
            "user-agent: dynconf",
            "x: y",
            f"x-consul-token: {SECRET}",
        ]
    )
    assert body == b""


@in_loop
async def test_body_and_path_of_a_gateway() -> None:
    """The body is sent as it is; a path before all others belongs to the address."""
    async with FakeServer(ok(b"true")) as server:
        address = server.endpoint()
        gateway = type(address)(address.scheme, address.host, address.port, "/consul")
        async with client_of(gateway) as client:
            reply = await client.send(Request("PUT", "/v1/kv/a", body=b"\x00\xff\r\n\r\n"))
    assert server.requests[0].startswith(b"PUT /consul/v1/kv/a HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\n\x00\xff\r\n\r\n")
    assert reply.server.endswith("/consul")


@in_loop
async def test_connection_is_kept() -> None:
    """Requests in a row share a connection; one that is held has another."""
    async with FakeServer(ok()) as server, client_of(server) as client:
        for _ in range(3):
            await client.send(GET)
        assert server.connections == 1
        await client.send(Request("GET", "/", held=True))
        assert server.connections == 2


@in_loop
async def test_credentials_are_asked_for_each_time() -> None:
    """They may be renewed; if they cannot be had, nothing is sent."""
    tokens = ["one", "two"]

    def credentials() -> Mapping[str, str]:
        if not tokens:
            raise AccessDenied("no token")
        return {"x-consul-token": tokens.pop(0)}

    async with FakeServer(ok()) as server, client_of(server, credentials=credentials) as client:
        await client.send(GET)
        await client.send(GET)
        await fails(client, kind=AccessDenied)
    first, second = server.requests
    assert b"x-consul-token: one\r\n" in first
    assert b"x-consul-token: two\r\n" in second


@in_loop
async def test_nobody_listens() -> None:
    """A refused connection is told as such."""
    endpoint = Endpoint("http", "127.0.0.1", free_port())
    async with client_of(endpoint) as client:
        text = await fails(client, kind=SourceUnavailable)
    assert text == f"{endpoint}: nobody listens there (connection refused): is it running, is the port right?"


LOST = "the connection was lost before the answer was complete"
NO_HTTP = "what answers does not speak HTTP"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(hang_up, LOST, id="closes"),
        pytest.param(reset, LOST, id="resets"),
        pytest.param(then_hang_up(b"HTTP/1.1 200 OK\r\nContent-Le"), LOST, id="closes in the headers"),
        pytest.param(then_hang_up(ok(b"x" * 100)[:-50]), LOST, id="closes in the body"),
        pytest.param(
            then_hang_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            LOST,
            id="in a chunk",
        ),
        pytest.param(b"220 mail.example ready\r\n\r\n", NO_HTTP, id="another protocol"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n", NO_HTTP, id="TLS"),
        pytest.param(b"\x00" * 200_000, NO_HTTP, id="zeros"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhunter2\r\n", NO_HTTP, id="bad chunk"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n", NO_HTTP, id="bad length"),
    ],
)
@in_loop
async def test_broken_answers(step: Step, said: str) -> None:
    """A connection that ends too early, and what is no HTTP, are told apart; none of the bytes are shown."""
    async with FakeServer(step) as server, client_of(server) as client:
        assert said in await fails(client, kind=SourceUnavailable)
        assert said in await fails(client, PUT, kind=SourceUnavailable)


@in_loop
async def test_kept_connection_that_is_closed() -> None:
    """What may be repeated is sent once more; it was no failure."""
    async with FakeServer(ok(), hang_up, ok(b"again")) as server, client_of(server) as client:
        await client.send(GET)
        assert (await client.send(GET)).body == b"again"
        assert len(server.requests) == 3


@in_loop
async def test_once_more_and_no_oftener() -> None:
    """A server that always hangs up is asked twice."""
    async with FakeServer(hang_up) as server, client_of(server) as client:
        await fails(client)
        assert len(server.requests) == 2


@in_loop
async def test_what_may_not_be_repeated() -> None:
    """The server may have acted on it: it is sent once, and the error says that the answer is lost."""
    async with FakeServer(ok(), hang_up, ok()) as server, client_of(server) as client:
        await client.send(PUT)
        assert LOST in await fails(client, PUT)
        assert len(server.requests) == 2


@in_loop
async def test_connection_closed_while_idle() -> None:
    """Also what may not be repeated survives that the server has closed an idle connection."""
    async with FakeServer(then_hang_up(ok(b"one")), ok(b"two")) as server, client_of(server) as client:
        assert (await client.send(PUT)).body == b"one"
        await server.idle.wait()
        assert (await client.send(PUT)).body == b"two"
        assert len(server.requests) == 2


@in_loop
async def test_no_answer_in_time() -> None:
    """A server that accepts and is silent is told apart from one that is not there, and not asked twice."""
    async with FakeServer(silence) as server, client_of(server) as client:
        text = await fails(client, Request("GET", "/", timeout=0.1), SourceUnavailable)
        assert "connected, but no answer within 0.1 s" in text
        assert len(server.requests) == 1


@in_loop
async def test_body_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that never ends is given up, though each byte comes in time."""
    monkeypatch.setattr("dynconf._http.client.BODY_TIME", 0.2)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    async with FakeServer(drip(head)) as server, client_of(server) as client:
        text = await fails(client, Request("GET", "/", timeout=1000.0), SourceUnavailable)
        assert "the answer began, but did not end within 0.2 s" in text
        assert len(server.requests) == 1
        await server.idle.wait()


@in_loop
async def test_headers_that_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    """So are headers that never end."""
    monkeypatch.setattr("dynconf._http.client.CONNECT_TIME", 1.0)
    async with FakeServer(drip(b"HTTP/1.1 200 OK\r\nX: ")) as server, client_of(server) as client:
        text = await fails(client, Request("GET", "/", timeout=0.2), SourceUnavailable)
        assert "no answer within 0.2 s" in text
        await server.idle.wait()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"a\r\n0123456789\r\n" * 3 + b"0\r\n\r\n"


@pytest.mark.parametrize("answer", [ok(b"x" * 30), CHUNKED], ids=["length", "chunks"])
@in_loop
async def test_larger_than_the_limit(answer: bytes) -> None:
    """What is larger is refused as it comes; what is as large as that is taken."""
    async with FakeServer(answer) as server, client_of(server) as client:
        assert len((await client.send(Request("GET", "/", limit=30))).body) == 30
        text = await fails(client, Request("GET", "/", limit=29), LimitExceeded)
        assert "more than 29 bytes" in text
        await server.idle.wait()


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
@in_loop
async def test_compressed_though_not_asked(encoding: str) -> None:
    """A small answer may unpack to a huge one; it is not unpacked at all."""
    answer = ok(b"hunter2", headers=f"Content-Encoding: {encoding}\r\n")
    async with FakeServer(answer) as server, client_of(server) as client:
        assert "compressed" in await fails(client, kind=UnexpectedReply)


@in_loop
async def test_redirect_is_not_followed() -> None:
    """The reply is passed on as it is, and where it leads to nothing is sent."""
    async with FakeServer(ok()) as other:
        answer = ok(status="301 Moved", headers=f"Location: http://127.0.0.1:{other.port}/\r\n")
        async with FakeServer(answer) as server, client_of(server) as client:
            assert (await client.send(GET)).status == 301
    assert (len(server.requests), other.connections) == (1, 0)


@pytest.mark.parametrize("status", ["200 OK", "401 U", "403 F", "404 N", "409 C", "413 L", "429 T", "500 E"])
@in_loop
async def test_every_status_is_an_answer(status: str) -> None:
    """What a status means is for the protocol."""
    async with FakeServer(ok(b"<html>", status)) as server, client_of(server) as client:
        reply = await client.send(GET)
    assert (reply.status, reply.body) == (int(status[:3]), b"<html>")


@in_loop
async def test_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy nor a log-in of the environment is used: they were not meant for this."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with FakeServer(ok()) as proxy, FakeServer(ok()) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with client_of(server) as client:
            await client.send(GET)
    assert (len(server.requests), proxy.connections) == (1, 0)
    assert b"authorization" not in server.requests[0].lower()


@in_loop
async def test_cancelled_request_lets_go() -> None:
    """A query that nobody waits for any more ends its connection, and the next one works."""
    async with FakeServer(silence, ok()) as server, client_of(server) as client:
        task = asyncio.create_task(client.send(Request("GET", "/", held=True)))
        await server.until_heard()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await server.idle.wait()
        assert (await client.send(Request("GET", "/", held=True))).status == 200


@in_loop
async def test_closing() -> None:
    """Closing ends the connections that were kept; a client that never connected closes too."""
    async with FakeServer(ok()) as server:
        async with client_of(server) as client:
            await client.send(GET)
            assert server.open == 1
        await server.idle.wait()
        async with client_of(server):
            pass
        assert server.connections == 1


@in_loop
async def test_many_held_at_once() -> None:
    """Held queries wait for no connection of another's, however many there are."""
    async with FakeServer(silence) as server, client_of(server) as client:
        held = Request("GET", "/", held=True)
        tasks = [asyncio.create_task(client.send(held)) for _ in range(150)]
        heard = asyncio.create_task(server.until_heard(len(tasks)))
        await asyncio.wait([heard, *tasks], return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in tasks if task.done()] == []
        assert heard.done()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await server.idle.wait()
