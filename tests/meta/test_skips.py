"""Skips are listed and counted, and one for want of a server fails where `CI` is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest
from tests.skips import missing_server

def test_needs_server():
    missing_server("consul", "no such binary")

@pytest.mark.skip(reason="not on this system")
def test_needs_system():
    raise AssertionError

def test_other():
    pass
"""


def run(folder: Path, tests: str, ci: str) -> list[str]:
    """The lines that pytest prints for `tests` under the project's own configuration."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_made_up.py").write_text(tests)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    env = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line]


def test_skips_are_listed_with_their_reasons(tmp_path: Path) -> None:
    """Without `CI` a missing server is a skip that the summary names; the closing line comes last."""
    lines = run(tmp_path, TESTS, ci="")
    listing = lines[next(i for i, line in enumerate(lines) if "SKIPPED: 2" in line) + 1 :]
    assert listing[:-1] == [
        "1 x missing server: consul: no such binary",
        "    test_made_up.py::test_needs_server",
        "1 x not on this system",
        "    test_made_up.py::test_needs_system",
    ]
    assert "1 passed, 2 skipped in" in listing[-1]


def test_missing_server_fails_in_ci(tmp_path: Path) -> None:
    """With `CI` a missing server fails its test, while other skips stay skips."""
    lines = run(tmp_path, TESTS, ci="true")
    assert "1 failed, 1 passed, 1 skipped in" in lines[-1]
    assert any("missing server: consul: no such binary (CI is set" in line for line in lines)


@pytest.mark.parametrize(("ci", "closing"), [("false", "1 skipped in"), ("1", "1 error in")])
def test_missing_server_for_a_whole_module(tmp_path: Path, ci: str, closing: str) -> None:
    """What holds for a test holds for a module that gives up while it is collected."""
    lines = run(tmp_path, "from tests.skips import missing_server\nmissing_server('nacos', 'no Java')\n", ci)
    assert closing in lines[-1]
