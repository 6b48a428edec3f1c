"""What the command `dynconf` can do, with its options and help texts."""

import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from dynconf.cli.demo import PACE, TIMEOUT, play

app = typer.Typer(
    help="Dynamic configuration: files, servers and the environment as one typed, live settings object.",
    no_args_is_help=True,
    add_completion=False,
    # Tracebacks with the values of variables could show what is in a configuration.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"dynconf {version('dynconf')}")
        raise typer.Exit


@app.callback()
def _dynconf(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="PATH",
            file_okay=False,
            help="Put the files into this new or empty folder, and leave them there.",
            show_default="a temporary folder",
        ),
    ] = None,
    pace: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long to rest after each step, in a terminal."),
    ] = PACE,
    timeout: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long to wait for each change before giving up."),
    ] = TIMEOUT,
) -> None:
    """Watch a small app whose settings stay live while its files are edited, well and badly.

    In a terminal, you can then edit the files yourself. Nothing but local files is used.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter("this folder is not empty", param_hint="--dir")
    # Ended from outside, or with its terminal closed, it still clears its temporary folder away.
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    raise typer.Exit(play(folder, pace=pace, timeout=timeout))
