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
        self._given: list[tuple[Source | str, list[Place]]] = []

    def places(self) -> list[Place]:
        """Every source in force, lowest first."""
        return sorted(
            (place for _, places in self._given for place in places), key=lambda place: place.position
        )

    def place(self, source: Source, before: Source | str | None = None) -> list[Place]:
        """Names and positions for a source: on top, or right below another.

        Raises:
            UsageError: there is no such other source, or a profile is needed and none is set.
        """
        sources = source.resolve(self.profiles)
        known = self.places()
        above = next((place.position for place in self.find(before)), None) if before is not None else None
        low = max(
            (place.position for place in known if above is None or place.position < above), default=Fraction()
        )
        step = Fraction(1) if above is None else (above - low) / (len(sources) + 1)
        taken = {place.name for place in known}
        return [
            Place(one, _unique(one.name, taken), low + number * step) for number, one in enumerate(sources, 1)
        ]

    def admit(self, given: Source | str, places: list[Place]) -> None:
        """Take in a source that was placed."""
        self._given.append((given, places))

    def find(self, given: Source | str) -> list[Place]:
        """The places of a source, asked for as it was given or by its name.

        Raises:
            UsageError: there is no such source.
        """
        for known, places in self._given:
            if known == given or any(given in (place.source, place.name) for place in places):
                return places
        names = ", ".join(place.name for place in self.places())
        raise UsageError(
            f"there is no source {given if isinstance(given, str) else given.name}; there are: {names}"
        )

    def dismiss(self, places: list[Place]) -> None:
        """Let go of a source, by the very list that `find` gave."""
        self._given = [item for item in self._given if item[1] is not places]


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
