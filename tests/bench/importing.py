"""What `import dynconf` costs a program that starts, in fresh processes."""

import os
import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory

from tests.bench._measure import Subject, medians
from tests.bench._report import Line

ROUNDS = 15
MOST = 1.15
_PROGRAM = """
import time
before = time.process_time()
{}
print(time.process_time() - before)
"""


def measure() -> list[Line]:
    """The package alone, and with the names that a first program takes."""
    with TemporaryDirectory() as folder:
        importing = partial(_importing, folder)
        took = medians(
            ROUNDS,
            {
                "alone": importing("import dynconf"),
                "names": importing("from dynconf import Config, File, Settings"),
                "pydantic": importing("import pydantic_settings"),
                "its names": importing("from pydantic_settings import BaseSettings"),
            },
        )
    names = "from dynconf import Config, File, Settings"
    return [
        Line("import dynconf", took["alone"], "import pydantic_settings", took["pydantic"], "ratio", MOST),
        Line(names, took["names"], "... import BaseSettings", took["its names"], "ratio", MOST),
    ]


def _importing(folder: str, statement: str) -> Subject:
    """Processor time, which a busy machine alters least.

    The round that does not count leaves everybody's byte code in `folder`, as an installation does.
    """
    command = [sys.executable, "-c", _PROGRAM.format(statement)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = folder
    run = partial(subprocess.run, command, env=environment, check=True, capture_output=True, text=True)
    return lambda: float(run().stdout)
