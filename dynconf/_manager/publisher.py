"""Making a plan current: the one place where what readers see is replaced."""

import logging
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dynconf._dispatch.dispatcher import Dispatcher
from dynconf._host.inbox import trace
from dynconf._models.overlay import NO_OVERLAY, Overlay, read_overlay
from dynconf._origin import on_one_line
from dynconf._store.state import Candidate, Plan, Spec, State
from dynconf._store.store import Store
from dynconf._values.clock import Clock
from dynconf._values.snapshot import Layer, Snapshot
from dynconf._values.tree import Tree, delta_paths, diff, dotted
from dynconf.errors import NotStarted

_SHOWN, _LONGEST = 50, 200
"""Paths that a version's text names at most, and characters of each."""
_KEPT = 1000
"""Paths that the history keeps of a version at most, and characters that each of them may have."""

logger = logging.getLogger("dynconf.config")


@dataclass(frozen=True, slots=True)
class Applied:
    """One version: when it came (seconds since the epoch), what brought it, which paths differ.

    `documents` holds source, document and revision of each. `left_out` is how many paths are not among
    `paths`: in the history that is what is over the first 1000 of a version, or longer than 1000 characters.
    """

    version: int
    at: float
    paths: tuple[str, ...]
    documents: tuple[tuple[str, str, str], ...] = ()
    left_out: int = 0

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.at).astimezone().isoformat(" ", "seconds")
        return f"{when} {self.summary}"

    @property
    def summary(self) -> str:
        """The same in words, without the time."""
        by = ", ".join(
            " ".join(filter(None, (document or source, revision)))
            for source, document, revision in self.documents
        )
        others = max(0, len(self.paths) - _SHOWN) + self.left_out
        paths = ", ".join(path[:_LONGEST] for path in self.paths[:_SHOWN])
        if others:
            paths = f"{paths} and {others} more" if paths else f"{others} not named"
        text = f"version {self.version}: {paths or 'nothing differs'}"
        return on_one_line(f"{text} (by {by})" if by else text)

    def to_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready form."""
        names = ("source", "document", "revision")
        documents = [dict(zip(names, document, strict=True)) for document in self.documents]
        return {
            "version": self.version,
            "at": self.at,
            "paths": list(self.paths),
            "left_out": self.left_out,
            "documents": documents,
        }

    def to_keep(self) -> "Applied":
        """The same without the paths that are too many, or too long, to be kept for twenty versions."""
        paths = tuple(path for path in self.paths if len(path) <= _KEPT)[:_KEPT]
        return replace(self, paths=paths, left_out=self.left_out + len(self.paths) - len(paths))


class Publisher:
    """The store, what readers see of it, and who is told. It outlives starts, stops and forks.

    Args:
        store: the state to begin with.
        clock: for the history's times.
        set_current: gives one binding its model; a C-level setter, so that nothing else runs
            between two bindings' turns.
        nothing: what a binding shows before the first load.
    """

    def __init__(
        self, store: Store, clock: Clock, set_current: Callable[[Any, Any], None], nothing: Any
    ) -> None:
        self.store: Store = store
        self.clock = clock
        self.dispatcher: Dispatcher = Dispatcher()
        self.history: deque[Applied] = deque(maxlen=20)
        self.snapshot: Snapshot | None = None
        self._set_current = set_current
        self._nothing = nothing
        self._bindings: list[weakref.ref[Any]] = []

    def plan_bind(self, spec: Spec, binding: Any) -> Plan:
        """What binding a class would give; the binding, held weakly, shows its model once committed."""
        index = len(self.store.state.specs)
        self._bindings[index:] = [weakref.ref(binding)]
        binding._index = index
        overlay = read_overlay(spec.cls) if self.store.state.loaded else NO_OVERLAY
        return self.store.plan_bind(spec, overlay)

    def bound(self) -> list[tuple[Any, Spec]]:
        """Every binding that is still there, with what it binds."""
        found = [(one(), spec) for one, spec in zip(self._bindings, self.store.state.specs, strict=False)]
        return [(binding, spec) for binding, spec in found if binding is not None]

    def preview(self, binding: Any, model: Any) -> None:
        """Before the first load, show a model made of overrides; `None` takes it away again."""
        self._set_current(binding, self._nothing if model is None else model)

    def seen(self) -> Snapshot:
        """What readers see.

        Raises:
            NotStarted: nothing was loaded yet.
        """
        if self.snapshot is None:
            raise NotStarted("nothing is loaded yet: call start() or load(), or use `with config:`, first")
        return self.snapshot

    def commit(self, plan: Plan) -> Applied | None:
        """Make a plan current and tell everyone; `None` if it was made from a state that is no more."""
        if not self.store.commit(plan):
            return None
        documents = tuple(dict.fromkeys(item for one in plan.accepted for item in _documents(one, plan.base)))
        if plan.state.overrides != plan.base.overrides:
            documents += (("override", "", ""),)
        paths = plan.paths
        if not plan.base.loaded and self.snapshot is not None:  # started again
            paths = frozenset(map(dotted, delta_paths(diff(self.snapshot.tree, plan.state.tree))))
        applied = Applied(plan.state.version, self.clock.time(), tuple(sorted(paths)), documents)
        if plan.publishes:
            self.history.append(applied.to_keep())
            logger.info("%s", applied.summary)
        if plan.publishes or plan.models:
            self._publish(plan.state, plan.models)
        return applied

    def applied_since(self, version: int, *known: Applied) -> Applied:
        """All that was published after a version, as one: what is known of it, and the last 20 versions."""
        kept = [one for one in self.history if one.version > version]
        later = [*(one for one in known if one.version > version), *kept]
        paths = {path for one in later for path in one.paths}
        documents = dict.fromkeys(document for one in later for document in one.documents)
        # What is known may tell of the paths that the history has left out.
        found = len(paths) - len({path for one in kept for path in one.paths})
        left_out = max(0, sum(one.left_out for one in kept) - found)
        now = self.store.state.version
        return Applied(now, self.clock.time(), tuple(sorted(paths)), tuple(documents), left_out)

    def rewind(self) -> Store:
        """Before another first load: forget the layers, but not what readers see; gives what was before."""
        before, state = self.store, self.store.state
        if state.loaded or state.layers:
            overlays = (NO_OVERLAY,) * len(state.specs)
            empty: Tree = {}
            state = replace(state, loaded=False, layers={}, base=empty, tree=empty, overlays=overlays)
        self.store = Store(state=state)
        return before

    def restore(self, before: Store) -> None:
        """After a first load that failed: go back to what readers still see."""
        if before.state.loaded and before.state.specs == self.store.state.specs:
            self.store = before

    def forked(self) -> None:
        """In a forked child: the parent may have been in the middle of a commit."""
        self.store = Store(state=self.store.state)
        if self.store.state.loaded:
            self._publish(self.store.state, tuple(range(len(self.store.state.models))), tell=False)
        self.dispatcher.forked(self.snapshot)

    def _publish(self, state: State, models: tuple[int, ...], *, tell: bool = True) -> None:
        old = self.snapshot
        snapshot = state.snapshot
        held = [(binding, snapshot.models[index]) for index in models if (binding := self._bindings[index]())]
        self.snapshot = snapshot
        # One C call sets every slot, so two bare reads hardly ever see two versions; the old
        # models live until after it, as their finalizers would run in between.
        deque(map(self._set_current, *zip(*held, strict=True)) if held else (), maxlen=0)
        del old
        if tell:
            try:
                self.dispatcher.publish(snapshot, models)
            except Exception as error:  # noqa: BLE001 - it serves already; that is not to be undone by half
                logger.error("telling of version %d failed\n%s", snapshot.version, trace(error))


def _documents(candidate: Candidate, base: State) -> list[tuple[str, str, str]]:
    """Source, document and revision of what a candidate brought."""
    content = candidate.content
    if isinstance(content, Layer):
        return [(content.source, content.document, content.revision)]
    if isinstance(content, Overlay):
        return [(part.name, "", "") for part in content.parts]
    layer = base.layers.get(candidate.key) if isinstance(candidate.key, tuple) else None
    return [(layer.source, layer.document, "gone")] if layer else []
