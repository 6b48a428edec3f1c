"""Reading one setting: what a program does all the time."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from dynconf import Config, File, Settings
from tests.bench._measure import medians, seconds_each
from tests.bench._peers import Dynaconf, DynamicConfig
from tests.bench._report import Line

ROUNDS = 25
# From 3.12 on, the plain read got faster by more than what stands before it.
MOST = 1.15 if sys.version_info < (3, 12) else 1.25


class Redis(BaseModel):
    host: str
    port: int


class App(Settings):
    redis: Redis


def measure() -> list[Line]:
    """A setting two steps deep."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "app.yaml")
        path.write_text("app: {redis: {host: db.example, port: 6379}}\n")
        config = Config(File(path))
        settings = config.bind(App, at="app")
        config.load()
        plain = App.model_construct(redis=Redis(host="db.example", port=6379))
        live = DynamicConfig(App, key="app").file(str(path))
        live.init()
        dynaconf = Dynaconf(settings_files=[str(path)])
        took = medians(
            ROUNDS,
            {
                "ours": seconds_each("settings.current.redis.host", settings=settings),
                "plain": seconds_each("model.redis.host", model=plain),
                "live": seconds_each("config.current().redis.host", config=live),
                "dynaconf": seconds_each("settings.app.redis.host", settings=dynaconf),
            },
        )
    what = "read settings.current.redis.host"
    return [
        Line(what, took["ours"], "model.redis.host of a plain model", took["plain"], "ratio", MOST),
        Line(what, took["ours"], "dynamic-config-py", took["live"]),
        Line(what, took["ours"], "Dynaconf", took["dynaconf"]),
    ]
