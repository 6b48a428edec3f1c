"""What is current, what may become current, and what a change consists of: immutable records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from dynconf._models.overlay import Overlay
from dynconf._models.places import place_at
from dynconf._models.schema import Model
from dynconf._origin import Problem
from dynconf._values.merge import Merge, Rank, Rules
from dynconf._values.secrets import Place
from dynconf._values.snapshot import Layer, Snapshot
from dynconf._values.tree import Path, Tree
from dynconf.errors import ChangeRefused

Key: TypeAlias = Rank | int
"""What a change is of: a document by its rank, or the overlay of the model with that index."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A settings class bound at a path."""

    cls: Model
    at: Path = ()


def place_in(specs: Sequence[Spec], path: Path) -> Place:
    """What the bound classes say of a path of the tree: whether that, or what is below, is secret."""
    return place_at(((spec.cls, spec.at) for spec in specs), path)


def places_of(specs: Sequence[Spec]) -> list[Place]:
    """Where each model stands."""
    root = place_in(specs, ())
    return [root.at(spec.at) for spec in specs]


@dataclass(frozen=True, slots=True)
class Candidate:
    """New content for one document or overlay, waiting to be taken; `None`: the layer goes."""

    key: Key
    content: Layer | Overlay | None


@dataclass(frozen=True, slots=True)
class Override:
    """A tree laid over everything for a while.

    With `only` it is laid over what a class sees that is bound at a path, and over nothing else.
    """

    number: int
    tree: Tree
    only: Spec | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is current; replaced whole by a commit, never altered.

    `layers` stand lowest first; `base` is what they merge to, `tree` the same with the overrides
    on top. `models` and `overlays` stand in the order of `specs`. For each override, `under` has the
    models as they are with those only that were laid over before it: what serves once it has ended.
    """

    version: int = 0
    loaded: bool = False
    specs: tuple[Spec, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    layers: dict[Rank, Layer] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    policies: tuple[tuple[Path, Merge, str], ...] = ()
    rules: Rules | None = None
    base: Tree = field(default_factory=dict)
    tree: Tree = field(default_factory=dict)
    models: tuple[Any, ...] = ()
    under: tuple[tuple[Any, ...], ...] = ()
    house: object = field(default_factory=object)

    @property
    def snapshot(self) -> Snapshot:
        """What readers see of it."""
        return Snapshot(self.version, self.tree, self.models, self.house, partial(places_of, self.specs))


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become current, and what was refused on the way.

    `paths` are those of the merged tree that differ, `models` the indexes of those that do.
    """

    base: State
    state: State
    accepted: tuple[Candidate, ...] = ()
    refused: Mapping[Key, tuple[Problem, ...]] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    models: tuple[int, ...] = ()

    def raise_if_refused(self) -> None:
        """Raise `ChangeRefused`, with every problem once, if anything was refused."""
        problems = dict.fromkeys(problem for group in self.refused.values() for problem in group)
        if problems:
            raise ChangeRefused(list(problems))

    @property
    def publishes(self) -> bool:
        """Whether anybody could see a difference."""
        return self.state.version != self.base.version


def laid_over(overrides: Iterable[Override], spec: Spec | None = None) -> list[Tree]:
    """The trees of some overrides, as far as a class sees them that is bound so, or everybody does."""
    return [one.tree for one in overrides if one.only is None or one.only == spec]
