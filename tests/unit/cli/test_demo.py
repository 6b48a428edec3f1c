"""The demo, run as a program: by itself without a terminal, and with a person in one."""

import re
import signal
from pathlib import Path

import pytest

from dynconf.cli.demo._steps import PASSWORD, STEPS
from tests.unit.cli.terminal import Terminal, run

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)[0-9;]*m")
DONE = f"all {len(STEPS)} steps happened"


def seen(output: str) -> list[str]:
    """The titles of the steps that an output tells of, in its order."""
    return [title for line in output.splitlines() for title in STEPS if title in line]


def test_it_ends_by_itself_without_a_terminal(tmp_path: Path) -> None:
    """Into a pipe it shows every step in order, plainly and within 80 columns, and succeeds."""
    done = run("demo", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert seen(done.stdout) == list(STEPS)
    assert DONE in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert PASSWORD not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_more_than_ascii(tmp_path: Path) -> None:
    """Where nothing but ASCII can be written, it still shows every step."""
    done = run("demo", PYTHONIOENCODING="ascii", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert seen(done.stdout) == list(STEPS)


def test_files_stay_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    """The files are put into the folder that was asked for, made if need be, and left there."""
    folder = tmp_path / "new" / "folder"
    assert run("demo", "--dir", str(folder)).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["app.yaml", "dev.toml"]


def test_nobodys_files_are_overwritten(tmp_path: Path) -> None:
    """A folder with anything in it is refused, and its files are left alone."""
    (tmp_path / "app.yaml").write_text("mine: true\n")
    done = run("demo", "--dir", str(tmp_path))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "app.yaml").read_text() == "mine: true\n"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """Where no folder can be made, it says so and fails."""
    (tmp_path / "file").touch()
    done = run("demo", "--dir", str(tmp_path / "file" / "folder"))
    assert done.returncode == 1
    assert done.stderr.startswith("dynconf demo: ")


def test_a_person_edits_and_watches(tmp_path: Path) -> None:
    """After the steps every edit shows: good, invalid, unreadable, mended, deleted; then `q` ends it well."""
    with Terminal("demo", "--pace", "0", TMPDIR=str(tmp_path)) as terminal:
        terminal.shows("q and Enter ends.")
        terminal.shows("Your turn")
        terminal.shows("q and Enter ends.")
        (folder,) = tmp_path.iterdir()
        app, dev = folder / "app.yaml", folder / "dev.toml"
        assert str(app) in terminal.text

        good = app.read_text()
        app.write_text(good.replace("port: 6380", "port: 7000"))
        terminal.shows("reconnect() called")
        terminal.shows("6380 → 7000")
        app.write_text(good.replace("port: 6380", "port: no-such-port"))
        terminal.shows("refused  app.yaml:4:9")
        assert "no-such-port" not in terminal.shows("found     str")
        app.write_text(good.replace("port: 6380", "port: 7000"))
        terminal.shows("all is well again")
        app.write_text("redis: [")
        terminal.shows("refused  app.yaml")
        app.write_text(good)
        terminal.shows("7000 → 6380")
        dev.unlink()
        terminal.shows("in trouble  dev.toml")
        terminal.type()
        terminal.shows("comes from")

        terminal.type("q")
        assert terminal.ends() == 0
        assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    """Once the steps are done, Ctrl-C is a good end, too."""
    with Terminal("demo", "--pace", "0", TMPDIR=str(tmp_path)) as terminal:
        terminal.shows("Enter shows all settings")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ends() == 0
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_end_before_the_last_step_is_no_success(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped by a signal in the middle, it fails as shells have it, and clears its folder away."""
    with Terminal("demo", "--pace", "600", TMPDIR=str(tmp_path)) as terminal:
        terminal.type()
        terminal.shows("1/7")
        terminal.shows("beta_feature    False")
        terminal.process.send_signal(number)
        assert terminal.ends() == 128 + number
        assert list(tmp_path.iterdir()) == []


def test_q_before_the_last_step_is_no_success() -> None:
    """Who leaves early has not seen every step, and the status says so."""
    with Terminal("demo", "--pace", "600") as terminal:
        terminal.shows("q and Enter ends")
        terminal.type("q")
        assert terminal.ends() == 130


def test_a_step_that_cannot_happen_fails_the_demo(tmp_path: Path) -> None:
    """When a file is taken away between two steps, it names the step that did not happen, and fails."""
    folder = tmp_path / "demo"
    with Terminal("demo", "--pace", "600", "--dir", str(folder)) as terminal:
        terminal.type()
        terminal.shows("1/7")
        terminal.shows("beta_feature    False")
        (folder / "app.yaml").unlink()
        terminal.type()
        assert terminal.ends() == 1
        assert "step 2 of 7 did not happen" in terminal.text
        assert DONE not in terminal.text


def test_a_change_that_does_not_come_in_time_fails_the_demo() -> None:
    """What does not happen within the time given did not happen."""
    done = run("demo", "--timeout", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("dynconf demo: step 2 of 7 did not happen")


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_only_where_they_are_wanted(env: dict[str, str], coloured: bool) -> None:
    """A terminal gets colours, unless it has none or the person wants none; all else is the same."""
    with Terminal("demo", "--pace", "0", **env) as terminal:
        terminal.shows("Enter shows all settings")
        terminal.type("q")
        assert terminal.ends() == 0
        assert bool(COLOUR.search(terminal.raw)) is coloured
        assert seen(terminal.text) == list(STEPS)
