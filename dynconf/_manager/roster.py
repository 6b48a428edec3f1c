"""The sources of one Config: as they were given, under which names, in which order."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from dynconf._values.source import Source
from dynconf.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """A source with its unique name and its position in the order; the highest position wins."""

    source: Source
    name: str
    position: Fraction


class Roster:
    """The ordered sources; one that was given may stand for several, as a file does for each profile.

    Args:
        profiles: what stands for `{profile}`.
    """

    def __init__(self, profiles: tuple[str, ...]) -> None:
        self.profiles = profiles
        self._given: list[_Entry] = []

    def places(self) -> list[Place]:
        """Every source in force, lowest first."""
        every = (place for entry in self._given for place in entry.places)
        return sorted(every, key=lambda place: place.position)

    def place(self, source: Source, before: Source | str | None = None) -> list[Place]:
        """Names and positions for a source: on top, or right below another.

        Raises:
            UsageError: there is no such other source, or a profile is needed and none is set.
        """
        sources = source.resolve(self.profiles)
        above = None if before is None else self._entry(before).position
        taken = {position for entry in self._given for position in entry.positions()}
        low = max((position for position in taken if above is None or position < above), default=Fraction())
        step = Fraction(1) if above is None else (above - low) / (len(sources) + 1)
        names = {place.name for place in self.places()}
        return [
            Place(one, _unique(one.name, names), low + number * step) for number, one in enumerate(sources, 1)
        ]

    def admit(self, given: Source | str, places: list[Place]) -> None:
        """Take in a source that was placed; one that stands for none keeps its position all the same."""
        top = max((position for entry in self._given for position in entry.positions()), default=Fraction())
        self._given.append(_Entry(given, places, places[0].position if places else top + 1))

    def find(self, given: Source | str) -> list[Place]:
        """The places of a source, asked for as it was given or by its name.

        Raises:
            UsageError: there is no such source, or it is one of several that were given as one.
        """
        return self._entry(given).places

    def dismiss(self, places: list[Place]) -> None:
        """Let go of a source, by the very list that `find` gave."""
        self._given = [entry for entry in self._given if entry.places is not places]

    def _entry(self, given: Source | str) -> "_Entry":
        if not isinstance(given, Source | str):
            raise UsageError(f"a source that was given, or its name, is wanted, not {type(given).__name__}")
        for entry in self._given:
            if entry.given == given:
                return entry
            if any(given in (place.source, place.name) for place in entry.places):
                if len(entry.places) == 1:
                    return entry
                several = ", ".join(place.name for place in entry.places)
                raise UsageError(f"{several} were given as one source; name that, {entry.given!r}")
        names = ", ".join(place.name for place in self.places())
        wanted = given if isinstance(given, str) else given.name
        raise UsageError(f"there is no source {wanted}; there are: {names}")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A source as it was given, the places that it stands for, and the position of the lowest."""

    given: Source | str
    places: list[Place]
    position: Fraction

    def positions(self) -> set[Fraction]:
        return {self.position, *(place.position for place in self.places)}


def profiles_of(profile: str | Sequence[str] | None) -> tuple[str, ...]:
    """The profiles to use: as given, else those that `DYNCONF_PROFILE` lists, separated by commas."""
    if profile is None:
        profile = os.environ.get("DYNCONF_PROFILE", "").split(",")
    elif isinstance(profile, str):
        profile = [profile]
    return tuple(name.strip() for name in profile if name.strip())


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}#{number}"
    taken.add(unique)
    return unique
