"""The pure state machine: what would a change make of the configuration, and is it valid?

`Store.plan(...)` answers without altering anything; `Store.commit(plan)` makes the answer
current. No clock, no I/O, no threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import combinations

from dynconf._models.overlay import NO_OVERLAY, Overlay
from dynconf._models.schema import merges_of
from dynconf._store.draft import Draft, Indexes, Why
from dynconf._store.state import Candidate, Key, Override, Plan, Spec, State
from dynconf._values.merge import Merge, merged, rules_of
from dynconf._values.tree import Path, Tree, delta_of, diff, parse_path

MOST_IN_PAIRS = 16
"""How many refused candidates are at most tried two by two."""


class Store:
    """Holds the current `State` and plans the next."""

    def __init__(self, policies: Mapping[str, Merge] | None = None, state: State | None = None) -> None:
        """Start empty, or from another store's state (in a forked child)."""
        if state is None:
            said = tuple(
                (parse_path(path), merge, "Config(merge=…)") for path, merge in (policies or {}).items()
            )
            state = State(policies=said, rules=rules_of(said))
        self.state: State = state
        self._indexes = Indexes(state.specs)

    def plan(self, candidates: Sequence[Candidate], *, whole: bool = False) -> Plan:
        """What taking the candidates, oldest first, would give.

        If they are not valid together, each is taken that is valid with those taken before it,
        and then every two that are so together, until nothing is left that is; with `whole`, then
        none is taken at all.
        """
        draft = Draft(self.state, self._indexes, loaded=True)
        why = draft.apply(candidates)
        if not why:
            return draft.plan(tuple(candidates), {})
        if len(candidates) == 1 or whole:
            return self._refused(why, *(candidate.key for candidate in candidates))
        return self._one_by_one(candidates)

    def _one_by_one(self, candidates: Sequence[Candidate]) -> Plan:
        draft = Draft(self.state, self._indexes, loaded=True)
        waiting, accepted = list(candidates), list[Candidate]()
        refused: dict[Key, Why] = {}
        progress = True
        while progress:
            progress = False
            for group in _groups(waiting):
                if not all(candidate in waiting for candidate in group):
                    continue
                trial = copy(draft)
                why = trial.apply(group)
                if why and len(group) == 1:
                    refused[group[0].key] = why
                elif not why:
                    draft, progress = trial, True
                    accepted += group
                    for candidate in group:
                        waiting.remove(candidate)
                        refused.pop(candidate.key, None)
                    if len(group) > 1:
                        break  # what is left may now fit alone
        return draft.plan(tuple(accepted), {key: why() for key, why in refused.items()})

    def plan_bind(self, spec: Spec, overlay: Overlay = NO_OVERLAY) -> Plan:
        """What binding another class would give; its model is the last one.

        Raises:
            UsageError: its merge policies contradict those of another.
        """
        state = self.state
        added = tuple(merges_of(spec.cls, spec.at))
        policies = (*state.policies, *added)
        draft = Draft(
            state,
            self._indexes,
            specs=(*state.specs, spec),
            overlays=(*state.overlays, overlay),
            policies=policies,
            rules=rules_of(policies) if added else state.rules,
        )
        if not state.loaded:
            return Plan(state, draft.state)
        known = {path for path, _, _ in state.policies}
        places = {_up_to_wildcard(path) for path, _, _ in added if path not in known}
        fresh = dict.fromkeys(state.base, True) if () in places else delta_of(places)
        why = draft.apply(raw=fresh, also=[len(state.specs)])
        return self._refused(why, len(state.specs)) if why else draft.plan((), {})

    def plan_override(self, numbers: Sequence[int], tree: Tree | None, only: Spec | None = None) -> Plan:
        """What laying `tree` over everything, or with `None` taking these away again, would give.

        With `only`, it is laid over what a class sees that is bound so.
        """
        state, draft = self.state, Draft(self.state, self._indexes)
        if tree is None:
            draft.take_away(numbers)
            tree = merged([{}, *(one.tree for one in state.overrides if one.number in numbers)])
        else:
            draft.lay_over(Override(numbers[0], tree, only))
        if not state.loaded:
            return Plan(state, draft.state)
        why = draft.apply(over=diff({}, tree))
        return self._refused(why) if why else draft.plan((), {})

    def plan_override_gone(self, number: int) -> Plan:
        """What taking an override away, and all that were laid over later, would give. Never refused.

        What is left was valid when it came, and its models are kept: they serve, though the world may
        have changed meanwhile so that nobody could validate them.
        """
        draft = Draft(self.state, self._indexes)
        numbers = [override.number for override in self.state.overrides]
        draft.cut_down(numbers.index(number) if number in numbers else len(numbers))
        return draft.plan((), {})

    def commit(self, plan: Plan) -> bool:
        """Make a plan current; `False` if something else was committed since it was made."""
        if plan.base is not self.state:
            return False
        self._indexes.learn(plan.state.specs)
        self.state = plan.state
        return True

    def _refused(self, why: Why, *keys: Key) -> Plan:
        """Nothing taken: all of these are refused for one reason, or nobody in particular is."""
        return Plan(self.state, self.state, (), dict.fromkeys(keys or [-1], why()))


def _groups(candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    """Each alone, oldest first, then every two together, if they are few: they may need each other."""
    few = tuple(candidates)
    yield from ((candidate,) for candidate in few)
    if len(few) <= MOST_IN_PAIRS:
        yield from combinations(few, 2)


def _up_to_wildcard(path: Path) -> Path:
    return path[: path.index("*")] if "*" in path else path
