"""Which places of a tree hold secrets, as the classes that read them say."""

from collections.abc import Iterable

from dynconf._models.schema import Model
from dynconf._models.shape import ANY, OTHER, Shape, described
from dynconf._values.lazily import lazily
from dynconf._values.secrets import SECRET, Place, looks_secret
from dynconf._values.tree import Path


def place_at(bound: Iterable[tuple[Model, Path]], path: Path) -> Place:
    """What the classes, each bound at its path, say of another path."""
    root = Shape()
    for cls, at in bound:
        if all(str(one) == str(other) for one, other in zip(at, path, strict=False)):
            root.put(at, Shape(kinds=[cls]))
    return Declared([root]).at(path)


class Declared(Place):
    """A place of which classes say what it holds, too.

    What they say is looked up one step at a time: a class may hold itself.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self._shapes = _standing(shapes)
        self._below: dict[str, Place] = {}
        super().__init__(secret=any(shape.secret for shape in self._shapes))

    @lazily
    def hidden(self) -> bool:
        """Whether this, or anything below, is secret: a text may stand for all that is below."""
        seen: set[Shape] = set()
        following = self._shapes
        while following and not any(shape.secret for shape in following):
            seen.update(following)
            deeper = (below for shape in following for parts in shape.parts.values() for below in parts)
            following = _standing(deeper) - seen
        return bool(following)

    def child(self, step: str | int) -> Place:
        """Where a step leads."""
        if self.secret or looks_secret((step,)):
            return SECRET
        known = str(step) if any(str(step) in shape.parts for shape in self._shapes) else ANY
        if known not in self._below:
            named = (
                shape.parts.get(key, ())
                for shape in self._shapes
                for key in {known, ANY, *(() if known != ANY and known in shape.parts else (OTHER,))}
            )
            self._below[known] = Declared(below for parts in named for below in parts)
        return self._below[known]


def _standing(shapes: Iterable[Shape]) -> set[Shape]:
    """The shapes, and what else stands at their place: in their classes, and in texts."""
    found: set[Shape] = set()
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if shape not in found:
            found.add(shape)
            waiting += [*shape.within, *map(described, shape.kinds)]
    return found
