"""Every code block of the README and of the documentation does what it shows."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, run_page
from tests.servers.consul import CONSUL, ConsulAgent
from tests.servers.fixtures import NacosSpace

# Pages whose blocks talk to a server, which its own variables and command then lead to.
WITH_CONSUL = [ROOT / "docs/how-to/consul.md"]
WITH_NACOS = [ROOT / "docs/how-to/nacos.md"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A page may set levels and handlers; other tests are not to find them."""
    loggers = [
        logging.root,
        *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    levels, handlers = {one: one.level for one in loggers}, list(logging.root.handlers)
    yield
    for one in [*levels, *map(logging.getLogger, list(logging.root.manager.loggerDict))]:
        one.setLevel(levels.get(one, logging.NOTSET))
    logging.root.handlers[:] = handlers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the page's blocks run, in the order in which they are read."""
    if page in WITH_CONSUL:
        own_consul: Callable[[], ConsulAgent] = request.getfixturevalue("own_consul")
        monkeypatch.setenv("CONSUL_HTTP_ADDR", own_consul().address)
        monkeypatch.setenv("PATH", str(CONSUL.find().parent), prepend=os.pathsep)
    if page in WITH_NACOS:
        space: NacosSpace = request.getfixturevalue("nacos3")
        monkeypatch.setenv("NACOS_SERVER_ADDR", space.server.address)
        monkeypatch.setenv("NACOS_NAMESPACE", space.namespace)
    run_page(page, tmp_path)
