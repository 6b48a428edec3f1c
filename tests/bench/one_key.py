"""One key changed in a large house: what that costs must go with the change."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, create_model

from dynconf import Config, Memory
from dynconf._store.state import Candidate, Spec
from dynconf._store.store import Store
from dynconf._values.snapshot import Layer
from tests.bench._measure import Subject, medians
from tests.bench._report import Line

ROUNDS = 100
MANY, FEW, KEYS = 1_000, 10, 100
MOST = 0.001

Section: type[BaseModel] = create_model("Section", **{f"key_{number}": (int, ...) for number in range(KEYS)})  # type: ignore[call-overload]


def measure() -> list[Line]:
    """Documents that stand side by side, then all of them below one key."""
    return [
        line
        for root, where in (("", "side by side"), ("app", "below one key"))
        for line in _measure(root, where)
    ]


def _measure(root: str, where: str) -> list[Line]:
    with asyncio.Runner() as runner, _live(runner, MANY, root) as many, _live(runner, FEW, root) as few:
        took = medians(
            ROUNDS, {"many": many, "few": few, "store": _store(MANY, root), "small store": _store(FEW, root)}
        )
    whole, store = f"one key of {MANY} documents {where}: set to seen", f"the same, {where}: plan and commit"
    return [
        Line(whole, took["many"], "", None, "figure", MOST),
        Line(whole, took["many"], f"{FEW} documents", took["few"], "ratio", 2.0),
        Line(store, took["store"], f"{FEW} documents", took["small store"]),
    ]


def _tree(root: str, section: int, change: int) -> dict[str, Any]:
    tree: dict[str, Any] = {_name(section): {f"key_{number}": number for number in range(KEYS)}}
    tree[_name(section)]["key_50"] = change
    return {root: tree} if root else tree


def _name(section: int) -> str:
    return f"section_{section}"


@contextmanager
def _live(runner: asyncio.Runner, count: int, root: str) -> Iterator[Subject]:
    """A Config in this loop, so that no other thread's turns are measured with it."""
    sources = [Memory(_tree(root, section, 0)) for section in range(count)]
    config = Config(*sources)
    above = f"{root}." if root else ""
    bindings = [config.bind(Section, at=f"{above}{_name(section)}") for section in range(count)]
    touched = count // 2
    changes = iter(range(1, 1_000_000))

    async def change() -> float:
        tree, binding = _tree(root, touched, next(changes)), bindings[touched]
        old = binding.current
        before = time.perf_counter()
        sources[touched].set(tree)
        while binding.current is old:  # noqa: ASYNC110 - to be told would be part of what is measured
            await asyncio.sleep(0)
        return time.perf_counter() - before

    runner.run(config.astart())
    yield lambda: runner.run(change())
    runner.run(config.astop())


def _store(count: int, root: str) -> Subject:
    store = Store()
    above = (root,) if root else ()
    for section in range(count):
        store.commit(store.plan_bind(Spec(Section, (*above, _name(section)))))
    store.commit(store.plan([_candidate(root, section, 0) for section in range(count)], whole=True))
    changes = iter(range(1, 1_000_000))

    def change() -> float:
        candidate = _candidate(root, count // 2, next(changes))
        before = time.perf_counter()
        store.commit(store.plan([candidate]))
        return time.perf_counter() - before

    return change


def _candidate(root: str, section: int, change: int) -> Candidate:
    layer = Layer("bench", _name(section), str(change), _tree(root, section, change))
    return Candidate((float(section), 0, _name(section)), layer)
