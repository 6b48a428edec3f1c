"""Imports within dynconf go downwards only, and importing it does nothing but load modules."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def staircase(ground: Iterable[str], *steps: str) -> dict[str, set[str]]:
    """Each step may import the ground, and the steps below it."""
    return {step: {*ground, *steps[:height]} for height, step in enumerate(steps)}


# Who may import whom, from the ground up. A package stands for all of its modules.
GROUND = staircase((), "_origin", "errors", "_values")
HOST = {"_host": {"errors"}}
SERVERS = staircase(GROUND, "protocols", "_http")
READING = {"parsers": {*GROUND}}
MODELS = {"_models": {*GROUND}}
STORE = {"_store": {*GROUND, *MODELS}}
CACHE = {"_cache": {*GROUND}}
DISPATCH = {"_dispatch": {*GROUND, *MODELS, *HOST}}
MANAGER = {"_manager": {*GROUND, *READING, *MODELS, *STORE, *CACHE, *DISPATCH, *HOST}}
BESIDE = {"resources": {*GROUND, *HOST, *MODELS}, "flags": {*GROUND, *MODELS}}
FACES = {"_faces": {*MANAGER["_manager"], *MANAGER, *BESIDE}}
ADDRESSES = staircase(
    {*GROUND, *READING, *MODELS}, "_addresses", "_schemes", "bootstrap", "_bootstrap_schema"
)
SOURCES = {"sources": {*GROUND, *READING, *HOST, *SERVERS, "_addresses"}}
CONFIG = {"config": {*FACES["_faces"], *FACES, *ADDRESSES, *SOURCES, *BESIDE}}
ADAPTER = {"settings_source": {*MANAGER["_manager"], *ADDRESSES, "config"}}
DISCOVERY = {"discovery": {*GROUND, *HOST, *SERVERS, *DISPATCH}}
HOUSE = GROUND | HOST | SERVERS | READING | MODELS | STORE | CACHE | DISPATCH | MANAGER | FACES
HOUSE |= ADDRESSES | SOURCES | BESIDE | CONFIG | ADAPTER | DISCOVERY
# Nothing imports the edges, but for the command line's own start.
EDGES = {edge: {*HOUSE} for edge in ("testing", "web", "integrations", "cli")} | {"__main__": {"cli"}}
MAY_IMPORT = HOUSE | EDGES
# Loaded by `dynconf/__init__.py` on demand only, so it may name anything.
FRONT = "__init__"


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Every dynconf module that a module imports anywhere in it, with the line.

    Args:
        tree: the module, parsed.
        package: the names of the package it is in, from `dynconf` on.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names = [f"{origin}.{alias.name}" if origin == "dynconf" else origin for alias in node.names]
        else:
            continue
        for name in names:
            if name == "dynconf" or name.startswith("dynconf."):
                yield node.lineno, name


def violations(folder: Path) -> list[str]:
    """What is wrong with the imports of the package in `folder`, one line each."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        steps = list(file.relative_to(folder).with_suffix("").parts)
        part = steps[0]
        if part == FRONT:
            continue
        place = f"dynconf/{file.relative_to(folder)}"
        if part not in MAY_IMPORT:
            found.append(f"{place}: give '{part}' its place in MAY_IMPORT, in tests/meta/test_imports.py")
            continue
        for line, name in imported(ast.parse(file.read_text()), ["dynconf", *steps[:-1]]):
            target = name.split(".")[1] if "." in name else FRONT
            if target != part and target not in MAY_IMPORT[part]:
                found.append(f"{place}:{line}: {part} may not import {target}")
    return found


def test_imports_go_downwards() -> None:
    """No module imports one that stands above it, nor one that it has no business with."""
    found = violations(ROOT / "dynconf")
    assert not found, "\n".join(found)


def test_table_has_no_circle() -> None:
    """The table itself allows no import cycle."""
    assert set(TopologicalSorter(MAY_IMPORT).static_order()) == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        (
            "errors.py",
            "from dynconf._values.tree import dotted",
            "errors.py:1: errors may not import _values",
        ),
        (
            "_values/tree.py",
            "def f():\n    import dynconf.config",
            "_values/tree.py:2: _values may not import config",
        ),
        ("sources/x.py", "from dynconf import _store", "sources/x.py:1: sources may not import _store"),
        ("sources/y.py", "from .._manager import M", "sources/y.py:1: sources may not import _manager"),
        ("sources/z.py", "from .. import config", "sources/z.py:1: sources may not import config"),
        ("config.py", "from dynconf.cli.main import main", "config.py:1: config may not import cli"),
        ("_store.py", "from dynconf import Config", "_store.py:1: _store may not import Config"),
        ("_store.py", "import dynconf", "_store.py:1: _store may not import __init__"),
        ("novel.py", "", "novel.py: give 'novel' its place in MAY_IMPORT, in tests/meta/test_imports.py"),
    ],
)
def test_wrong_import_is_found(tmp_path: Path, file: str, text: str, wrong: str) -> None:
    """Each way of writing an import in the wrong direction is seen."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert violations(tmp_path) == [f"dynconf/{wrong}"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources/x.py", "from . import y\nfrom .y import Y\nfrom dynconf.sources.y import Y"),
        ("_values/tree.py", "import os\nfrom dynconf.errors import UsageError"),
        ("__init__.py", "def __getattr__(name):\n    from dynconf import config"),
    ],
)
def test_right_import_is_let_be(tmp_path: Path, file: str, text: str) -> None:
    """A part's own modules, what stands below, and the front's lazy imports are fine."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert violations(tmp_path) == []


WATCH = """
import _thread
import sys

CODE = (".py", ".pyc", ".so", ".pth")
seen = []

def hook(event, arguments):
    if event == "open":
        path = str(arguments[0])
        # What the interpreter and installed packages read of themselves is their affair.
        if not path.endswith(CODE) and not path.startswith((sys.prefix, sys.base_prefix)):
            seen.append(f"open {path}")
    elif event.startswith(("socket.", "subprocess.", "os.fork", "os.exec")):
        seen.append(event)

def watched(start):
    def started(*arguments, **named):
        seen.append("thread")
        return start(*arguments, **named)
    return started

# Not every interpreter has an audit event for threads.
for name in {"start_new_thread", "start_joinable_thread"} & set(dir(_thread)):
    setattr(_thread, name, watched(getattr(_thread, name)))
sys.addaudithook(hook)
"""


def python(code: str) -> str:
    """What a fresh interpreter prints for `code`; coverage, which opens files, stays out of it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_is_inert() -> None:
    """Importing dynconf, and then every public name of it, starts no thread and opens nothing."""
    names = "import dynconf\nfor name in getattr(dynconf, '__all__', ()): getattr(dynconf, name)\n"
    assert python(f"{WATCH}{names}print(seen)") == "[]"


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import threading; threading.Thread(target=int).start()", "thread"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("open('README.md')", "open README.md"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    ],
)
def test_watch_sees_what_it_should(code: str, event: str) -> None:
    """The watch on imports does notice each thing that it is there for."""
    assert event in python(f"{WATCH}{code}\nprint(seen)")


@pytest.mark.parametrize(
    "package", ["httpx", "javaproperties", "openfeature", "rich", "typer", "watchfiles", "yaml"]
)
def test_import_is_cheap(package: str) -> None:
    """`import dynconf` alone loads none of the packages that only some programs come to need."""
    assert python(f"import sys, dynconf; print({package!r} in sys.modules)") == "False"
