"""Every code block of the README and of the documentation does what it shows."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, run_page

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
def test_blocks(page: Path, tmp_path: Path) -> None:
    """All of the page's blocks run, in the order in which they are read."""
    run_page(page, tmp_path)
