"""What is sent as a credential, or comes back as one, is shown nowhere, whatever a server does with it.

The text forms of errors, and every log record at DEBUG, are looked at by `tests/canaries.py`.
"""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from dynconf import Config, Consul, ConsulServer, Nacos, NacosServer, Settings
from dynconf.errors import DynconfError, StartFailed
from tests.canaries import plant
from tests.unit.http.fake_server import FakeServer, hang_up, in_loop, ok

STATUSES = [
    "200 OK",
    "302 Found",
    "400 No",
    "401 No",
    "403 No",
    "404 No",
    "409 No",
    "413 No",
    "429 No",
    "500 No",
]


class App(Settings):
    n: int = 0


def echo(canary: str, status: int, body: str) -> bytes:
    """An answer that holds the secret wherever an answer can."""
    headers = "".join(
        f"{name}: {value}\r\n"
        for name, value in {
            "Authorization": f"Bearer {canary}",
            "Set-Cookie": f"session={canary}",
            "Location": f"http://127.0.0.1:1/?token={canary}",
            "X-Consul-Index": canary,
            "Content-MD5": "1",
            "Retry-After": canary,
        }.items()
    )
    return ok(body.replace("C", canary).encode(), f"{status} {canary}", headers)


BODIES = [
    "C",
    '{"code": 20004, "message": "C", "data": "C"}',
    '{"accessToken": "C", "tokenTtl": 18000, "globalAdmin": true}',
    '[{"Key": "C", "Value": "C", "ModifyIndex": "C"}]',
    "<html>C</html>",
]


async def collect(call: Any, canary: str) -> None:
    """Make a call, which may well fail; its error is fit to be shown whole."""
    try:
        await call
    except DynconfError as error:
        assert canary not in "".join(traceback.format_exception(error))  # noqa: PT017 - it may end well


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", STATUSES)
@in_loop
async def test_calls_of_a_server_that_repeats_what_it_hears(status: int, body: str) -> None:
    """Plain calls of Consul and Nacos tell nothing of it, in none of its places."""
    canary = plant()
    async with FakeServer(echo(canary, status, body)) as server:
        address = f"127.0.0.1:{server.port}"
        consul = ConsulServer(address, token=canary, basic_auth=("me", canary))
        nacos = NacosServer(address, username="me", password=canary)
        assert canary not in f"{consul!r} {consul.access()!r} {consul.access()} {nacos!r} {nacos.access()!r}"
        await collect(consul.aget("app"), canary)
        await collect(consul.alist("app"), canary)
        await collect(consul.aput("app", canary), canary)
        await collect(nacos.aget("app"), canary)
        await collect(nacos.apublish("app", canary), canary)
        heard = [request.partition(b"\r\n")[0].decode() for request in server.requests]
    assert heard
    assert not [line for line in heard if canary in line], "no credential stands in a URL"


@pytest.mark.parametrize("body", BODIES)
@in_loop
async def test_sources_of_a_server_that_repeats_what_it_hears(body: str) -> None:
    """Neither does a Config that cannot be started for it."""
    canary = plant()
    async with FakeServer(echo(canary, 200, body)) as server:
        address = f"127.0.0.1:{server.port}"
        config = Config(
            Consul("app", server=ConsulServer(address, token=canary, basic_auth=("me", canary))),
            Nacos("app", server=NacosServer(address, username="me", password=canary)),
            start_timeout=0.3,
        )
        config.bind(App)
        with pytest.raises(StartFailed) as caught:
            await config.astart()
        assert canary not in "".join(traceback.format_exception(caught.value))
        assert canary not in f"{config!r} {config.status()} {json.dumps(config.status().to_dict())}"


@in_loop
async def test_log_in_that_succeeds_and_what_follows(canary: str) -> None:
    """A token that was given, in the reply's head and body, travels in headers, and is told nowhere."""
    token = plant()
    given = ok(
        json.dumps({"accessToken": token, "tokenTtl": 18000}).encode(),
        headers=f"Authorization: Bearer {token}\r\n",
    )
    async with FakeServer(given, ok(b"n: 1", headers="Content-MD5: 1\r\n"), hang_up) as server:
        nacos = NacosServer(f"127.0.0.1:{server.port}", username="me", password=canary)
        async with nacos:
            found = await nacos.aget("app")
            await collect(nacos.aget("app"), token)
    assert found is not None
    assert found.content == b"n: 1"
    assert token.encode() in server.requests[1]
    assert canary.encode() not in b"".join(server.requests[1:])
    assert token not in server.requests[1].decode().splitlines()[0]


@in_loop
async def test_token_in_a_file(canary: str, tmp_path: Path) -> None:
    """What stands in a token's file is told neither when it is sent nor when it is no token."""
    path = tmp_path / "token"
    async with FakeServer(ok(status="403 No")) as server:
        consul = ConsulServer(f"127.0.0.1:{server.port}", token_file=str(path))
        for content in (canary, f"{canary} {canary}", f"{canary}\nx: {canary}", f"{canary}\xff"):
            path.write_bytes(content.encode("latin-1"))
            await collect(consul.aget("app"), canary)
    assert len(server.requests) == 1
    assert canary.encode() in server.requests[0]


@in_loop
async def test_no_credential_follows_a_redirect_or_goes_to_a_stranger(canary: str) -> None:
    """A server that leads elsewhere leads nobody there: the other one hears nothing at all."""
    async with FakeServer(ok()) as other:
        for status in ("301 A", "302 B", "303 C", "307 D", "308 E"):
            leads = ok(status=status, headers=f"Location: http://127.0.0.1:{other.port}/v1/kv/app\r\n")
            async with FakeServer(leads) as server:
                address = f"127.0.0.1:{server.port}"
                await collect(ConsulServer(address, token=canary).aget("app"), canary)
                await collect(NacosServer(address, username="me", password=canary).aget("app"), canary)
                assert len(server.requests) >= 2
    assert other.connections == 0
