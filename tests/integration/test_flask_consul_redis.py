"""The Flask example: it counts in the Redis that a key of Consul names, and moves when that changes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.servers.consul import ConsulAgent
from tests.servers.fixtures import RedisServers
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.redis import RedisServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "flask_consul_redis"
BIN = Path(sys.executable).parent
FLASK = [BIN / "flask", "--app", "app", "run", "--port", "{port}"]
GUNICORN = [BIN / "gunicorn", "--workers", "4", "--bind", "127.0.0.1:{port}", "--no-control-socket"]
WSGI = "app:create_app()"


class Site:
    """The example as a process of its own, and what its visitors see."""

    def __init__(self, command: Sequence[str | Path], consul: ConsulAgent, log: Path) -> None:
        self.port = free_port()
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(word).format(port=self.port) for word in command],
                cwd=EXAMPLE,
                env=os.environ | {"CONSUL_HTTP_ADDR": consul.address, "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def get(self, path: str = "/") -> dict[str, Any]:
        """A page; an error's status is an exception."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as reply:
            found: dict[str, Any] = json.load(reply)
        return found

    def opens(self) -> None:
        """Wait until it serves."""

        def serves() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                self.get()
            except OSError:
                return False
            return True

        until(serves, "the site")


class Visitors:
    """Threads that visit without a pause; none may meet an error."""

    def __init__(self, site: Site, threads: int = 4) -> None:
        self.visits = 0
        self.errors: list[str] = []
        self._site = site
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(threads)]

    def _visit(self) -> None:
        while not self._ending.is_set():
            try:
                self._site.get()
            except HTTPError as error:
                self.errors.append(error.read().decode())
            self.visits += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()


def document(redis: RedisServer, message: str) -> bytes:
    """What the key holds."""
    where = {
        "redis_host": "127.0.0.1",
        "redis_port": redis.port,
        "redis_db": 0,
        "redis_password": redis.password,
    }
    return json.dumps({"redis_config": where, "show_message": message}).encode()


def hits(redis: RedisServer) -> int:
    """What a Redis has counted."""
    number = redis.call("EXISTS", "hits")
    if number == ":0":
        return 0
    return int(redis.call("INCRBY", "hits", "0").removeprefix(":"))


@pytest.fixture
def redis(redis_servers: RedisServers) -> RedisServers:
    """Both servers, without any hits."""
    for server in (redis_servers.plain, redis_servers.locked):
        server.call("FLUSHALL")
    return redis_servers


@pytest.fixture
def site(
    request: pytest.FixtureRequest,
    own_consul: Callable[[], ConsulAgent],
    redis: RedisServers,
    tmp_path: Path,
) -> Iterator[tuple[Site, ConsulAgent]]:
    """The example, started by the command that the test asks for, counting in the plain Redis."""
    consul = own_consul()
    consul.put("demo-config", document(redis.plain, "first"))
    with ExitStack() as stack:
        site = stack.enter_context(Site(request.param, consul, tmp_path / "site.log"))
        site.opens()
        yield site, consul


ONE = [pytest.param(FLASK, id="flask run")]
FOUR = [
    pytest.param([*GUNICORN, WSGI], id="gunicorn"),
    pytest.param([*GUNICORN, "--preload", WSGI], id="gunicorn --preload"),
]


@pytest.mark.parametrize("site", [*ONE, *FOUR], indirect=True)
def test_moves_while_serving(site: tuple[Site, ConsulAgent], redis: RedisServers) -> None:
    """The change of the key moves it to the other Redis, which has a password; no visitor meets an error."""
    page, consul = site
    with Visitors(page) as visitors:
        until(lambda: hits(redis.plain) > 20, "hits in the first Redis")
        consul.put("demo-config", document(redis.locked, "second"))
        until(lambda: hits(redis.locked) > 20, "hits in the second Redis")
    assert visitors.errors == []
    assert hits(redis.plain) + hits(redis.locked) >= visitors.visits
    assert page.get()["message"] == "second"
    assert redis.locked.password not in page.log.read_text()


@pytest.mark.parametrize("site", [*ONE, *FOUR], indirect=True)
def test_a_redis_that_is_down(site: tuple[Site, ConsulAgent], redis: RedisServers, tmp_path: Path) -> None:
    """A move to where nobody listens is refused, which the status shows; it is made once somebody does."""
    page, consul = site
    late = RedisServer(tmp_path / "late")
    with ExitStack() as stack:
        with Visitors(page) as visitors:
            consul.put("demo-config", document(late, "moved"))
            until(lambda: "ConnectionError" in json.dumps(page.get("/status")["sources"]), "the refusal")
            assert page.get()["message"] == "first"
            stack.enter_context(late)
            until(lambda: hits(late) > 20, "hits in the late Redis")
        assert visitors.errors == []
        until(lambda: page.get()["message"] == "moved", "the message")


@pytest.mark.parametrize("command", [FLASK, [*GUNICORN, WSGI], [*GUNICORN, "--preload", WSGI]])
def test_no_redis(
    own_consul: Callable[[], ConsulAgent], tmp_path: Path, command: Sequence[str | Path]
) -> None:
    """Without a Redis to begin with it ends with status 1, and says where nobody listens."""
    consul, nobody = own_consul(), RedisServer(tmp_path / "nobody")
    consul.put("demo-config", document(nobody, "first"))
    with Site(command, consul, tmp_path / "site.log") as site:
        assert site.process.wait(40) == 1
    told = site.log.read_text()
    assert "redis_config: ConnectionError" in told
    assert str(nobody.port) in told


@pytest.mark.parametrize("site", FOUR, indirect=True)
def test_every_worker_follows(site: tuple[Site, ConsulAgent], redis: RedisServers) -> None:
    """All four workers see the change, and from then on count in the other Redis only."""
    page, consul = site
    with ThreadPoolExecutor(16) as pool:

        def workers(message: str) -> set[int]:
            """The workers among those that answer many visitors at once who show that message."""
            seen = list(pool.map(lambda _: page.get(), range(64)))
            return {one["worker"] for one in seen if one["message"] == message}

        def all_four(message: str) -> set[int]:
            found: set[int] = set()

            def complete() -> bool:
                found.update(workers(message))
                return len(found) == 4

            until(complete, f"all four workers with '{message}'")
            return found

        first = all_four("first")
        consul.put("demo-config", document(redis.locked, "second"))
        assert all_four("second") == first
        until(lambda: not workers("first"), "nobody with what was")
        before = hits(redis.plain)
        workers("second")
        assert hits(redis.plain) == before


@pytest.mark.parametrize("command", [FLASK, [*GUNICORN, WSGI], [*GUNICORN, "--preload", WSGI]])
def test_no_configuration(
    own_consul: Callable[[], ConsulAgent], tmp_path: Path, command: Sequence[str | Path]
) -> None:
    """Without the key it ends with status 1, and says which key is missing where, and how to make it."""
    consul = own_consul()
    with Site(command, consul, tmp_path / "site.log") as site:
        assert site.process.wait(40) == 1
    told = site.log.read_text()
    assert f"there is no key 'demo-config' at {consul.url}" in told
    assert "consul kv put demo-config" in told
    assert "Traceback" not in told
