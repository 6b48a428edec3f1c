"""What was seen last of one model, and a slot for what is new."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

from dynconf._host.inbox import trace
from dynconf._models.compare import changed_fields, equal, field_value
from dynconf._values.snapshot import Change, Snapshot, View
from dynconf._values.tree import MISSING, Path, delta_paths, dotted

T = TypeVar("T")
Selector: TypeAlias = Callable[[Any], Any]

logger = logging.getLogger("dynconf.subscriptions")


class Watch(Generic[T]):
    """What was seen last of one model, and a slot for what is new: the latest wins."""

    def __init__(
        self,
        index: int,
        wake: Callable[[], object],
        name: str,
        path: Path = (),
        select: Selector | None = None,
    ) -> None:
        self.index = index
        self.path = path
        self.ended = False
        self._wake = wake
        self._name = name
        self._pick = select or (partial(field_value, path=path) if path else _itself)
        self._latest: Any = MISSING
        self._seen: tuple[Any, Any] = (None, MISSING)
        self._mail: Snapshot | None = None
        self._taken: tuple[Snapshot, tuple[Any, Any]] | None = None
        self._initial = False

    def begin(self, snapshot: Snapshot, *, tell: bool) -> None:
        model = snapshot.models[self.index]
        self._latest = self._value(model)
        self._seen = (model, self._latest)
        if tell and self._latest is not MISSING:
            self._initial = True
            self._mail = snapshot
            self._wake()

    def consider(self, snapshot: Snapshot) -> None:
        try:
            value = self._pick(snapshot.models[self.index])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            self._failed(error)
            return
        if value is self._latest or equal(value, self._latest):
            return
        self._mail = snapshot
        self._latest = value
        self._wake()

    def stopped(self) -> None:
        self.ended = True
        self._wake()

    def resumed(self) -> None:
        pass

    def forked(self, snapshot: Snapshot | None) -> None:
        self.untake()
        if snapshot is not None:
            # The parent may not have come to consider it; no code of the user's is run to find out.
            self._mail = snapshot
            self._latest = MISSING

    def take(self) -> Change[T] | None:
        """Empty the slot; `None` if it was empty, or held what this subscriber saw already.

        `told` or `untake` has to follow.
        """
        snapshot, initial = self._mail, self._initial
        if snapshot is None:
            return None
        model = snapshot.models[self.index]
        value = self._value(model)
        old_model, old = (model, value) if initial else self._seen
        if value is MISSING or (not initial and equal(value, old)):
            self._mail = None
            return None
        # In this order, as a fork may come in between.
        self._taken = snapshot, (model, value)
        self._mail = None
        old = value if old is MISSING else old
        differing = delta_paths(changed_fields(old_model, model))
        within = self.path or _place(value, model)
        paths = frozenset(dotted(path) for path in differing if _meet(within, path))
        return Change(old, value, paths, snapshot.version, View(snapshot), initial)

    def told(self) -> None:
        """What was taken has been seen."""
        if self._taken is not None:
            self._seen = self._taken[1]
            self._taken = None
            self._initial = False

    def untake(self) -> None:
        """What was taken has not been seen; what came since is newer and stays."""
        if self._taken is not None:
            self._mail = self._mail or self._taken[0]
            self._taken = None

    def _value(self, model: Any) -> Any:
        try:
            return self._pick(model)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            self._failed(error)
            return self._latest

    def _failed(self, error: BaseException) -> None:
        logger.error("the selector of %s failed; its old value stands\n%s", self._name, trace(error))


def _meet(a: Path, b: Path) -> bool:
    """Whether one path lies on, above or below the other."""
    return all(str(one) == str(other) for one, other in zip(a, b, strict=False))


def _place(value: Any, model: Any) -> Path:
    """Where in a model a selected sub-model stands, if that is one place; else everywhere."""
    try:
        places = list(islice(_places_of(value, model), 2))
    except RecursionError:  # the model holds itself
        return ()
    return places[0] if len(places) == 1 else ()


def _places_of(value: Any, model: Any) -> Iterator[Path]:
    if isinstance(value, BaseModel) and isinstance(model, BaseModel):
        for name, item in model.__dict__.items():
            if item is value:
                yield (name,)
            else:
                yield from ((name, *below) for below in _places_of(value, item))


def _itself(model: Any) -> Any:
    return model
