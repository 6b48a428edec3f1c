"""A test double of what programs build from settings, which notes what becomes of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from dynconf import Clock, Config, Memory, Settings


class App(Settings):
    host: str = "one"
    other: str = "x"
    n: int = 0


class Client:
    """Stands for a connection to a host; `bad` ones are refused by the check, `no` ones cannot be made."""

    made: list["Client"]
    working: set[str]

    def __init__(self, host: str, *used: "Client") -> None:
        if host == "no" and host not in self.working:
            raise ConnectionError(f"{host} is not there")
        self.host = host
        self.used = used
        self.open = True
        self.secret = "hunter2"
        self.made.append(self)

    def ping(self) -> None:
        """Fail if it is a bad one."""
        if self.host.startswith("bad") and self.host not in self.working:
            raise ConnectionError(f"{self.host} does not answer")

    def close(self) -> None:
        """Note it; twice is a fault."""
        assert self.open
        self.open = False

    async def aclose(self) -> None:
        """Likewise."""
        self.close()

    @classmethod
    def hosts(cls) -> list[str]:
        """The hosts of those that are open, in the order in which they were made."""
        return [one.host for one in cls.made if one.open]


async def create_async(host: str) -> Client:
    """Make one."""
    return Client(host)


def generate(host: str) -> Iterator[Client]:
    """Make one, and close it in the end."""
    client = Client(host)
    try:
        yield client
    finally:
        client.close()


async def generate_async(host: str) -> AsyncIterator[Client]:
    """Likewise."""
    client = Client(host)
    try:
        yield client
    finally:
        client.close()


managed = contextmanager(generate)
managed_async = asynccontextmanager(generate_async)


def made(*, clock: Clock | None = None, **options: Any) -> tuple[Memory, Config, Any, Any]:
    """A document, its Config, its binding, and a client of its host, which has grace only by a clock."""
    document = Memory({"host": "one"})
    config = Config(document, clock=clock)
    app = config.bind(App)
    grace = {} if clock else {"grace": 0.0}
    given = {"create": Client, "close": Client.close, **grace, **options}
    return document, config, app, app.resource("host", **given)
