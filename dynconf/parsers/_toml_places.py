"""Where each value of a TOML document stands: a small reader that knows its shape only."""

import re
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from dynconf.parsers._faults import fault, line_column
from dynconf.parsers._places import Places

_BLANKS: Final = re.compile(r"[ \t]*+")
_BETWEEN: Final = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*+")
_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}+'
    r"|'''(?:[^']++|'(?!''))*+'{3,5}+"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'",
    re.DOTALL,
)
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+'""")
_BARE: Final = re.compile(r"[^,\]}\#\r\n]++")


def find_places(text: str) -> Places:
    """The offsets of all values; of a table, its header or its first key.

    Raises:
        ParseError: the text is no TOML as far as that matters here.
    """
    reader = _Reader(text)
    try:
        reader.read()
    except RecursionError:
        raise fault("nested too deeply") from None
    return Places(reader.root, partial(line_column, text), reader.starts)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.root: dict[str, Any] = {}
        self.starts: dict[int, int] = {id(self.root): 0}

    def read(self) -> None:
        table = self.root
        self.skip(_BETWEEN)
        while self.offset < len(self.text):
            if self.text.startswith("[", self.offset):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BETWEEN)

    def header(self) -> dict[str, Any]:
        start = self.offset
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.offset += brackets
        *parents, last = self.key()
        self.expect("]" * brackets)
        table = self.descend(self.root, parents, start)
        if brackets == 1:
            return self.descend(table, [last], start)
        items = table.setdefault(last, [])
        if not isinstance(items, list):
            self.fail()
        self.starts.setdefault(id(items), start)
        items.append({})
        self.starts[id(items[-1])] = start
        return items[-1]  # type: ignore[no-any-return]

    def pair(self, table: dict[str, Any]) -> None:
        start = self.offset
        *parents, last = self.key()
        self.expect("=")
        self.skip(_BLANKS)
        self.descend(table, parents, start)[last] = self.value()

    def key(self) -> list[str]:
        steps = []
        while True:
            self.skip(_BLANKS)
            steps.append(_plain(self.take(_KEY)))
            self.skip(_BLANKS)
            if not self.text.startswith(".", self.offset):
                return steps
            self.offset += 1

    def value(self) -> Any:
        start = self.offset
        first = self.text[start : start + 1]
        if first == "[":
            items: list[Any] = []
            self.starts[id(items)] = start
            self.members("]", lambda: items.append(self.value()))
            return items
        if first == "{":
            table: dict[str, Any] = {}
            self.starts[id(table)] = start
            self.members("}", lambda: self.pair(table))
            return table
        self.take(_STRING if first in ('"', "'") else _BARE)
        return start

    def members(self, end: str, member: Callable[[], None]) -> None:
        """Read what stands between brackets, divided by commas."""
        self.offset += 1
        self.skip(_BETWEEN)
        while not self.text.startswith(end, self.offset):
            member()
            self.skip(_BETWEEN)
            if self.text.startswith(",", self.offset):
                self.offset += 1
                self.skip(_BETWEEN)
            elif not self.text.startswith(end, self.offset):
                self.fail()
        self.offset += 1

    def descend(self, table: dict[str, Any], steps: list[str], start: int) -> dict[str, Any]:
        """The table at `steps`, made where it is not there; of an array of tables, the last."""
        for step in steps:
            found = table.setdefault(step, {})
            if isinstance(found, list) and found:
                found = found[-1]
            if not isinstance(found, dict):
                self.fail()
            self.starts.setdefault(id(found), start)
            table = found
        return table

    def skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self.text, self.offset):
            self.offset = match.end()

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.offset)
        if match is None:
            self.fail()
        self.offset = match.end()
        return match[0]

    def expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.offset):
            self.fail()
        self.offset += len(mark)

    def fail(self) -> NoReturn:
        raise fault("no valid TOML", line_column(self.text, self.offset))


def _plain(key: str) -> str:
    """A key without its quotes."""
    if "\\" in key:
        try:
            plain: str = tomllib.loads(f"key = {key}")["key"]
        except tomllib.TOMLDecodeError:
            raise fault("no valid TOML: a key with a wrong escape") from None
        return plain
    return key[1:-1] if key[0] in "\"'" else key
