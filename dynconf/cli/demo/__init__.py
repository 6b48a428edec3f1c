"""The demo: first a script of steps, each of them checked, then, in a terminal, a person's own edits."""

import logging
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from dynconf.cli.demo._app import Shop, Told
from dynconf.cli.demo._files import Files
from dynconf.cli.demo._keyboard import QUIT, Keyboard
from dynconf.cli.demo._screen import Screen
from dynconf.cli.demo._steps import ENVIRONMENT, Stage, StepFailed, perform

PACE = 4.0
TIMEOUT = 10.0

_INTERRUPTED = 130  # as shells have it
_GLANCE = 0.1  # seconds between looks at what the app heard


def play(folder: Path | None = None, *, pace: float = PACE, timeout: float = TIMEOUT) -> int:
    """Show all steps, then let a person edit if one is there, and return the exit status.

    Args:
        folder: a new or empty one for the files; by default a temporary one, removed at the end.
        pace: seconds to rest after each step, if a person is there.
        timeout: seconds to wait for what an edit should bring about.
    """
    # The screen tells of every error; log lines in between would tell it twice.
    logging.getLogger("dynconf").addHandler(logging.NullHandler())
    person = Keyboard(sys.stdin) if sys.stdin.isatty() and sys.stdout.isatty() else None
    try:
        with ExitStack() as stack:
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dynconf-demo-")))
            folder.mkdir(parents=True, exist_ok=True)
            shop = Shop(folder, ENVIRONMENT)
            stack.callback(shop.config.stop)
            stage = Stage(shop, Files(folder), Screen(Console(highlight=False)), timeout)
            _script(stage, person, pace)
            if person:
                _live(stage, person)
    except (StepFailed, OSError) as error:
        sys.stderr.write(f"dynconf demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("dynconf demo: interrupted before its last step\n")
        return _INTERRUPTED
    return 0


def _script(stage: Stage, person: Keyboard | None, pace: float) -> None:
    stage.screen.welcome(person=person is not None)
    _rest(person, pace)
    count = 0
    for count in perform(stage):  # noqa: B007 - the last one is how many there were
        _rest(person, pace)
    stage.screen.done(count)


def _rest(person: Keyboard | None, pace: float) -> None:
    """Leave time to read; Enter goes on at once."""
    if person and person.line(pace) == QUIT:
        raise KeyboardInterrupt


def _live(stage: Stage, person: Keyboard) -> None:
    """Show what the app hears, until the person has seen enough."""
    shop, screen = stage.shop, stage.screen
    healthy = True
    try:
        screen.your_turn(stage.files.folder)
        while (line := person.line(_GLANCE)) != QUIT:
            if line is not None:
                screen.settings(shop.settings)
            while not shop.heard.empty():
                heard = shop.heard.get()
                screen.gap()
                screen.told(heard) if isinstance(heard, Told) else screen.reported(heard)
            was, healthy = healthy, shop.config.status().healthy
            if healthy and not was:
                screen.mended()
    except KeyboardInterrupt:
        pass
