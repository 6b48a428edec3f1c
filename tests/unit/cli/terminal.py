"""The command as a person has it: in a terminal of its own, which is read until something shows."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-c", "import sys; from dynconf.cli import main; sys.exit(main())")
PATIENCE = 30.0  # seconds until a test gives up
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def environment(**more: str) -> dict[str, str]:
    """This process's, without what says how terminals look, and with `more`."""
    named = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING"}
    return {name: value for name, value in os.environ.items() if name not in named} | more


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command without a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Terminal:
    """The command in a terminal of 80 columns and 24 lines; a context manager, which ends it."""

    def __init__(self, *arguments: str, **env: str) -> None:
        self.raw = ""
        self._seen = 0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment(**{"TERM": "xterm-256color", **env}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """All that was shown so far, without colours."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    def shows(self, text: str) -> str:
        """Read on until something shows after what was waited for last; all from there on is returned."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.text.find(text, self._seen)) < 0:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"{text!r} does not show in:\n{self.text[self._seen :]}")
        self._seen, start = found + len(text), self._seen
        return self.text[start:]

    def type(self, line: str = "") -> None:
        """Type a line."""
        os.write(self._master, f"{line}\n".encode())

    def ends(self) -> int:
        """Read all that is still to come; the command's exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text[self._seen :]}"
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        """Read what is there, waiting a second for it; false at the end."""
        if not select.select([self._master], [], [], 1.0)[0]:
            return True
        try:
            some = os.read(self._master, 65536)
        except OSError:  # what Linux says when nobody holds the other side any more
            return False
        self.raw += some.decode(errors="replace")
        return bool(some)
