"""What passes through dynconf's own requests is in nobody's log; what a program does itself is."""

import asyncio
import logging

import httpx
import pytest

from tests.unit.http.fake_server import GET, SECRET, FakeServer, client_of, fails, in_loop, ok

ANSWER = ok(b"x", headers=f"Set-Cookie: session={SECRET}x\r\n")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What httpcore has said since this was asked last."""
    texts = [record.getMessage() for record in caplog.records if record.name.startswith("httpcore")]
    caplog.clear()
    return texts


@in_loop
async def test_ours_alone_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Also when both go on at the same time, in one loop."""
    caplog.set_level(logging.DEBUG)
    async with FakeServer(ok(b"x")) as server, client_of(server) as client:
        await client.send(GET)
        assert logged(caplog) == []
        async with httpx.AsyncClient(trust_env=False) as own:
            await asyncio.gather(own.get(str(server.endpoint())), *(client.send(GET) for _ in range(5)))
            heads = [text for text in logged(caplog) if text.startswith("receive_response_headers.complete")]
            assert len(heads) == 1
        caplog.clear()
        await client.send(GET)
        assert logged(caplog) == []


@pytest.mark.parametrize("answer", [ANSWER, f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode(), b"junk\r\n\r\n"])
@in_loop
async def test_nor_what_fails(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Neither headers, nor bytes that are no HTTP, are logged; afterwards all is as before."""
    caplog.set_level(logging.DEBUG)
    async with FakeServer(answer) as server:
        async with client_of(server) as client:
            if answer is ANSWER:
                await client.send(GET)
            else:
                await fails(client)
        assert logged(caplog) == []
        async with FakeServer(ok()) as other, httpx.AsyncClient(trust_env=False) as own:
            await own.get(str(other.endpoint()))
        assert logged(caplog)
