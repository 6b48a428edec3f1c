"""The command itself: help, version, and what it says when its extra is not installed."""

import subprocess
import sys
import tomllib

import pytest

from tests.unit.cli.terminal import ROOT, environment, run

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def without(module: str) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter that does not find a module."""
    code = f"import sys; sys.modules[{module!r}] = None; from dynconf.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["rich", "typer"])
def test_missing_extra_is_named(module: str) -> None:
    """Without one of the extra's packages the command says what to install, and fails."""
    done = without(module)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "the command dynconf needs the extra 'cli': pip install 'dynconf[cli]'"
    ]


def test_another_missing_module_is_no_missing_extra() -> None:
    """A package that the extra would not bring is not blamed on it."""
    done = without("pydantic")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "dynconf[cli]" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_names_the_commands(arguments: list[str]) -> None:
    """Help, asked for or by default, tells of the demo."""
    done = run(*arguments)
    assert "demo" in done.stdout + done.stderr
    assert "--version" in done.stdout + done.stderr


def test_help_of_the_demo_names_its_options() -> None:
    """The demo's help tells each option."""
    done = run("demo", "--help")
    assert done.returncode == 0
    for option in ("--dir", "--pace", "--timeout"):
        assert option in done.stdout


def test_version_is_the_projects() -> None:
    """The version printed is the one that the project declares."""
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"dynconf {VERSION}\n")


def test_unknown_command_fails() -> None:
    """A command that there is not is refused with the status for wrong usage."""
    assert run("no-such-command").returncode == 2
