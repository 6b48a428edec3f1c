"""Checks, when a source is declared, of what else would only show when its content comes."""

from collections.abc import Sequence
from typing import Final

from dynconf._values.tree import parse_path
from dynconf.errors import UsageError
from dynconf.parsers._formats import choose

PROFILE: Final = "{profile}"
"""What stands for each of the profiles in the name of a document."""


def for_profiles(name: str, document: str, profiles: Sequence[str], *, optional: bool) -> tuple[str, ...]:
    """The documents that a name stands for under the given profiles.

    Raises:
        UsageError: it asks for a profile, has to be there, and there is none.
    """
    if PROFILE not in document:
        return (document,)
    if not profiles and not optional:
        raise UsageError(
            f"{name}: the path asks for a profile and none is chosen;"
            " give Config(profile=...) or set DYNCONF_PROFILE"
        )
    return tuple(document.replace(PROFILE, profile) for profile in profiles)


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


def check_options(on_missing: str, settle: float) -> None:
    """Refuse options that no source can have.

    Raises:
        UsageError: one is not what it can be.
    """
    if on_missing not in {"keep", "drop"}:
        raise UsageError(f"on_missing is 'keep' or 'drop', not {on_missing!r}")
    if not settle >= 0:
        raise UsageError("settle is a number of seconds, 0 or more")
