"""The pure state machine: what would a change make of the configuration, and is it valid?

`Store.plan(...)` answers without altering anything; `Store.commit(plan)` makes the answer
current. No clock, no I/O, no threads.
"""

from collections.abc import Mapping, Sequence
from copy import copy

from dynconf._draft import Draft, Indexes
from dynconf._merge import Merge, merged, rules_of
from dynconf._origin import Problem
from dynconf._overlay import NO_OVERLAY, Overlay
from dynconf._schema import merges_of
from dynconf._snapshot import Layer
from dynconf._state import Candidate, Key, Override, Plan, Spec, State
from dynconf._tree import Path, Tree, delta_of, diff, parse_path


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

        If they are not valid together, those that the problems blame are left out until the rest
        is valid; then each of these is taken after all that is valid with those taken before it,
        until none is left that is. With `whole`, none is taken then.
        """
        draft = Draft(self.state, self._indexes, loaded=True)
        problems = draft.apply(candidates)
        if not problems:
            return draft.plan(tuple(candidates), {})
        if len(candidates) == 1 or whole:
            return self._refused({candidate.key: problems for candidate in candidates} or {-1: problems})
        return self._one_by_one(candidates, problems)

    def _without_blamed(
        self, candidates: Sequence[Candidate], problems: Sequence[Problem]
    ) -> tuple[Draft, list[Candidate]]:
        """What is valid together once those that are at fault are left out, and who that is.

        So two edits that need each other come in, whatever a third one holds.
        """
        left = list(candidates)
        while left and problems:
            places = {(one.origin.source, one.origin.document) for one in problems if one.origin}
            blamed = [one for one in left if _place(one) in places]
            if not blamed:
                break
            left = [one for one in left if one not in blamed]
            draft = Draft(self.state, self._indexes, loaded=True)
            problems = draft.apply(left)
            if not problems:
                return draft, left
        return Draft(self.state, self._indexes, loaded=True), []

    def _one_by_one(self, candidates: Sequence[Candidate], problems: Sequence[Problem]) -> Plan:
        draft, accepted = self._without_blamed(candidates, problems)
        waiting = [candidate for candidate in candidates if candidate not in accepted]
        refused: dict[Key, tuple[Problem, ...]] = {}
        progress = True
        while progress:
            progress = False
            for candidate in tuple(waiting):
                trial = copy(draft)
                problems = trial.apply([candidate])
                if problems:
                    refused[candidate.key] = problems
                else:
                    draft, progress = trial, True
                    waiting.remove(candidate)
                    accepted.append(candidate)
                    refused.pop(candidate.key, None)
        return draft.plan(tuple(accepted), refused)

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
        fresh = delta_of(_up_to_wildcard(path) for path, _, _ in added if path not in known)
        problems = draft.apply(raw=fresh, also=[len(state.specs)])
        return self._refused({len(state.specs): problems}) if problems else draft.plan((), {})

    def plan_override(self, numbers: Sequence[int], tree: Tree | None) -> Plan:
        """What laying `tree` over everything, or with `None` taking these away again, would give."""
        state = self.state
        others = tuple(override for override in state.overrides if override.number not in numbers)
        gone = merged([{}, *(one.tree for one in state.overrides if one.number in numbers)])
        overrides = others if tree is None else (*others, Override(numbers[0], tree))
        draft = Draft(state, self._indexes, overrides=overrides)
        if not state.loaded:
            return Plan(state, draft.state)
        problems = draft.apply(over=diff({}, gone if tree is None else tree))
        return self._refused({-1: problems}) if problems else draft.plan((), {})

    def commit(self, plan: Plan) -> bool:
        """Make a plan current; `False` if something else was committed since it was made."""
        if plan.base is not self.state:
            return False
        self._indexes.learn(plan.state.specs)
        self.state = plan.state
        return True

    def _refused(self, problems: Mapping[Key, tuple[Problem, ...]]) -> Plan:
        return Plan(self.state, self.state, (), problems)


def _place(candidate: Candidate) -> tuple[str, str] | None:
    """The source and document that a problem's origin names."""
    content = candidate.content
    return (content.source, content.document) if isinstance(content, Layer) else None


def _up_to_wildcard(path: Path) -> Path:
    return path[: path.index("*")] if "*" in path else path
