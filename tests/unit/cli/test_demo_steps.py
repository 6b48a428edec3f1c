"""The demo's steps, one by one: none of them passes when what it announces cannot happen."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dynconf.cli.demo._app import Shop
from dynconf.cli.demo._files import Files
from dynconf.cli.demo._screen import Screen
from dynconf.cli.demo._steps import ENVIRONMENT, STEPS, Stage, StepFailed, perform
from dynconf.errors import StartFailed

TITLES = list(STEPS)
EDITING = range(1, len(STEPS) - 1)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage with its shop, not started yet."""
    shop = Shop(tmp_path, ENVIRONMENT)
    yield Stage(shop, Files(tmp_path), Screen(Console(file=io.StringIO())), 10.0)
    shop.config.stop()


def test_all_steps_happen(stage: Stage) -> None:
    """With everything in place each step passes."""
    assert list(perform(stage)) == list(range(1, len(STEPS) + 1))


@pytest.mark.parametrize("index", EDITING, ids=TITLES[1:-1])
def test_step_fails_when_nothing_is_followed(stage: Stage, index: int) -> None:
    """A step that edits files fails on a shop that follows them no longer."""
    *before, step = [STEPS[title] for title in TITLES[: index + 1]]
    for earlier in before:
        earlier(stage)
    stage.shop.config.stop()
    with pytest.raises(StepFailed, match="in vain"):
        step(replace(stage, timeout=0.1))


def test_step_fails_when_its_source_is_removed(stage: Stage) -> None:
    """An edit of a file that is a source no longer reaches nobody, and the step is named."""
    steps = perform(replace(stage, timeout=0.5))
    next(steps)
    stage.shop.config.remove(f"file:{stage.files.folder / 'app.yaml'}")
    stage.shop.heard.get(timeout=10)
    with pytest.raises(StepFailed, match="step 2 of 7 did not happen"):
        next(steps)


def test_step_fails_when_its_line_is_gone(stage: Stage) -> None:
    """Where somebody else edits the same file, the step says which line it misses."""
    steps = perform(stage)
    next(steps)
    (stage.files.folder / "app.yaml").write_text("show_message: Mine\n")
    with pytest.raises(StepFailed, match=r"app\.yaml has no line 'show_message: Hello"):
        next(steps)


def test_first_step_fails_without_its_files(stage: Stage) -> None:
    """A start without a required file is no start."""
    (stage.files.folder / "dev.toml").unlink()
    with pytest.raises(StartFailed):
        STEPS[TITLES[0]](stage)


def test_first_step_fails_when_a_layer_says_something_else(stage: Stage) -> None:
    """The settings themselves are checked, not only that something was loaded."""
    stage.files.replace("dev.toml", 'host = "redis.dev"', 'host = "elsewhere"')
    with pytest.raises(StepFailed, match="the host is dev"):
        STEPS[TITLES[0]](stage)


def test_last_step_fails_without_its_password(tmp_path: Path) -> None:
    """Where there is no password, that none is shown proves nothing."""
    shop = Shop(tmp_path, {})
    with_none = Stage(shop, Files(tmp_path), Screen(Console(file=io.StringIO())), 10.0)
    with shop.config, pytest.raises(StepFailed, match="the app has the password"):
        STEPS[TITLES[-1]](with_none)
