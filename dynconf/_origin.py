"""Where a value came from: plain data that both errors and snapshots carry."""

from dataclasses import dataclass
from typing import Any


def on_one_line(text: str) -> str:
    """A text with line ends, escape sequences and the like shown as `repr` shows them.

    What is told of documents holds names and words of theirs, which would else forge lines of a log.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


@dataclass(frozen=True, slots=True)
class Origin:
    """The place that a value, or a fault, was found at.

    `source` is the source's name (`file:config/app.yaml`), `document` the one document of it
    (a path, a key, a data id, a variable's name), `revision` the document's version there (a
    content hash, a ModifyIndex, an md5). `line` and `column` count from 1 and are given where
    the format has them.
    """

    source: str
    document: str = ""
    revision: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = self.document or self.source
        if self.document and self.document not in (self.source, self.source.partition(":")[2]):
            place = f"{self.source} {self.document}"
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        return on_one_line(f"{place} (revision {self.revision})" if self.revision else place)

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form; what is not known is left out."""
        pairs = {
            "source": self.source,
            "document": self.document,
            "revision": self.revision,
            "line": self.line,
            "column": self.column,
        }
        return {name: value for name, value in pairs.items() if value not in (None, "")}


_LONGEST = 500
"""Characters of a path that a text shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a document cannot be taken. It never holds a value, and its texts have no line ends.

    `path` is the dotted path in the merged tree, `expected` what the field wants, `actual` the
    *type* that was found ("missing" when there was nothing), `model` the settings class asking.
    """

    path: str
    expected: str
    actual: str = ""
    model: str = ""
    origin: Origin | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", on_one_line(self.path))
        object.__setattr__(self, "expected", on_one_line(self.expected))

    def __str__(self) -> str:
        if not self.path:
            text = f"{self.expected} [{self.model}]" if self.model else self.expected
            return f"{self.origin}: {text}" if self.origin else text
        path = self.path if len(self.path) <= _LONGEST else f"{self.path[:_LONGEST]}…"
        text = f"{path}: {self.expected}"
        if self.actual:
            text += f", got {self.actual}"
        if self.model:
            text += f" [{self.model}]"
        return f"{text} at {self.origin}" if self.origin else text

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form; what is not known is left out."""
        pairs: dict[str, Any] = {
            "path": self.path,
            "expected": self.expected,
            "actual": self.actual,
            "model": self.model,
        }
        found = {name: value for name, value in pairs.items() if value}
        if self.origin:
            found["origin"] = self.origin.to_dict()
        return found
