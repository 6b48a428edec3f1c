"""Checks, when a source is declared, of what else would only show when its content comes."""

from dynconf._values.tree import parse_path
from dynconf.parsers._formats import choose


def known_format(name: str | None) -> str | None:
    """The name of a format, as it was given.

    Raises:
        UsageError: there is no such format.
    """
    if name is not None:
        choose("", name, None)
    return name


def mount_point(path: str) -> str:
    """A dotted path to mount a document at, as it was given.

    Raises:
        UsageError: it is no path.
    """
    parse_path(path)
    return path
