"""Errors on their way to another process."""

import copy
import multiprocessing
import pickle
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import Any

import pytest

import dynconf
from dynconf import Config, Memory, Settings
from dynconf._origin import Origin, Problem
from dynconf._values.prepare import PrepareRefused
from dynconf.errors import ChangeRefused, DynconfError, MissingExtra, SourceError, StartFailed, Veto
from dynconf.protocols.exchange import Busy

# A program that is run, not imported.
PROGRAMS = ("dynconf.cli", "dynconf.__main__")


def descendants(cls: type[DynconfError]) -> Iterator[type[DynconfError]]:
    """The class and all below it, but for those that hold a function and never leave dynconf."""
    if not issubclass(cls, PrepareRefused):
        yield cls
        for one in cls.__subclasses__():
            yield from descendants(one)


def every_error() -> list[type[DynconfError]]:
    """All that any module of dynconf has."""
    for module in pkgutil.walk_packages(dynconf.__path__, "dynconf."):
        if not module.name.startswith(PROGRAMS):
            import_module(module.name)
    return [one for one in descendants(DynconfError) if one.__module__.startswith("dynconf.")]


PROBLEM = Problem("redis.port", "an integer", "str", "App", Origin("file:a.yaml", "a.yaml", "1", 2, 3))

# What their constructors take; the others take a text.
MADE_OF: dict[type[DynconfError], tuple[Any, ...]] = {
    MissingExtra: ("the command", "cli"),
    SourceError: ("nobody answers", Origin("consul:app")),
    Busy: ("too many requests", 7.0),
    ChangeRefused: ([PROBLEM, PROBLEM], "the reload was refused"),
    Veto: ("not on a Friday", "redis.port"),
    StartFailed: ([SourceError("nobody answers"), ChangeRefused([PROBLEM])],),
}


@pytest.mark.parametrize("cls", every_error(), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("by", ["pickle", "copy"])
def test_an_error_is_as_it_was(cls: type[DynconfError], by: str) -> None:
    """It says the same, has the same attributes, and keeps its notes."""
    arguments = next((MADE_OF[one] for one in cls.__mro__ if one in MADE_OF), ("what happened",))
    error = cls(*arguments)
    error.add_note("seen on a Friday")
    other = pickle.loads(pickle.dumps(error)) if by == "pickle" else copy.copy(error)  # noqa: S301 - our own
    assert type(other) is cls
    assert (str(other), repr(other)) == (str(error), repr(error))
    assert described(other) == described(error)


def described(error: DynconfError) -> dict[str, str]:
    """Its attributes, as texts: errors among them are equal to none but themselves."""
    return {name: repr(value) for name, value in vars(error).items()}


class App(Settings):
    port: int


def start() -> None:
    """Start with what is not valid."""
    config = Config(Memory({"port": "x"}))
    config.bind(App)
    config.load()


def ask_for_an_extra() -> None:
    """Come upon a package that is not installed."""
    raise MissingExtra("the command", "cli")


def test_from_a_worker_of_a_pool() -> None:
    """The parent is told what the worker is, and the pool goes on."""
    with pytest.raises(StartFailed) as here:
        start()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(StartFailed) as there:
            pool.submit(start).result(60)
        with pytest.raises(MissingExtra, match="needs the extra 'cli'"):
            pool.submit(ask_for_an_extra).result(60)
        assert pool.submit(int).result(60) == 0
    assert str(there.value) == str(here.value)
    [refused] = there.value.failures
    assert isinstance(refused, ChangeRefused)
    assert [problem.path for problem in refused.problems] == ["port"]
