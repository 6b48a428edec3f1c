"""What the page on resources shows, line for line, with real Redis, HTTP and SQLite."""

import asyncio
import importlib.util
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy

from dynconf.errors import ChangeRefused, StartFailed
from tests.servers.fixtures import RedisServers
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.redis import RedisServer
from tests.unit.core_props import LOOK

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "resources.md"


class Site(BaseHTTPRequestHandler):
    """Answers every request with its own address."""

    def do_GET(self) -> None:
        body = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def site() -> Iterator[str]:
    """The address of a web server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sites() -> Iterator[tuple[str, str]]:
    """Two of them."""
    with site() as first, site() as second:
        yield first, second


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Takes a file off the page and runs it in a folder of its own, beside `app.yaml`."""
    monkeypatch.chdir(tmp_path)

    def load(name: str, content: dict[str, Any]) -> ModuleType:
        text = re.search(rf'^```python title="{name}"\n(.*?)^```', PAGE.read_text(), re.DOTALL | re.MULTILINE)
        assert text is not None
        (tmp_path / name).write_text(text[1])
        write(content)
        spec = importlib.util.spec_from_file_location(name, tmp_path / name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # where pydantic looks names up
        spec.loader.exec_module(module)
        return module

    return load


def write(content: dict[str, Any]) -> None:
    """Save `app.yaml`, as a whole."""
    spare = Path("spare")
    spare.write_text(json.dumps(content))
    spare.replace("app.yaml")


def place(server: RedisServer) -> dict[str, Any]:
    """What the file says of a Redis."""
    return {"port": server.port, "password": server.password or None}


def opened(path: Path) -> bool:
    """Whether this process has a file open."""
    return any(link.resolve() == path.resolve() for link in Path("/proc/self/fd").iterdir())


def test_from_threads(
    shown: Callable[..., ModuleType], redis_servers: RedisServers, sites: tuple[str, str]
) -> None:
    """A Redis client, an HTTP client and a SQL engine move; the former ones are closed when unused."""
    servers = (redis_servers.plain, redis_servers.locked)
    contents = [
        {
            "redis": place(servers[number]),
            "api": {"url": sites[number]},
            "database": {"url": f"sqlite:///{number}.db"},
        }
        for number in (0, 1)
    ]
    app = shown("app.py", contents[0])
    with app.config:
        with app.cache.lease() as cache, app.api.lease() as api, app.database.lease() as engine:
            write(contents[1])
            app.settings.until(lambda now: now.api.url == sites[1], LOOK)
            assert cache.set("where", "first")
            assert api.get("/").text in sites[0]
            with engine.begin() as connection:
                connection.execute(sqlalchemy.text("CREATE TABLE t (a)"))
            assert opened(Path("0.db"))
        assert redis_servers.plain.call("EXISTS", "where") == ":1"
        with app.cache.lease() as cache:
            assert cache.connection_pool.connection_kwargs["port"] == servers[1].port
            assert cache.ping()
        with app.api.lease() as moved:
            assert moved.get("/").text in sites[1]
        with app.database.lease() as moved:
            assert moved.url.database == "1.db"
        until(lambda: not (app.cache.draining or app.api.draining or app.database.draining), "the drain")
        assert api.is_closed
        assert not opened(Path("0.db"))
        before = app.settings.current
        for dead in (
            {"redis": {"port": free_port()}},
            {"database": {"url": "sqlite:////no/such/folder/a.db"}},
        ):
            write({**contents[1], **dead})
            with pytest.raises(ChangeRefused, match=r"redis: ConnectionError|database: OperationalError"):
                app.config.reload()
            assert app.settings.current is before
    assert moved.pool.checkedin() == 0


def test_a_start_without_redis(shown: Callable[..., ModuleType]) -> None:
    """The error names the path and the cause."""
    port = free_port()
    app = shown("app.py", {"redis": {"port": port}})
    with pytest.raises(StartFailed, match=rf"redis: ConnectionError: .*:{port}"):
        app.config.start()


def test_from_asyncio(
    shown: Callable[..., ModuleType], redis_servers: RedisServers, sites: tuple[str, str]
) -> None:
    """The asyncio clients of both libraries move and are closed, in the loop of the program."""
    for server in (redis_servers.plain, redis_servers.locked):
        server.call("DEL", "hits")
    app = shown("async_app.py", {"redis": place(redis_servers.plain), "api_url": sites[0]})

    async def run() -> None:
        async with app.config:
            assert await app.hit() == 1
            async with app.api.lease() as first, app.cache.lease() as cache:
                write({"redis": place(redis_servers.locked), "api_url": sites[1]})
                await app.settings.auntil(lambda now: now.api_url == sites[1], LOOK)
                assert (await first.get("/")).text in sites[0]
                assert await cache.incr("hits") == 2
            assert await app.hit() == 1
            async with app.api.lease() as second:
                assert (await second.get("/")).text in sites[1]
            await asyncio.to_thread(until, lambda: not (app.cache.draining or app.api.draining), "the drain")
            assert first.is_closed
            assert not second.is_closed
        assert second.is_closed

    asyncio.run(run())
