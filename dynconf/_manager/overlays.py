"""What classes read themselves, with pydantic-settings' own sources, when everything is read anew."""

from collections.abc import Callable

from dynconf._manager.publisher import Publisher
from dynconf._models.overlay import read_overlay
from dynconf._store.state import Candidate
from dynconf.errors import ParseError


class Overlays:
    """The overlays of the bound classes.

    Args:
        publisher: has those that serve.
        forget: drops what waits of a class.
    """

    def __init__(self, publisher: Publisher, forget: Callable[[int], object]) -> None:
        self.faults: list[ParseError] = []
        self._publisher = publisher
        self._forget = forget

    def changed(self) -> list[Candidate]:
        """What the classes' own sources say now, where that differs; what cannot be read is a fault."""
        found = []
        self.faults = []
        state = self._publisher.store.state
        for index, (spec, old) in enumerate(zip(state.specs, state.overlays, strict=True)):
            try:
                overlay = read_overlay(spec.cls)
            except ParseError as error:
                self.faults.append(error)
                self._forget(index)  # what was refused before is not what it says now
                continue
            if overlay.same_as(old):
                self._forget(index)
            else:
                found.append(Candidate(index, overlay))
        return found
