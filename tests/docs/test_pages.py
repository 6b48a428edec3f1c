"""Every code block of the README and of the documentation does what it shows."""

from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, run_page

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks(page: Path, tmp_path: Path) -> None:
    """All of the page's blocks run, in the order in which they are read."""
    run_page(page, tmp_path)
