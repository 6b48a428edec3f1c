"""From a commit until the one callback that it concerns begins, among thousands that it does not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from pydantic import create_model

from dynconf import Binding, Change, Config, Memory, Settings
from dynconf._values.snapshot import Snapshot
from tests.bench._measure import Subject, medians
from tests.bench._report import Line

ROUNDS = 50
PARTS, FIELDS = 100, 100
CONCERNED = (50, 50)

Part = create_model("Part", **{f"field_{number}": (int, 0) for number in range(FIELDS)})  # type: ignore[call-overload]
App = create_model("App", __base__=Settings, **{f"part_{number}": (Part, Part()) for number in range(PARTS)})  # type: ignore[call-overload]
Subscribe = Callable[[Binding[Any], int, int, Callable[[Change[Any]], None]], object]


def measure() -> list[Line]:
    """With a selector or a path for each of 10,000 fields, one of which changes."""
    with _live(_by_selector) as selectors, _live(_by_path) as paths:
        took = medians(ROUNDS, {"selectors": selectors, "paths": paths})
    return [
        Line("10,000 selectors, publish to callback", took["selectors"], "", None, "figure", 0.005),
        Line("10,000 paths, publish to callback", took["paths"], "", None, "figure", 0.0005),
    ]


def _by_selector(
    settings: Binding[Any], part: int, field: int, told: Callable[[Change[Any]], None]
) -> object:
    names = f"part_{part}", f"field_{field}"
    return settings.on_change(lambda app: getattr(getattr(app, names[0]), names[1]))(told)


def _by_path(settings: Binding[Any], part: int, field: int, told: Callable[[Change[Any]], None]) -> object:
    return settings.on_change(f"part_{part}.field_{field}")(told)


@contextmanager
def _live(subscribe: Subscribe) -> Iterator[Subject]:
    """A Config on its own thread, and callbacks on theirs, as a program without a loop has them."""
    memory = Memory({})
    config = Config(memory)
    settings = config.bind(App)
    told: SimpleQueue[float] = SimpleQueue()
    for part in range(PARTS):
        for field in range(FIELDS):
            subscribe(settings, part, field, lambda _: told.put(time.perf_counter()))
    dispatcher = config._lifecycle.publisher.dispatcher
    begun: SimpleQueue[float] = SimpleQueue()
    publish = dispatcher.publish

    def published(new: Snapshot, models: tuple[int, ...]) -> None:
        begun.put(time.perf_counter())
        publish(new, models)

    dispatcher.publish = published  # type: ignore[method-assign]
    changes = iter(range(1, 1_000_000))
    part, field = CONCERNED

    def change() -> float:
        memory.set({f"part_{part}": {f"field_{field}": next(changes)}})
        return told.get(timeout=5.0) - begun.get()

    with config:
        begun.get()
        yield change
