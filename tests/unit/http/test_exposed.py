"""Whoever has credentials sent unencrypted over a network is told, once for each server, and without them."""

import logging
from collections.abc import Callable

import pytest

from dynconf import ConsulServer
from dynconf._http import exposed
from dynconf._http.endpoint import Endpoint
from dynconf._http.exposed import warn_of_exposure
from dynconf.protocols.exchange import Request
from tests.unit.http.fake_server import GET, SECRET, FakeServer, client_of, in_loop, ok

Warned = Callable[[], list[str]]


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Warned:
    """The addresses that were warned of since this was asked last, in a process that has warned of none."""
    monkeypatch.setattr(exposed, "_told", set())
    found = [(2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr("dynconf._http.client.socket.getaddrinfo", lambda *_, **__: found)

    def addresses() -> list[str]:
        texts = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        caplog.clear()
        assert all("unencrypted" in text and "https://" in text for text in texts)
        assert SECRET not in "".join(texts)
        return [text.partition(": credentials")[0] for text in texts]

    return addresses


@in_loop
async def test_once_for_each_server(warned: Warned) -> None:
    """However many requests and clients there are; a server that is failed over to is one more."""
    async with FakeServer(ok()) as server, FakeServer(ok(status="500 No")) as ill:
        first, second = ill.endpoint("one.example"), server.endpoint("two.example")
        for _ in range(2):
            async with client_of(first, second) as client:
                for _ in range(3):
                    await client.send(GET)
        assert warned() == [str(first), str(second)]


@in_loop
async def test_credentials_of_one_request(warned: Warned) -> None:
    """Those that come with a request, as Nacos's tokens do, count like those of all requests."""
    async with FakeServer(ok()) as server, client_of(server.endpoint("n"), credentials=dict) as client:
        await client.send(GET)
        assert warned() == []
        await client.send(Request("GET", "/", credentials={"accessToken": SECRET}))
        assert warned() == [f"http://n:{server.port}"]


@in_loop
async def test_nothing_to_warn_of(warned: Warned) -> None:
    """Not where nothing secret is sent, nor where it does not leave the machine."""
    async with FakeServer(ok()) as server:
        async with client_of(server.endpoint("a.example"), credentials=dict) as client:
            await client.send(GET)
        for host in ("127.0.0.1", "localhost", "consul.localhost"):
            async with client_of(server.endpoint(host)) as client:
                await client.send(GET)
    assert warned() == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("10.0.0.7:8500", True),
        ("[fd00::1]:8500", True),
        ("http://consul.example/gate", True),
        ("https://10.0.0.7:8500", False),
        ("[::1]:8500", False),
        ("127.8.9.1", False),
        ("localhost.example", True),
    ],
)
def test_which_addresses(address: str, told: bool, warned: Warned) -> None:
    """It is plain HTTP to anything that is not this machine."""
    endpoint = Endpoint.parse(address, port=8500)
    warn_of_exposure(endpoint, endpoint)
    assert warned() == ([str(endpoint)] if told else [])


@in_loop
async def test_plain_calls(warned: Warned) -> None:
    """A server object's calls, each of which has a connection of its own, are warned of once as well."""
    async with FakeServer(ok(b"[]", headers="X-Consul-Index: 1\r\n")) as server:
        consul = ConsulServer(f"consul.example:{server.port}", token=SECRET)
        for _ in range(3):
            assert await consul.aget("a") is None
    assert warned() == [f"http://consul.example:{server.port}"]
    assert all(SECRET.encode() in request for request in server.requests)
    assert all(SECRET.encode() not in request.partition(b"\r\n")[0] for request in server.requests)
