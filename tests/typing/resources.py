"""What mypy and pyright make of resources: whatever makes one, they know what it is. Read, never run."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import assert_type

from pydantic import BaseModel

from dynconf import Config, Resource, Settings


class Where(BaseModel):
    host: str = "localhost"


class App(Settings):
    where: Where = Where()


class Client:
    def __init__(self, host: str) -> None:
        self.host = host

    def ping(self) -> bool:
        """Whether it works."""
        return True

    async def aclose(self) -> None:
        """Close it."""


settings = Config().bind(App)


def make(where: Where) -> Client:
    """Make one."""
    return Client(where.host)


async def make_async(where: Where) -> Client:
    """Likewise."""
    return Client(where.host)


def yields(where: Where) -> Iterator[Client]:
    """Likewise, and close it."""
    yield Client(where.host)


async def yields_async(where: Where) -> AsyncIterator[Client]:
    """Likewise."""
    yield Client(where.host)


@contextmanager
def managed(where: Where) -> Generator[Client]:
    """Likewise."""
    yield Client(where.host)


@asynccontextmanager
async def managed_async(where: Where) -> AsyncGenerator[Client]:
    """Likewise."""
    yield Client(where.host)


def name(where: Where, client: Client) -> str:
    """Something that is made with another resource."""
    return client.host + where.host


client = settings.resource(lambda app: app.where, create=make, check=lambda one: one.ping(), timeout=5)
assert_type(client, Resource[Client])
assert_type(client.current, Client)
with client.lease() as leased:
    assert_type(leased, Client)

assert_type(settings.resource(lambda app: app.where, create=make_async), Resource[Client])
assert_type(settings.resource(lambda app: app.where, create=yields), Resource[Client])
assert_type(settings.resource(lambda app: app.where, create=yields_async), Resource[Client])
assert_type(settings.resource(lambda app: app.where, create=managed), Resource[Client])
assert_type(settings.resource(lambda app: app.where, create=managed_async), Resource[Client])
assert_type(settings.resource(lambda app: app.where, create=name, uses=(client,)), Resource[str])
assert_type(settings.resource("where", create=make, close=Client.aclose), Resource[Client])
assert_type(settings.resource("where", create=yields), Resource[Client])
assert_type(settings.resource("where", create=managed_async), Resource[Client])

# A lambda knows what the selector picks, and what it gives is checked and closed as such.
by_lambda = settings.resource(
    lambda app: app.where,
    create=lambda where: Client(where.host),
    check=lambda one: one.ping(),
    close=lambda one: one.aclose(),
)
assert_type(by_lambda, Resource[Client])

settings.resource("where", create=make, timout=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
settings.resource("where", create=make, check=len)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def awaited() -> None:
    """The awaitable form has the same types."""
    assert_type(await settings.aresource(lambda app: app.where, create=make_async), Resource[Client])
    assert_type(await settings.aresource("where", create=make), Resource[Client])
    async with client.lease() as leased:
        assert_type(leased, Client)
