"""The command line; all of it but this module needs the extra `cli`."""

import sys

from dynconf.errors import MissingExtra

_EXTRA = {"rich", "typer"}


def main() -> None:
    """Run the command `dynconf` with the process's own arguments, and exit with its status."""
    try:
        from dynconf.cli._commands import app  # noqa: PLC0415 - what it loads may not be installed
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.exit(str(MissingExtra("the command dynconf", "cli")))
    app(prog_name="dynconf")
