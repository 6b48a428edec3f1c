"""The FastAPI example's manage.py: what it says of files that it cannot publish."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_nacos"


def said(*files: Path | str) -> list[str]:
    """The lines of a publication that fails, of which Nacos hears nothing: nobody listens there."""
    command = [sys.executable, "manage.py", "publish", *files]
    env = {"NACOS_SERVER_ADDR": f"127.0.0.1:{free_port()}"}
    ended = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    return ended.stderr.splitlines()


@pytest.mark.parametrize("files", [["nosuch.json"], ["app.yaml", "nosuch.json"]])
def test_no_such_file(files: list[str]) -> None:
    """One line names it, and nothing is published, whatever stands before it."""
    assert said(*files) == ["manage: nosuch.json: No such file or directory"]


def test_no_file(tmp_path: Path) -> None:
    """Likewise what is no file, or no text."""
    assert said(tmp_path) == [f"manage: {tmp_path}: Is a directory"]
    file = tmp_path / "app.yaml"
    file.write_bytes(b"name: \xff")
    assert said(file) == ["manage: a file is not text in UTF-8"]


def test_nobody_listens() -> None:
    """That is one line as well."""
    (line,) = said("app.yaml")
    assert "nobody listens there" in line
