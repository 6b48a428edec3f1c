"""Talking https: who is believed, whom we tell who we are, and what mistakes look like."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from dynconf._http.endpoint import Endpoint
from dynconf._http.tls import TLS
from dynconf.errors import SourceUnavailable, UsageError
from dynconf.protocols.exchange import Request
from tests.servers.certificates import Certificates
from tests.unit.http.fake_server import (
    GET,
    PUT,
    FakeServer,
    Step,
    client_of,
    fails,
    hang_up,
    in_loop,
    ok,
    reset,
    silence,
    then_hang_up,
)

BAD_REQUEST = ok(b"Client sent an HTTP request to an HTTPS server.\n", "400 Bad Request")


@pytest.fixture
def serving(certificates: Certificates) -> Callable[..., ssl.SSLContext]:
    """What a server needs."""

    def context(*, wants_certificate: bool = False) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.load_cert_chain(certificates.server, certificates.server_key)
        if wants_certificate:
            found.verify_mode = ssl.CERT_REQUIRED
            found.load_verify_locations(certificates.ca)
        return found

    return context


@pytest.fixture
def consul(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that leads to this machine and is in no certificate."""
    found = [(2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr("dynconf._http.client.socket.getaddrinfo", lambda *_, **__: found)
    return "consul.example"


Serving = Callable[..., ssl.SSLContext]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@in_loop
async def test_known_authority(serving: Serving, certificates: Certificates, host: str) -> None:
    """A certificate of the authority given, for the address's name, is accepted."""
    tls = TLS(ca=str(certificates.ca))
    async with (
        FakeServer(ok(b"safe"), tls=serving()) as server,
        client_of(server.endpoint(host), tls=tls) as client,
    ):
        assert (await client.send(GET)).body == b"safe"


@in_loop
async def test_unknown_authority(serving: Serving) -> None:
    """A certificate of nobody we know is refused, and no request is sent."""
    async with FakeServer(ok(), tls=serving()) as server, client_of(server) as client:
        for request in (GET, PUT):
            text = await fails(client, request, SourceUnavailable)
            assert "its certificate is not accepted" in text
            assert "(ca=)" in text
    assert server.requests == []


@in_loop
async def test_not_verified(serving: Serving) -> None:
    """It is accepted by whoever does not look."""
    async with (
        FakeServer(ok(b"unsafe"), tls=serving()) as server,
        client_of(server, tls=TLS(verify=False)) as client,
    ):
        assert (await client.send(GET)).body == b"unsafe"


@in_loop
async def test_wrong_name(serving: Serving, certificates: Certificates, consul: str) -> None:
    """A certificate that is for another name is refused, unless that name is said to be meant."""
    ca = str(certificates.ca)
    async with FakeServer(ok(b"safe"), tls=serving()) as server:
        address = server.endpoint(consul)
        async with client_of(address, tls=TLS(ca=ca)) as client:
            text = await fails(client, kind=SourceUnavailable)
        assert "its certificate is not accepted" in text
        assert "(server_name=)" in text
        assert server.requests == []
        async with client_of(address, tls=TLS(ca=ca, server_name="localhost")) as client:
            assert (await client.send(GET)).body == b"safe"
        async with client_of(server, tls=TLS(ca=ca, server_name="other.example")) as client:
            assert "(server_name=)" in await fails(client)


@in_loop
async def test_name_that_is_asked_for(serving: Serving, certificates: Certificates, consul: str) -> None:
    """A server with several certificates is told which one is meant, though an address is connected to."""
    names: list[str | None] = []
    context = serving()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    ca = str(certificates.ca)
    async with FakeServer(ok(), tls=context) as server:
        async with client_of(server.endpoint(consul), tls=TLS(ca=ca)) as client:
            await fails(client)
        async with client_of(server.endpoint(consul), tls=TLS(ca=ca, server_name="localhost")) as client:
            await client.send(GET)
    assert names == [consul, "localhost"]


@in_loop
async def test_certificate_of_ours(serving: Serving, certificates: Certificates) -> None:
    """A server that wants to know who we are is told."""
    tls = TLS(ca=str(certificates.ca), cert=str(certificates.client), key=str(certificates.client_key))
    async with (
        FakeServer(ok(b"safe"), tls=serving(wants_certificate=True)) as server,
        client_of(server, tls=tls) as client,
    ):
        assert (await client.send(GET)).body == b"safe"


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[Endpoint]:
    """A server that refuses clients at the handshake, and says so; asyncio's would hang up without a word."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
                with suppress(ssl.SSLError):
                    tls.do_handshake()
                socket.socket.shutdown(tls, socket.SHUT_WR)
                while socket.socket.recv(tls, 65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield Endpoint("https", "127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)  # ends the accepting
        thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@in_loop
async def test_certificate_that_is_wanted(
    serving: Serving, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Without one, the error says what the server may want; with TLS 1.3 that comes after the handshake."""
    context = serving(wants_certificate=True)
    context.maximum_version = version
    with refusing(context) as address:
        async with client_of(address, tls=TLS(ca=str(certificates.ca))) as client:
            for request in (GET, PUT):
                text = await fails(client, request, SourceUnavailable)
                assert "it may want a client certificate (cert=, key=)" in text


@in_loop
async def test_http_spoken_to_https(serving: Serving) -> None:
    """What answers speaks no HTTP, and the error asks whether it is https."""
    async with FakeServer(ok(), tls=serving()) as server, client_of(server.endpoint(scheme="http")) as client:
        text = await fails(client, kind=SourceUnavailable)
    assert server.requests == []
    assert "is it https:// there" in text or "the connection was lost" in text


@in_loop
async def test_https_spoken_to_http(certificates: Certificates) -> None:
    """What answers speaks no TLS, and the error asks whether it is http; nothing secret was sent."""
    tls = TLS(ca=str(certificates.ca))
    async with (
        FakeServer(BAD_REQUEST) as server,
        client_of(server.endpoint(scheme="https"), tls=tls) as client,
    ):
        text = await fails(client, kind=SourceUnavailable)
    assert "it does not speak https; is it http:// there?" in text


@in_loop
async def test_silence_at_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a handshake is none: the next server is asked, also for a write."""
    monkeypatch.setattr("dynconf._http.client.CONNECT_TIME", 0.5)
    async with FakeServer(silence) as mute, FakeServer(ok(b"true")) as good:
        async with client_of(mute.endpoint(scheme="https")) as client:
            assert "no connection within" in await fails(client, kind=SourceUnavailable)
        async with client_of(mute.endpoint(scheme="https"), good) as client:
            assert (await client.send(PUT)).body == b"true"


@in_loop
async def test_hang_up_at_the_handshake() -> None:
    """So is one that ends in it."""
    async with FakeServer(hang_up) as rude, client_of(rude.endpoint(scheme="https")) as client:
        text = await fails(client, kind=SourceUnavailable)
    assert "TLS fails (UNEXPECTED_EOF_WHILE_READING)" in text or "no connection (" in text


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (silence, "connected, but no answer within 0.3 s"),
        (hang_up, "the connection was lost"),
        (reset, "the connection was lost"),
        (then_hang_up(ok(b"x" * 100)[:-50]), "the connection was lost"),
    ],
)
@in_loop
async def test_broken_answers(serving: Serving, step: Step, said: str) -> None:
    """What goes wrong after the handshake is told as it is without TLS."""
    async with FakeServer(step, tls=serving()) as server, client_of(server, tls=TLS(verify=False)) as client:
        assert said in await fails(client, Request("GET", "/", timeout=0.3), SourceUnavailable)


@in_loop
async def test_mistake_in_the_options() -> None:
    """A file that cannot be read is told when it is needed, and only then."""
    nowhere = TLS(ca="/nowhere/ca.pem")
    async with client_of(Endpoint("https", "127.0.0.1", 1), tls=nowhere) as client:
        with pytest.raises(UsageError, match=r"ca=/nowhere/ca.pem"):
            await client.send(GET)
    async with FakeServer(ok(b"plain")) as server, client_of(server, tls=nowhere) as client:
        assert (await client.send(GET)).body == b"plain"
