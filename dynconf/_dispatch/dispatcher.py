"""Who is to be told of a change: an index of all interests, asked once for every commit."""

import threading
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dynconf._host.host import Host
from dynconf._host.process import renew_in_children
from dynconf._models.compare import changed_fields
from dynconf._values.path_index import PathIndex
from dynconf._values.snapshot import Snapshot
from dynconf._values.tree import Path
from dynconf.errors import DynconfError


class Interest(Protocol):
    """One interest in one model, as `_subscriptions` has several kinds of.

    `index` is the model's place in a snapshot, `path` the fields to look at; `()` for all.
    """

    index: int
    path: Path

    def begin(self, snapshot: Snapshot, *, tell: bool) -> None:
        """Take a snapshot as what is known; with `tell`, tell of it."""
        ...

    def consider(self, snapshot: Snapshot) -> None:
        """Tell of a snapshot if what one looks at differs in it."""
        ...

    def stopped(self) -> None:
        """Nothing more will come until the next start."""
        ...

    def resumed(self) -> None:
        """A new host is there: whatever was under way on another is not any more."""
        ...

    def forked(self, snapshot: Snapshot | None) -> None:
        """This is a forked child: no thread of before is there, which may have been about to tell of that."""
        ...


class ErrorInterest(Protocol):
    """An interest in what went wrong."""

    def put(self, error: DynconfError) -> None:
        """Tell of an error."""
        ...

    def resumed(self) -> None:
        """A new host is there: whatever was under way on another is not any more."""
        ...

    def forked(self) -> None:
        """This is a forked child: no thread of before is there."""
        ...


class StandingInterest(Protocol):
    """An interest in how it stands with the sources."""

    def put(self) -> None:
        """It may stand otherwise now."""
        ...

    def stopped(self) -> None:
        """Nobody follows the sources any more."""
        ...

    def resumed(self) -> None:
        """A new host is there: whatever was under way on another is not any more."""
        ...

    def forked(self) -> None:
        """This is a forked child: no thread of before is there."""
        ...


class _Group:
    """Those who look at one model."""

    def __init__(self) -> None:
        self.selecting: dict[Interest, None] = {}
        self.by_path: PathIndex[Interest] = PathIndex()


class Dispatcher:
    """All who are to be told, of one Config.

    Its lock guards the index and the slots; reading settings never takes it.
    """

    def __init__(self) -> None:
        self.host: Host | None = None
        self._renew_lock()
        renew_in_children(self._renew_lock)
        self._snapshot: Snapshot | None = None
        self._everyone: dict[Interest, None] = {}
        self._groups: dict[int, _Group] = {}
        self._waiting: dict[Interest, bool] = {}
        self._on_error: dict[ErrorInterest, None] = {}
        self._on_standing: dict[StandingInterest, None] = {}

    def _renew_lock(self) -> None:
        self.lock: AbstractContextManager[object] = threading.RLock()

    def add(self, interest: Interest, *, immediate: bool) -> None:
        """Start telling: nothing old, unless `immediate`."""
        with self.lock:
            self._everyone[interest] = None
            group = self._groups.setdefault(interest.index, _Group())
            if interest.path:
                group.by_path.add(interest.path, interest)
            else:
                group.selecting[interest] = None
            if self._snapshot is not None and interest.index < len(self._snapshot.models):
                interest.begin(self._snapshot, tell=immediate)
            else:
                self._waiting[interest] = immediate

    def discard(self, interest: Interest) -> None:
        """Stop telling."""
        with self.lock:
            if interest in self._everyone:
                del self._everyone[interest]
                self._waiting.pop(interest, None)
                group = self._groups[interest.index]
                group.selecting.pop(interest, None)
                group.by_path.discard(interest.path, interest)

    def add_errors(self, interest: ErrorInterest) -> None:
        """Start telling of errors."""
        with self.lock:
            self._on_error[interest] = None

    def discard_errors(self, interest: ErrorInterest) -> None:
        """Stop telling of errors."""
        with self.lock:
            self._on_error.pop(interest, None)

    def add_standing(self, interest: StandingInterest) -> None:
        """Start telling that it may stand otherwise with the sources."""
        with self.lock:
            self._on_standing[interest] = None

    def discard_standing(self, interest: StandingInterest) -> None:
        """Stop telling of how it stands."""
        with self.lock:
            self._on_standing.pop(interest, None)

    def publish(self, new: Snapshot, models: tuple[int, ...]) -> None:
        """Tell everyone whose value differs; `models` are the indexes of those that do."""
        with self.lock:
            old, self._snapshot = self._snapshot, new
            known = len(old.models) if old else 0
            for index in models:
                group = self._groups.get(index)
                if old is not None and group is not None and index < known:
                    self._tell(group, old.models[index], new.models[index], new)
            for interest in [one for one in self._waiting if one.index < len(new.models)]:
                tell = self._waiting.get(interest)
                if tell is not None:
                    interest.begin(new, tell=tell)
                    self._waiting.pop(interest, None)

    def _tell(self, group: _Group, old: Any, model: Any, new: Snapshot) -> None:
        # Selectors are the user's code, which may subscribe and close: copies are walked.
        concerned = (*group.selecting, *group.by_path.touched(changed_fields(old, model)))
        everyone = self._everyone
        for interest in concerned:
            if interest in everyone:
                interest.consider(new)

    def report(self, error: DynconfError) -> None:
        """Tell of an error."""
        with self.lock:
            for interest in tuple(self._on_error):
                interest.put(error)

    def stands_otherwise(self) -> None:
        """Have those look who follow how it stands with the sources."""
        if self._on_standing:
            with self.lock:
                for interest in tuple(self._on_standing):
                    interest.put()

    def stopped(self) -> None:
        """Nothing more will come until the next start."""
        with self.lock:
            self.host = None
            for standing in tuple(self._on_standing):
                standing.stopped()
            for interest in tuple(self._everyone):
                interest.stopped()

    def forked(self, snapshot: Snapshot | None) -> None:
        """Carry over into a forked child.

        Args:
            snapshot: what is published; a thread that is no more may not have told everyone of it.
        """
        self._snapshot = snapshot
        for interest in self._everyone:
            interest.forked(None if interest in self._waiting else snapshot)
        for errors in self._on_error:
            errors.forked()
        for standing in self._on_standing:
            standing.forked()

    def resumed(self, host: Host) -> None:
        """Have whoever was not told yet told on a new host."""
        self.host = host
        with self.lock:
            for interest in tuple(self._everyone):
                interest.resumed()
            for errors in tuple(self._on_error):
                errors.resumed()
            for standing in tuple(self._on_standing):
                standing.resumed()
