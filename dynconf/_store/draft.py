"""A next state in the making: candidates are applied to it, and models validated against it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from dynconf._models.broken import what_broke
from dynconf._models.build import Fault, Invalid, build
from dynconf._models.compare import adopted
from dynconf._models.keys import differing, has_several_keys
from dynconf._models.names import Meaning, meanings, resolved
from dynconf._models.overlay import NO_OVERLAY, Overlay
from dynconf._models.readers import Readers
from dynconf._origin import Origin, Problem
from dynconf._store.remerge import Remerge, Speakers
from dynconf._store.seen import seen, steps_to
from dynconf._store.state import Candidate, Key, Override, Plan, Spec, State, laid_over, place_in
from dynconf._values.merge import Rank, merged
from dynconf._values.provenance import Arranged, place_of, said_of
from dynconf._values.snapshot import Layer, Names
from dynconf._values.tree import (
    MISSING,
    Delta,
    Path,
    Tree,
    combined,
    delta_paths,
    diff,
    dotted,
    find,
    nested,
)

Why: TypeAlias = Callable[[], tuple[Problem, ...]]
"""Tells why something is refused. Many a refusal is tried anew and told no more, and telling takes long."""


class Indexes:
    """What is remembered from one plan to the next to be quick; it alters no answer."""

    def __init__(self, specs: Iterable[Spec] = ()) -> None:
        self.speakers = Speakers()
        self.readers = Readers()
        self._meanings: dict[Rank, tuple[Names, tuple[Spec, ...], list[Meaning]]] = {}
        self._specs = 0
        self.learn(tuple(specs))

    def learn(self, specs: tuple[Spec, ...]) -> None:
        """Take in the specs that were added since."""
        for index in range(self._specs, len(specs)):
            self.readers.add(index, specs[index].cls, specs[index].at)
        self._specs = len(specs)

    def meanings(self, rank: Rank, names: Names, specs: tuple[Spec, ...]) -> list[Meaning]:
        """What a layer's names mean to the models."""
        known = self._meanings.get(rank)
        if known is None or known[0] is not names or known[1] is not specs:
            found = meanings(names, [(spec.cls, spec.at) for spec in specs])
            known = self._meanings[rank] = (names, specs, found)
        return known[2]


class Draft:
    """A state that is being changed; a copy of it is cheap, as everything in it is shared.

    Args:
        base: the state that it starts from.
        indexes: the store's.
        **altered: fields of the state that are to be different from the start.
    """

    def __init__(self, base: State, indexes: Indexes, **altered: Any) -> None:
        self.base = base
        self.indexes = indexes
        self.state = replace(base, **altered) if altered else base
        self._said: Delta = {}
        self._touched: frozenset[int] = frozenset()

    def apply(
        self,
        candidates: Sequence[Candidate] = (),
        *,
        raw: Delta | None = None,
        over: Delta | None = None,
        also: Iterable[int] = (),
    ) -> Why | None:
        """Take the candidates; what comes back tells why that is not valid, and is `None` if it is.

        Args:
            candidates: documents and overlays.
            raw: what else changed in how the layers merge.
            over: what changed in the overrides.
            also: models to validate whatever changed.

        Code of the user's that breaks on a content, or of ours, is a reason to refuse that as any other.
        """
        try:
            why = self._apply(candidates, raw, over, also)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            problems = (_broke_off(error),)
            return lambda: problems
        return partial(_reasons, why) if why else None

    def _apply(
        self, candidates: Sequence[Candidate], raw: Delta | None, over: Delta | None, also: Iterable[int]
    ) -> Why | None:
        before = self.state
        raw, problems = self.merge(candidates, raw or {})
        if problems:
            return lambda: problems
        said = combined(raw, over or {})
        touched = {*also, *(one.key for one in candidates if isinstance(one.key, int))}
        if self.base.loaded:
            readers, specs = self.indexes.readers, self.state.specs
            changed = diff(before.tree, self.state.tree, said)
            if self.state.overrides:  # what they hide differs below them
                changed = combined(changed, diff(before.base, self.state.base, raw))
            # What one class alone sees is no part of the tree.
            touched |= readers.touched(combined(changed, over or {}))
            # Where the tree is the same another layer may say it now, and so another of a field's keys hold.
            touched |= {one for one in readers.touched(said) if has_several_keys(specs[one].cls)}
        else:
            touched.update(range(len(self.state.specs)))
        self._said = combined(self._said, said)
        self._touched |= touched
        return self._validate(sorted(touched), candidates)

    def lay_over(self, override: Override) -> None:
        """Put one more on top of all; `apply` is to be told of it."""
        state = self.state
        under = (*state.under, state.models)
        self.state = replace(state, overrides=(*state.overrides, override), under=under)

    def take_away(self, numbers: Collection[int]) -> None:
        """Have these overrides gone; `apply` is to be told of it."""
        state = self.state
        lowest, *with_each = (*state.under, state.models)
        left = [
            (override, models)
            for override, models in zip(state.overrides, with_each, strict=True)
            if override.number not in numbers
        ]
        # Whoever read nothing of what is gone has the same model at the top as before.
        under = [lowest, *(models for _, models in left)][:-1]
        overrides = tuple(override for override, _ in left)
        self.state = replace(state, overrides=overrides, under=tuple(under))

    def cut_down(self, count: int) -> None:
        """Have only so many of the overrides, and validate nothing: all that holds then was, when it came."""
        old = self.state
        over, models = old.overrides[:count], (*old.under, old.models)[count]
        tree = merged([old.base, *laid_over(over)])
        self.state = replace(old, overrides=over, under=old.under[:count], tree=tree, models=models)
        self._said = diff({}, merged([{}, *(override.tree for override in old.overrides[count:])]))
        pairs = zip(old.models, models, strict=True)
        self._touched = frozenset(index for index, (one, other) in enumerate(pairs) if one is not other)

    def merge(
        self, candidates: Sequence[Candidate], raw: Delta | None = None
    ) -> tuple[Delta, tuple[Problem, ...]]:
        """Take the candidates into the tree, whether the models are valid with that or not.

        What comes back says what differs in how the layers merge, `raw` included, and why that
        cannot be: then the tree is as it was.
        """
        raw, reshaped = raw or {}, self.state.specs is not self.base.specs
        for candidate in candidates:
            if isinstance(candidate.key, int):
                self._put_overlay(candidate.key, candidate.content)
            else:
                layer = candidate.content if isinstance(candidate.content, Layer) else None
                delta, new_keys = self._put(candidate.key, layer)
                raw, reshaped = combined(raw, delta), reshaped or new_keys
        if reshaped:
            delta, problems = self._resolve_names()
            if problems:
                return raw, problems
            raw = combined(raw, delta)
        self._merge(raw)
        return raw, ()

    def plan(self, accepted: tuple[Candidate, ...], refused: Mapping[Key, tuple[Problem, ...]]) -> Plan:
        """The finished plan."""
        old, new = self.base, self.state
        changed = diff(old.tree, new.tree, self._said)
        kept = list(new.models)
        for index in self._touched:
            # Candidates taken one by one may have changed a model and changed it back.
            if index < len(old.models):
                kept[index] = adopted(old.models[index], kept[index])
        new = replace(new, models=tuple(kept))
        models = tuple(
            index
            for index in sorted(self._touched)
            if index >= len(old.models) or kept[index] is not old.models[index]
        )
        publishes = bool(changed) or any(index < len(old.models) for index in models)
        if publishes or new.loaded > old.loaded:
            new = replace(new, version=old.version + 1)
        paths = {*map(dotted, delta_paths(changed)), *self._overlay_paths(), *self._paths_of_one()}
        paths.update(self._paths_of_keys(new, models))
        return Plan(old, new, accepted, refused, frozenset(paths), models)

    def _overlay_paths(self) -> Iterator[str]:
        """Where what classes read themselves differs."""
        known = len(self.base.overlays)
        for index in sorted(index for index in self._touched if index < known):
            old, new = self.base.overlays[index], self.state.overlays[index]
            if old is not new:
                for path in delta_paths(diff(old.tree, new.tree)):
                    yield dotted((*self.state.specs[index].at, *path))

    def _paths_of_one(self) -> Iterator[str]:
        """What overrides that came or went say to one class alone."""
        old, new = self.base.overrides, self.state.overrides
        for override in (*old, *new) if old is not new else ():
            at = None if override.only is None else override.only.at
            if at is not None and not (override in old and override in new):
                for path in delta_paths(diff({}, find(override.tree, at))):
                    yield dotted((*at, *path))

    def _paths_of_keys(self, new: State, models: Iterable[int]) -> Iterator[str]:
        """Where another of a field's keys holds: no value need differ for that, only who says it."""
        for index in models:
            spec = new.specs[index]
            if index < len(self.base.models) and has_several_keys(spec.cls):
                for path in differing(spec.cls, seen(self.base, index), seen(new, index)):
                    yield dotted((*spec.at, *path))

    def _put_overlay(self, index: int, content: Layer | Overlay | None) -> None:
        overlay = content if isinstance(content, Overlay) else NO_OVERLAY
        overlays = list(self.state.overlays)
        overlays[index] = overlay
        self.state = replace(self.state, overlays=tuple(overlays))

    def _put(self, rank: Rank, layer: Layer | None) -> tuple[Delta, bool]:
        """Put one layer in its place; what differs, and whether keys came or went."""
        old = self.state.layers.get(rank)
        if layer is not None and layer.names is not None:
            # Its tree is found later, from its names; until then it says what it said before.
            known = (old.tree, old.variables) if old else ({}, {})
            self._set(rank, layer.resolved(*known), {})
            return {}, True
        before, after = old.tree if old else {}, layer.tree if layer else {}
        delta = diff(before, after)
        self._set(rank, layer, delta)
        return delta, any(_reshapes(before, after, path) for path in delta_paths(delta))

    def _set(self, rank: Rank, layer: Layer | None, delta: Delta) -> None:
        layers = dict(self.state.layers)
        if layer is None:
            layers.pop(rank, None)
        else:
            is_new = rank not in layers
            layers[rank] = layer
            if is_new and len(layers) > 1 and rank < next(islice(reversed(layers), 1, None)):
                layers = dict(sorted(layers.items(), key=lambda item: item[0]))
            self.indexes.speakers.note(rank, layer.tree, delta)
        self.state = replace(self.state, layers=layers)

    def _resolve_names(self) -> tuple[Delta, tuple[Problem, ...]]:
        """Find the paths of variables anew: models or the layers below may now spell them otherwise."""
        raw: Delta = {}
        problems: list[Problem] = []
        for rank, layer in [item for item in self.state.layers.items() if item[1].names is not None]:
            assert layer.names is not None
            lower = [below.tree for place, below in self.state.layers.items() if place < rank]
            found = self.indexes.meanings(rank, layer.names, self.state.specs)
            result = resolved(layer.names, found, lower[::-1])
            for name, fault in result.faults:
                origin = layer.origin_of(name)
                problems.append(Problem(dotted(fault.path), fault.expected, fault.actual, "", origin))
            delta = diff(layer.tree, result.tree)
            raw = combined(raw, delta)
            self._set(rank, layer.resolved(result.tree, result.variables), delta)
        return raw, tuple(problems)

    def _merge(self, raw: Delta) -> None:
        state = self.state
        base = state.base
        if raw:
            base = Remerge(state.layers, self.base.layers, state.rules, self.indexes.speakers)(base, raw)
        over = laid_over(state.overrides)
        self.state = replace(state, base=base, tree=merged([base, *over]) if over else base)

    def _validate(self, touched: Sequence[int], candidates: Sequence[Candidate]) -> Why | None:
        # What holds with overrides must hold without them too: they will end some time.
        levels = [list(models) for models in (*self.state.under, self.state.models)]
        refusals: list[tuple[int, int, list[Fault]]] = []
        for index in touched:
            for count, models in enumerate(levels):
                try:
                    model = self._model(index, count)
                except Invalid as error:
                    refusals.append((index, count, error.faults))
                    break
                before = models[index] if index < len(models) else None
                models[index : index + 1] = [adopted(before, model)]
        *under, validated = map(tuple, levels)
        self.state = replace(self.state, models=validated, under=tuple(under))
        return partial(_told, self.state, refusals, candidates) if refusals else None

    def _model(self, index: int, overrides: int) -> Any:
        """The model, with that many of the overrides."""
        state, spec = self.state, self.state.specs[index]
        tree = seen(state, index, overrides)
        if tree is MISSING:
            tree = self._in_the_way(spec.at, laid_over(state.overrides[:overrides], spec))
        return build(spec.cls, tree, spec.at, lambda: place_in(state.specs, spec.at))

    def _in_the_way(self, at: Path, over: Sequence[Tree]) -> Any:
        """What stands above a path where nothing is: a mapping counts as nothing, anything else is wrong."""
        whole = merged([self.state.base, *over])
        for end in range(1, len(at)):
            above = find(whole, at[:end])
            if above is not MISSING and not isinstance(above, dict):
                return above
        return MISSING


def _told(
    state: State, refusals: Iterable[tuple[int, int, list[Fault]]], candidates: Sequence[Candidate]
) -> tuple[Problem, ...]:
    """The faults of models, each with its index and how many overrides were on, and who is to blame."""
    known: Arranged = {}
    problems: list[Problem] = []
    for index, overrides, faults in refusals:
        for fault in faults:
            path, origin = _blamed(state, index, fault.path, candidates, overrides, known)
            name = state.specs[index].cls.__name__
            problems.append(Problem(dotted(path), fault.expected, fault.actual, name, origin))
    return tuple(problems)


def _blamed(
    state: State, index: int, path: Path, candidates: Sequence[Candidate], overrides: int, known: Arranged
) -> tuple[Path, Origin | None]:
    """Who says what is wrong at a path, and the path as it is spelt there: the highest that speaks of it.

    Of a whole mapping, or of something missing in it, many speak; then it is the candidate
    that does, and if not one alone does, nobody in particular.
    """
    spec, steps = state.specs[index], steps_to(state, index, path, overrides)
    for one in said_of(laid_over(state.overrides[:overrides], spec), steps)[-1:]:
        return place_of(path, steps, one), Origin("override")
    own = state.overlays[index].parts
    for one in said_of([nested(spec.at, part.tree) for part in own], steps)[-1:]:
        return place_of(path, steps, one), own[one.number].origin(one.path[len(spec.at) :])
    trees, ranks = [layer.tree for layer in state.layers.values()], list(state.layers)
    near = steps
    said = [one for one in said_of(trees, near, state.rules, known) if one.shows]
    missing = not said
    if missing:
        near = steps[:-1]
        said = [one for one in said_of(trees, near, state.rules, known) if one.shows]
    if missing or isinstance(said[-1].value, dict):
        fresh = [candidate.key for candidate in candidates]
        said = [one for key in fresh for one in said if ranks[one.number] == key]
        if len(said) != 1 and not near:
            return path, None
    for one in said[-1:]:
        layer = state.layers[ranks[one.number]]
        return place_of(path, steps, one), layer.origin((*one.path, *path[len(near) :]))
    return path, None


def _reshapes(before: Any, after: Any, path: Path) -> bool:
    """Whether keys come or go at a path that differs."""
    a, b = find(before, path), find(after, path)
    return a is MISSING or b is MISSING or isinstance(a, dict) or isinstance(b, dict)


def _reasons(why: Why) -> tuple[Problem, ...]:
    """The reasons; that they cannot be told is one as well."""
    try:
        return why()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        return (_broke_off(error),)


def _broke_off(error: BaseException) -> Problem:
    return Problem("", f"it could not be taken: {what_broke(error)}")
