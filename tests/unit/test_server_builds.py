"""Programs of servers are made once, whole or not at all, and what went wrong is told to the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.builds import Build, Unavailable, cache, run
from tests.servers.fixtures import need

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache."""
    monkeypatch.setenv("DYNCONF_TEST_CACHE", str(tmp_path / "cache"))


def silent(said: str) -> None:
    """Take what a build says."""


def build(script: str, **options: object) -> Build:
    """A build that runs a shell script in the folder to fill."""
    return Build("made-up", "1.0", "program", lambda folder: run("sh", "-c", script, cwd=folder), **options)  # type: ignore[arg-type]


def kept() -> list[str]:
    """What is in the cache."""
    return sorted(path.name for path in cache().iterdir())


def test_made_once() -> None:
    """What is there already is not made again, and nothing temporary stays."""
    made = build("echo 1 > program").ensure(silent)
    assert made == cache() / "made-up-1.0/program"
    assert build("echo 2 > program").ensure(silent).read_text() == "1\n"
    assert kept() == ["made-up-1.0", "made-up-1.0.lock"]


def test_another_recipe_is_another_build(tmp_path: Path) -> None:
    """A change of the files that decide what is built makes it anew, beside the old one."""
    recipe = tmp_path / "go.sum"
    recipe.write_text("a")
    first = build("echo 1 > program", recipe=[recipe]).ensure(silent)
    recipe.write_text("b")
    second = build("echo 2 > program", recipe=[recipe]).ensure(silent)
    assert (first.read_text(), second.read_text()) == ("1\n", "2\n")


def test_not_made_yet() -> None:
    """A test that misses a program is skipped, and says what to run."""
    with pytest.raises(pytest.skip.Exception, match=r"missing server: made-up: .* run `make servers`"):
        need(build("true"))


def test_failure_is_told_and_mended() -> None:
    """The last lines of a failed build are in the reason of skips, until it succeeds."""
    with pytest.raises(Unavailable, match="no space left"):
        build("touch program; echo noise; echo no space left >&2; exit 1").ensure(silent)
    assert kept() == ["made-up-1.0.failed", "made-up-1.0.lock"]
    with pytest.raises(
        pytest.skip.Exception, match=r"`make servers` failed: `sh` said: noise \| no space left"
    ):
        need(build("true"))
    assert build("touch program").ensure(silent) == build("true").find()
    assert kept() == ["made-up-1.0", "made-up-1.0.lock"]


def test_tool_that_is_missing() -> None:
    """A tool that is not there is named."""
    missing = Build("made-up", "1.0", "program", lambda folder: run("no-such-tool", cwd=folder))
    with pytest.raises(Unavailable, match="there is no `no-such-tool` on the path"):
        missing.ensure(silent)


def test_command_on_the_path_will_do() -> None:
    """Where a program of any version will do, the one on the path is taken."""
    assert build("false", command="sh").ensure(silent).name == "sh"


INTERRUPTED = """
import sys
from pathlib import Path
from tests.servers.builds import Build

def make(folder):
    (folder / "program").write_text("half")
    print("making", flush=True)
    sys.stdin.read()

Build("made-up", "1.0", "program", make).ensure(lambda said: None)
"""


def test_interrupted_build_leaves_nothing_half() -> None:
    """After `kill -9` in the middle there is no program, and the next run makes it and clears up."""
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "making\n"
        with pytest.raises(Unavailable):
            build("true").find()
        process.kill()
    with pytest.raises(Unavailable):
        build("true").find()
    assert build("echo whole > program").ensure(silent).read_text() == "whole\n"
    assert kept() == ["made-up-1.0", "made-up-1.0.lock"]


def test_runs_at_once_make_it_once() -> None:
    """Of two runs that need a program one makes it, and the other one waits and takes it."""
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "making\n"
        let_go = process.stdin.close

        def go_on(said: str) -> None:
            let_go()

        made = build("echo mine > program").ensure(go_on)
    assert made.read_text() == "half"
