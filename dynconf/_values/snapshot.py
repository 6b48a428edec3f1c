"""The immutable things that travel: updates come in, layers make a snapshot, changes go out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any, Generic, Protocol, TypeVar

from dynconf._origin import Origin
from dynconf._values.limits import Limits
from dynconf._values.secrets import OPEN, Place, masked, secret_texts
from dynconf._values.tree import MISSING, Path, copied, dotted, find, parse_path
from dynconf.errors import UsageError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Names:
    """Flat names and texts, as the environment holds them; each one's path is found when planning.

    `values` maps the full variable name to its text, `prefix` is what all of them begin with,
    `delimiter` what separates the steps of a path in a name. `ours` says that all of them are
    meant for this program; of an environment without a prefix that is not known, so names that
    nobody knows are left out. `at` is the path that all of them are mounted at. `limits`, which a
    Config puts in as its own, bound what is read of JSON in the texts.
    """

    values: Mapping[str, str] = field(repr=False)
    prefix: str = ""
    delimiter: str = "__"
    ours: bool = False
    at: Path = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Folder:
    """Flat keys with their contents, as a key-value store holds them; unfolded into a tree when read.

    `values` maps each key's name within the folder to its content, which has to be UTF-8 text and
    stays text. `delimiters` are the characters that separate a name's steps; with `indexed`, `a[0]`
    is an item of a list.
    """

    values: Mapping[str, bytes] = field(repr=False)
    delimiters: str = "/"
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """One document's complete state, as a source found it.

    Args:
        document: its name within the source: a path, a key, a data id.
        revision: its version there; the same revision always means the same content.
        content: the bytes, or a tree (nested mappings, lists and scalars), or a `Folder`, or
            `Names`; `None` says that the document is gone, which an error never does.
        format: the format asked for, if the user said one.
        type: the format that the server says, if any.
        order: places the document among its source's own; the highest wins.
        note: of a document that is gone: what is missing, where, and how to make it.
    """

    document: str
    revision: str
    content: bytes | Mapping[str, Any] | Folder | Names | None = field(repr=False)
    format: str | None = None
    type: str | None = None
    order: int | str = 0
    note: str = ""


def nowhere(path: Path) -> tuple[int, int] | None:
    """The locator of content that has no lines."""
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A document's parsed content, with its place in the order; one per document.

    `origin` is computed when asked: only then is the content read again to find the line. `update` is
    what it was made of, where that is kept; `cached` says that it comes from the cache, and when it
    was applied there, in seconds since the epoch.
    """

    source: str
    document: str
    revision: str
    tree: Mapping[str, Any] = field(repr=False)
    names: Names | None = None
    locate: Callable[[Path], tuple[int, int] | None] = nowhere
    variables: Mapping[Path, str] = field(default_factory=dict)
    update: Update | None = field(default=None, repr=False)
    cached: float | None = None

    def origin(self, path: Path = ()) -> Origin:
        """Where the value at `path` stands in this document; `()` is the document itself."""
        if self.names is not None:
            return self.origin_of(self._variable(path))
        line, column = (self.locate(path) if path else None) or (None, None)
        return Origin(self.source, self.document, self.revision, line, column)

    def origin_of(self, variable: str) -> Origin:
        """Where a variable stands in this document, which is one of names; `""` is the document itself."""
        place = self.locate((variable,)) if variable else None
        if place is None and not (self.names and self.names.ours):
            return Origin(self.source, variable)
        return Origin(self.source, self.document, self.revision, *(place or (None, None)))

    def resolved(self, tree: Mapping[str, Any], variables: Mapping[Path, str]) -> "Layer":
        """The same layer with its names' paths found; `variables` tells each path's variable."""
        return replace(self, tree=tree, variables=variables)

    def _variable(self, path: Path) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in self.variables:
                return self.variables[path[:end]]
        return ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of everything: the merged tree and the models that were valid with it.

    Both are shared between versions and must never be altered.
    """

    version: int
    tree: Mapping[str, Any] = field(repr=False)
    models: tuple[Any, ...] = field(default=(), repr=False)
    house: object = None
    """Tells one Config's versions from another's."""
    places: Callable[[], Sequence[Place]] = field(default=tuple, compare=False, repr=False)
    """Where each model stands, with what is declared secret there."""

    def secrets(self) -> Iterator[str]:
        """Every text in it that must not be shown."""
        yield from secret_texts(self.tree)
        for model, place in zip(self.models, chain(self.places(), repeat(OPEN)), strict=False):
            yield from secret_texts(model, place)


class Bound(Protocol[T_co]):
    """What names a model within a snapshot; a `Binding` is one."""

    @property
    def _index(self) -> int: ...

    @property
    def _house(self) -> object: ...

    @property
    def current(self) -> T_co: ...


class View:
    """Several models of one version: `view[settings]`, `view[cache]`."""

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def version(self) -> int:
        """The version that all of the view is of; it grows by one with every change."""
        return self._snapshot.version

    def __getitem__(self, binding: Bound[T]) -> T:
        models = self._snapshot.models
        if getattr(binding, "_house", None) is not self._snapshot.house:
            raise UsageError(f"{binding!r} is no binding of the Config that this view is of")
        if binding._index >= len(models):
            raise KeyError(f"version {self.version} is older than this binding")
        model: T = models[binding._index]
        return model

    def get(self, path: str | Path, default: Any = None) -> Any:
        """The untyped value at `path` of the merged tree, or `default`; a copy, yours to alter."""
        found = find(self._snapshot.tree, parse_path(path))
        return default if found is MISSING else copied(found)

    def __repr__(self) -> str:
        return f"<View of version {self.version}>"

    def __str__(self) -> str:
        shown = self.to_dict()["models"]
        return "\n".join(
            [f"version {self.version}", *(f"{name}: {model!r}" for name, model in shown.items())]
        )

    def to_dict(self) -> dict[str, Any]:
        """A plain form of every model, by its class's name, with secrets masked."""
        models: dict[str, Any] = {}
        places = chain(self._snapshot.places(), repeat(OPEN))
        for model, place in zip(self._snapshot.models, places, strict=False):
            name, number = type(model).__name__, 1
            while name in models:
                number += 1
                name = f"{type(model).__name__}#{number}"
            models[name] = masked(model, place)
        return {"version": self.version, "models": models}


@dataclass(frozen=True, slots=True, repr=False)
class Change(Generic[T]):
    """What a subscriber is told.

    `old` is what this subscriber saw last and `new` what holds now, both as its selector picked
    them; `paths` are the fields that differ between the two, dotted, relative to the binding (of
    all the model, where a selector picks something else than one of its parts);
    `view` shows every other model of the same `version`. With `initial` nothing changed: the
    subscriber asked to be told the present value, and `old` is `new`.
    """

    old: T
    new: T
    paths: frozenset[str]
    version: int
    view: View
    initial: bool = False

    def __repr__(self) -> str:
        return f"<Change to version {self.version}: {', '.join(sorted(self.paths)) or 'initial'}>"


__all__ = [
    "Bound",
    "Change",
    "Folder",
    "Layer",
    "Names",
    "Snapshot",
    "Update",
    "View",
    "dotted",
    "nowhere",
]
