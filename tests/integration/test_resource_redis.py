"""A Redis client that moves between two real servers while it is used."""

import threading

import redis

from dynconf import Config, Memory, Settings
from tests.servers.fixtures import RedisServers
from tests.servers.process import until
from tests.servers.redis import RedisServer


class App(Settings):
    port: int = 0
    password: str = ""


def connect(app: App) -> redis.Redis:
    """A client, which connects when it is used."""
    return redis.Redis(port=app.port, password=app.password or None, socket_timeout=5)


def counted(server: RedisServer) -> int:
    """What a server has counted."""
    return int(server.call("INCRBY", "n", "0").removeprefix(":"))


def connections(server: RedisServer) -> int:
    """How many clients a server has, but for the one that asks."""
    return server.call("CLIENT", "LIST").count("\nid=") + server.call("CLIENT", "LIST").startswith("id=") - 1


def test_no_operation_is_lost(redis_servers: RedisServers) -> None:
    """Eight threads count while the address flips: every operation is counted, and the old one is left."""
    servers = (redis_servers.plain, redis_servers.locked)
    for server in servers:
        server.call("FLUSHALL")
    places = [{"port": server.port, "password": server.password} for server in servers]
    document = Memory(places[0])
    config = Config(document)
    app = config.bind(App)
    client = app.resource(
        lambda app: app, create=connect, check=lambda c: c.ping(), close=lambda c: c.close(), grace=0.1
    )
    done, errors, ending = [0] * 8, [], threading.Event()

    def work(number: int) -> None:
        while not ending.is_set():
            try:
                with client.lease() as counter:
                    counter.incr("n")
                done[number] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is one too many
                errors.append(error)

    with config:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for flip in range(1, 21):
            document.set(places[flip % 2])
            port = servers[flip % 2].port
            app.until(lambda now, port=port: now.port == port, 20)  # type: ignore[misc]
        document.set({"port": 1, "password": ""})  # nobody listens there
        until(lambda: config.status().sources[0].state == "refused", "the refusal")
        assert app.current.port == servers[0].port
        ending.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert client.swaps == 20
        assert sum(map(counted, servers)) == sum(done)
        until(lambda: client.draining == 0, "the end of the former ones")
        assert redis_servers.locked.call("CLIENT", "LIST")
