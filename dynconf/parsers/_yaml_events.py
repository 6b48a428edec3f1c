"""YAML's event stream and the places in it, with the parser's own errors made safe to show."""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.events import Event, StreamEndEvent

from dynconf.parsers._faults import fault, line_column

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_MOST_DIRECTIVES: Final = 100


def events(text: str) -> Iterator[Event]:
    """The events of `text`, but for the last.

    The parser runs no further than they are taken.

    Raises:
        ParseError: no YAML.
    """
    # The C parser compares each directive with all before it.
    if len(_DIRECTIVE.findall(text)) > _MOST_DIRECTIVES:
        raise fault(f"more than {_MOST_DIRECTIVES} YAML directives")
    try:
        loader = _LOADER(text)
        while (event := loader.get_event()).__class__ is not StreamEndEvent:
            yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The C parser's reasons are constants; those of the Python one may quote the content.
        reason = f": {error.problem}" if error.problem and _LOADER is not yaml.SafeLoader else ""
        raise fault(f"no valid YAML{reason}", (mark.line + 1, mark.column + 1) if mark else None) from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        place = line_column(before, len(before))
        raise fault("a control character, which YAML does not allow", place) from None


def place(event: Event) -> tuple[int, int]:
    """The line and column, counted from 1, at which an event begins."""
    mark: Any = event.start_mark
    return mark.line + 1, mark.column + 1


def offset(event: Event) -> int:
    """The character, counted from 0, at which an event begins."""
    mark: Any = event.start_mark
    return int(mark.index)
