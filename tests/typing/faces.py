"""What mypy and pyright make of the faces: read by both, run by neither."""

from typing import Any, assert_type

from pydantic import BaseModel

from dynconf import Binding, Change, Config, Flag, FlagDetails, Flags, FlagSet, Memory, Settings, Subscription


class Redis(BaseModel):
    host: str = "localhost"


class App(Settings):
    redis: Redis = Redis()


config = Config(Memory({}), "file:app.yaml")
settings = config.bind(App)
redis = config.bind(Redis, at="redis")

assert_type(settings, Binding[App])
assert_type(settings.current.redis.host, str)
assert_type(config.view()[redis], Redis)


@settings.on_change(lambda app: app.redis)
def by_selector(change: Change[Redis]) -> None:
    """A selector's change is of what it picks."""
    assert_type(change.new.host, str)


@settings.on_change
def anything(change: Change[App]) -> None:
    """Without one it is the model."""
    assert_type(change.old, App)


@settings.on_change("redis.host", immediate=True)
async def by_path(change: Change[str]) -> None:
    """A path's type is the subscriber's to say."""


@settings.on_change(select=lambda app: app.redis.host)
def by_keyword(change: Change[str]) -> None:
    """A selector may be given by name."""


assert_type(by_selector, Subscription[Redis])
assert_type(anything, Subscription[App])
assert_type(by_keyword, Subscription[str])


async def follow() -> None:
    """The awaitable forms have the same types."""
    async for change in settings.changes():
        assert_type(change, Change[App])
    assert_type(await settings.auntil(lambda app: app.redis.host == "a", 1.0), App)


flags = config.flags()
assert_type(flags, Flags)
assert_type(flags.current, FlagSet)
assert_type(flags.at(config.view()), FlagSet)
assert_type(config.view()[flags], FlagSet)
assert_type(flags.enabled("x", "user-1", country="DE"), bool)
assert_type(flags.value("x", 1, "user-1"), int)
assert_type(flags.details("x", "a"), FlagDetails[str])
assert_type(flags.value("x", None, "user-1"), Any)
assert_type(flags.details("x", None, country="DE"), FlagDetails[Any])


@flags.on_change("x")
def flag_changed(change: Change[Flag | None]) -> None:
    """A flag's change is of its definition."""
    assert_type(change.new, Flag | None)
