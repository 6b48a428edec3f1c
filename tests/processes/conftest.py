"""What the programs are configured by, and what starts them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes.running import Document, Program
from tests.servers.fixtures import ConsulSpace, NacosSpace


@pytest.fixture
def document(request: pytest.FixtureRequest, tmp_path: Path) -> Document:
    """A file with the number 1 in it; parametrised with "consul" or "nacos2", a document of that server."""
    where = getattr(request, "param", "file")
    if where == "consul":
        keys: ConsulSpace = request.getfixturevalue("consul")
        document = Document(
            f"consul://{keys.agent.address}/{keys.prefix}app",
            lambda n: keys.put("app", json.dumps({"n": n}).encode()),
        )
    elif where == "nacos2":
        space: NacosSpace = request.getfixturevalue("nacos2")
        document = Document(
            f"nacos://{space.server.address}/app.yaml?namespace={space.namespace}",
            lambda n: space.publish("app.yaml", f"n: {n}"),
        )
    else:
        file = tmp_path / "app.yaml"
        document = Document(f"file:{file}", lambda n: file.write_text(f"n: {n}"))
    document.save(1)
    return document


@pytest.fixture
def start(tmp_path: Path, document: Document) -> Iterator[Callable[..., Program]]:
    """A function that starts a program with the options of `Program`; it is ended after the test."""
    with ExitStack() as stack:

        def start(*words: str, **options: Any) -> Program:
            program = Program(tmp_path / "program", document.address, words, **options)
            stack.callback(program.stop)
            program.start()
            return program

        yield start
