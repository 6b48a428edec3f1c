"""The app of the demo: a small shop, written as anybody would write an app with dynconf."""

import time
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic import BaseModel, SecretStr

from dynconf._models.overlay import Settings
from dynconf._values.snapshot import Change
from dynconf.config import Config
from dynconf.errors import DynconfError
from dynconf.sources.env import Env
from dynconf.sources.file import File


class Redis(BaseModel):
    host: str = "localhost"
    port: int = 6379
    db: int = 0
    password: SecretStr | None = None


class FeatureFlags(BaseModel):
    new_dashboard: bool = False
    beta_feature: bool = False


class ShopSettings(Settings):
    show_message: str = "hello"
    redis: Redis = Redis()
    feature_flags: FeatureFlags = FeatureFlags()


def configure(folder: Path, environ: dict[str, str]) -> Config:
    return Config(  # a later source wins
        File(folder / "app.yaml"),
        File(folder / "dev.toml"),
        File(folder / "override.yaml", optional=True),
        Env("SHOP_", environ=environ),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A subscriber was told of a change: each field's path, with its old value and its new one."""

    subscriber: str
    fields: tuple[tuple[str, Any, Any], ...]
    version: int
    at: float


@dataclass(frozen=True, slots=True)
class Reported:
    """An error was reported: an edit was refused, or a source is in trouble."""

    error: DynconfError
    at: float


class Shop:
    """The running app. What its callbacks hear, at which monotonic second, goes into `heard`."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.config = configure(folder, environ)
        self.settings = self.config.bind(ShopSettings)
        self.heard: SimpleQueue[Told | Reported] = SimpleQueue()

        @self.settings.on_change("show_message")
        def greet(change: Change[str]) -> None:
            self._note("greet", "show_message", change)

        @self.settings.on_change("redis")
        def reconnect(change: Change[Redis]) -> None:
            self._note("reconnect", "redis", change)

        @self.settings.on_change("feature_flags")
        def switch(change: Change[FeatureFlags]) -> None:
            self._note("switch", "feature_flags", change)

        @self.config.on_error
        def warn(error: DynconfError) -> None:
            self.heard.put(Reported(error, time.monotonic()))

    def dashboard(self) -> str:
        flags = self.settings.current.feature_flags
        return "new" if flags.new_dashboard else "old"

    def _note(self, subscriber: str, what: str, change: Change[Any]) -> None:
        at, fields = time.monotonic(), []
        for path in sorted(change.paths):
            inner = path.removeprefix(what).removeprefix(".")
            old, new = (attrgetter(inner)(side) if inner else side for side in (change.old, change.new))
            fields.append((path, old, new))
        self.heard.put(Told(subscriber, tuple(fields), change.version, at))
