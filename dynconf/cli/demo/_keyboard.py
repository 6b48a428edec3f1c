"""Lines that a person types, waited for with a limit, so that the program can go on meanwhile."""

import select
from typing import TextIO

QUIT = "q"


class Keyboard:
    """A terminal's input, line by line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, seconds: float) -> str | None:
        """The next line without blanks around it, `None` if none came in time, `QUIT` at the end of input."""
        if not select.select([self._stream], [], [], seconds)[0]:
            return None
        line = self._stream.readline()
        return line.strip() if line else QUIT
