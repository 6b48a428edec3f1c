"""The FastAPI example: what Nacos says shows on its pages at once, and its Redis moves."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import pytest

from tests.servers.fixtures import RedisServers, need
from tests.servers.nacos import NacosServer
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.redis import REDIS, RedisServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_nacos"
BIN = Path(sys.executable).parent


class Shop:
    """A stage's configuration on one Nacos, in a group of the test's own, and programs that use it."""

    def __init__(self, nacos: NacosServer, stack: ExitStack, folder: Path) -> None:
        self.nacos = nacos
        self.group = f"group-{uuid.uuid4().hex[:12]}"
        self._stack = stack
        self._folder = folder
        for stage in ("demo-dev", "demo-test", "demo-prod"):
            if stage not in nacos.namespaces():
                nacos.create_namespace(stage, f"name of {stage}")

    def publish(self, data_id: str, content: Any, stage: str = "dev") -> None:
        """Have a configuration hold something."""
        self.nacos.publish(data_id, json.dumps(content), self.group, f"demo-{stage}")

    def run(self, *command: str, stage: str = "dev") -> "Program":
        """Start a program of the example."""
        variables = {
            "NACOS_SERVER_ADDR": self.nacos.address,
            "DEMO_GROUP": self.group,
            "DYNCONF_PROFILE": stage,
            "PYTHONUNBUFFERED": "1",
        }
        log = self._folder / f"{uuid.uuid4().hex}.log"
        return self._stack.enter_context(Program(command, os.environ | variables, log))

    def site(self, *options: str, stage: str = "dev") -> "Site":
        """Start the application, and wait until it serves."""
        port = free_port()
        program = self.run("uvicorn", "app:app", "--port", str(port), *options, stage=stage)
        site = Site(port, program)
        until(site.serves, "the site")
        return site


class Program:
    """A process, and what it printed."""

    def __init__(self, command: tuple[str, ...], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            program, *arguments = command
            self.process = subprocess.Popen(
                [BIN / program, *arguments], cwd=EXAMPLE, env=env, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def printed(self) -> str:
        """All of it so far."""
        return self.log.read_text()


class Site:
    """The application's pages."""

    def __init__(self, port: int, program: Program) -> None:
        self.port = port
        self.program = program

    def get(self, path: str, method: str = "GET", status: int = 200) -> dict[str, Any]:
        """A page, on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path)
            reply = connection.getresponse()
            assert reply.status == status, reply.read()
            found: dict[str, Any] = json.loads(reply.read())
        finally:
            connection.close()
        return found

    def serves(self) -> bool:
        """Whether it answers."""
        assert self.program.process.poll() is None, self.program.printed()
        try:
            return bool(self.get("/config"))
        except OSError:
            return False


@pytest.fixture
def own_redis_later(tmp_path: Path) -> Iterator[RedisServer]:
    """One that is not started yet."""
    need(REDIS)
    redis = RedisServer(tmp_path / "redis")
    yield redis
    redis.stop()


@pytest.fixture(params=["nacos2_server", "nacos3_server"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop on each Nacos in turn."""
    with ExitStack() as stack:
        yield Shop(request.getfixturevalue(request.param), stack, tmp_path)


def app_settings(redis: RedisServer, **more: Any) -> dict[str, Any]:
    """What `app.yaml` holds; JSON is YAML as well."""
    where = {"host": "127.0.0.1", "port": redis.port, "db": 0, "password": redis.password}
    return {"redis": where, "page_size": 2, **more}


def test_changes_show_at_once(shop: Shop, redis_servers: RedisServers) -> None:
    """Page size, features, cache and log level follow Nacos; a secret is never shown."""
    shop.publish("app.yaml", app_settings(redis_servers.locked))
    site = shop.site()
    assert site.get("/")["dashboard"] == "old"
    assert len(site.get("/")["items"]) == 2
    shop.publish("features.json", {"feature_flags": {"new_dashboard": True, "beta_feature": True}})
    until(lambda: site.get("/")["dashboard"] == "new", "the new dashboard")
    assert "beta" in site.get("/")
    shop.publish(
        "app.yaml", app_settings(redis_servers.locked, page_size=5, cache={"ttl": 7}, log_level="DEBUG")
    )
    until(lambda: len(site.get("/")["items"]) == 5, "the longer page")
    assert site.get("/")["cached_for"] == 7
    shown = site.get("/config")
    assert shown["settings"]["log_level"] == "DEBUG"
    assert shown["settings"]["redis"]["password"] == "***"
    assert redis_servers.locked.password not in json.dumps(shown) + site.program.printed()


def test_bad_edit_costs_nothing(shop: Shop, redis_servers: RedisServers) -> None:
    """What does not fit is refused and told, and the features beside it still change."""
    shop.publish("app.yaml", app_settings(redis_servers.plain))
    site = shop.site()
    shop.publish("app.yaml", app_settings(redis_servers.plain, page_size="many"))
    shop.publish("features.json", {"feature_flags": {"new_dashboard": True}})
    until(lambda: site.get("/")["dashboard"] == "new", "the new dashboard")
    until(lambda: "page_size" in json.dumps(site.get("/config")["sources"]), "the refusal")
    assert len(site.get("/")["items"]) == 2


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one worker", "two workers"])
def test_redis_moves(shop: Shop, redis_servers: RedisServers, options: tuple[str, ...]) -> None:
    """When Redis's address changes in Nacos, each worker counts there; no visit fails, and none is lost."""
    former, new = redis_servers.plain, redis_servers.locked
    for redis in (former, new):
        redis.call("SET", "visits", "0")
    shop.publish("app.yaml", app_settings(former))
    site = shop.site(*options)
    visits = 0

    def counted(redis: RedisServer) -> int:
        return int(redis.call("INCRBY", "visits", "0").removeprefix(":"))

    def all_moved() -> bool:
        nonlocal visits
        before = counted(former)
        for _ in range(20):
            site.get("/visits", "POST")
        visits += 20
        return counted(former) == before

    assert not all_moved()
    shop.publish("app.yaml", app_settings(new))
    until(all_moved, "the move of every worker")
    assert counted(former) + counted(new) == visits


def test_without_redis(shop: Shop, own_redis_later: RedisServer) -> None:
    """It serves without a Redis, says so, and counts as soon as there is one."""
    redis = own_redis_later
    shop.publish("app.yaml", app_settings(redis))
    site = shop.site()
    assert site.get("/config")["resources"][0]["state"] == "unavailable"
    assert "is not there" in site.get("/visits", "POST", status=503)["detail"]
    redis.start()
    until(lambda: site.get("/config")["resources"][0]["state"] == "ready", "Redis")
    assert site.get("/visits", "POST")["visits"] == 1


def test_every_worker_follows(shop: Shop, redis_servers: RedisServers) -> None:
    """Several workers each follow Nacos."""
    shop.publish("app.yaml", app_settings(redis_servers.plain))
    site = shop.site("--workers", "2")

    def workers(page_size: int) -> set[int]:
        seen = [site.get("/config") for _ in range(40)]
        return {one["worker"] for one in seen if one["settings"]["page_size"] == page_size}

    found: set[int] = set()

    def both(page_size: int) -> Callable[[], bool]:
        def complete() -> bool:
            found.update(workers(page_size))
            return len(found) == 2

        return complete

    until(both(2), "both workers")
    first = set(found)
    found.clear()
    shop.publish("app.yaml", app_settings(redis_servers.plain, page_size=3))
    until(both(3), "both workers after the change")
    assert found == first


def test_stages(shop: Shop, redis_servers: RedisServers) -> None:
    """Each stage reads its own namespace."""
    for number, stage in enumerate(("dev", "test", "prod"), 1):
        shop.publish("app.yaml", app_settings(redis_servers.plain, page_size=number), stage)
    assert [len(shop.site(stage=stage).get("/")["items"]) for stage in ("dev", "test", "prod")] == [1, 2, 3]


def test_no_configuration(shop: Shop) -> None:
    """Without its configuration it does not start, and says what is missing where."""
    program = shop.run("uvicorn", "app:app", "--port", str(free_port()))
    assert program.process.wait(40) != 0
    told = program.printed()
    assert f"there is no 'app.yaml' in group '{shop.group}' of namespace 'demo-dev'" in told
    assert shop.nacos.url in told


def test_managing(shop: Shop) -> None:
    """Configurations are published, watched and removed by Python."""

    def manage(*words: str) -> str:
        program = shop.run("python", "manage.py", "--stage", "test", *words)
        assert program.process.wait(40) == 0, program.printed()
        return program.printed()

    watching = shop.run("python", "manage.py", "--stage", "test", "watch")
    until(lambda: "watching" in watching.printed(), "the watch")
    manage("publish", "app.yaml", "features.json")
    until(lambda: "page_size" in watching.printed(), "the change")
    assert shop.nacos.get("app.yaml", shop.group, "demo-test") == (EXAMPLE / "app.yaml").read_text()
    manage("remove", "app.yaml", "features.json")
    assert shop.nacos.get("app.yaml", shop.group, "demo-test") is None
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(20) == 0
