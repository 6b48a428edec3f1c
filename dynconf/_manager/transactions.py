"""From candidates to a commit: planned, prepared, taken or refused, and tried again."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from dynconf._host.host import Host
from dynconf._manager.document import Document
from dynconf._manager.feed import SourceFeed
from dynconf._manager.prepare import Preparers
from dynconf._manager.publisher import Applied, Publisher
from dynconf._manager.waiting import Waiting
from dynconf._models.compare import equal
from dynconf._origin import Problem
from dynconf._store.state import Candidate, Key, Plan
from dynconf._values.clock import Clock
from dynconf._values.prepare import NotReady, PrepareRefused, PrepareTimedOut
from dynconf._values.snapshot import Layer, View
from dynconf.errors import ChangeRefused, DynconfError, StartFailed

FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0
"""Seconds until what a preparer refused is tried again; they double from the first to the last."""

MOMENT = 0.25
"""Seconds that preparers have for another try of what was refused; others' changes wait that long."""

logger = logging.getLogger("dynconf.config")


class TransactionsContext(Protocol):
    """What transactions need of the manager."""

    host: Host
    clock: Clock
    feeds: dict[Fraction | float, SourceFeed]

    def report(self, error: DynconfError) -> None:
        """Tell `on_error`."""
        ...

    def retry(self) -> None:
        """Have `take` called soon."""
        ...

    def applied(self) -> None:
        """Something else serves now."""
        ...


class Transactions:
    """Carries changes out, one at a time; the caller sees to that."""

    def __init__(self, publisher: Publisher, preparers: Preparers, around: TransactionsContext) -> None:
        self.preparers = preparers
        self.waiting: dict[Key, Waiting] = {}
        self._released: list[Callable[[View], Any]] = []
        self.due: bool = False
        self._publisher = publisher
        self._around = around
        self._prepared: Plan | None = None

    async def first(self, candidates: Sequence[Candidate]) -> Applied:
        """The first load: all or nothing.

        Raises:
            StartFailed: it is not valid, or a preparer refuses it.
        """
        try:
            applied = await self.whole(lambda: self._publisher.store.plan(candidates, whole=True))
        except ChangeRefused as refused:
            raise StartFailed([ChangeRefused(refused.problems, "the settings are not valid")]) from None
        for candidate in candidates:
            self._accepted(candidate)
        return applied

    async def whole(self, make_plan: Callable[[], Plan], *, insist: bool = False) -> Applied:
        """Carry out a plan entirely or not at all; with `insist`, even if a preparer refuses.

        Raises:
            ChangeRefused: it is not valid, or a preparer refuses it.
        """
        while True:
            plan = make_plan()
            plan.raise_if_refused()
            refusal = await self._prepare(plan)
            if refusal is not None:
                error = ChangeRefused([Problem(refusal.path, refusal.reason)])
                if not insist:
                    self.abandon()
                    raise error
                self._around.report(error)
            applied = self._commit(plan)
            if applied is not None:
                for candidate in plan.accepted:
                    self._accepted(candidate)
                self.try_again()
                return applied

    def try_again(self) -> None:
        """Something else has changed: what was refused may fit now."""
        if self.waiting:
            self.due = True
            self._around.retry()

    async def take(self, fresh: Sequence[Candidate], *, retry: bool = False, again: bool = False) -> Applied:
        """Take the candidates, and those that were refused before, as far as they are valid.

        Args:
            fresh: new content.
            retry: also what is held back for now; somebody waits for the answer.
            again: the new content was refused already, with more.
        """
        self.due = False
        for candidate in fresh:
            former = self.waiting.pop(candidate.key, None)
            self.waiting[candidate.key] = now = Waiting(candidate, again=again)
            if former is not None and not isinstance(former.refusal, PrepareTimedOut):
                now.refusal, now.value, now.again = former.refusal, former.value, former.again
        try:
            return await self._take(retry=retry)
        except Exception as error:
            if self.preparers.stopped:
                raise
            # Nobody else's later change is to fail for this one's sake.
            for candidate in fresh:
                one = self.waiting.pop(candidate.key, None)
                if one is not None:
                    self._tell(one, (Problem("", f"it could not be taken: {type(error).__name__}"),))
            raise

    async def _take(self, *, retry: bool) -> Applied:
        self._release(everything=retry)
        version, paths = self._publisher.store.state.version, set[str]()
        documents: list[tuple[str, str, str]] = []
        for applied in await self._attempt_all(hurry=not retry):
            version = applied.version
            paths.update(applied.paths)
            documents += applied.documents
        return Applied(version, self._around.clock.time(), tuple(sorted(paths)), tuple(documents))

    def forget(self, key: Key) -> None:
        """Drop what waits for a document that is no more."""
        self.waiting.pop(key, None)

    def problems(self) -> list[Problem]:
        """Why what waits was not taken."""
        return list(dict.fromkeys(problem for one in self.waiting.values() for problem in one.problems))

    async def _attempt_all(self, *, hurry: bool) -> list[Applied]:
        """Take what is not held: if `hurry`, what is tried again only after all else, and in a moment."""
        until = None
        self._released.clear()
        done: list[Applied] = []
        ready = [one for one in self.waiting.values() if not one.held]
        if hurry and any(one.again for one in ready):
            others = self._publisher.store.plan([one.candidate for one in ready if not one.again])
            done = await self._attempt(others.accepted)
            until = asyncio.get_running_loop().time() + MOMENT
        left = [one.candidate for one in self.waiting.values() if not one.held]
        return done + await self._attempt(left, until)

    async def _attempt(self, batch: Sequence[Candidate], until: float | None = None) -> list[Applied]:
        """Take what can be taken of a batch; what a preparer refuses goes, until it refuses no more.

        What is not valid stays in the batch as long as anything goes: it may be valid without that.
        """
        while batch:
            plan = self._publisher.store.plan(batch)
            refusal = await self._prepare(plan, until)
            if refusal is None:
                self._refused(plan)
                if not plan.accepted:
                    break
                applied = self._commit(plan)
                if applied is None:
                    continue  # a binding came in between
                for candidate in plan.accepted:
                    self._accepted(candidate)
                return [applied]
            blamed = self._blamed(plan, refusal)
            if self._is_unclear(blamed, refusal):
                return await self._singly(batch, blamed, refusal, until)
            self._hold(blamed, refusal)
            batch = [candidate for candidate in batch if candidate not in blamed]
        self.abandon()
        return []

    async def _singly(
        self,
        batch: Sequence[Candidate],
        blamed: Sequence[Candidate],
        refusal: PrepareRefused,
        until: float | None,
    ) -> list[Applied]:
        """Ask about each of the blamed alone, as far as it is valid alone; then take what is left."""
        done = []
        for candidate in blamed:
            if self._is_open(candidate) and self._publisher.store.plan([candidate]).accepted:
                done += await self._attempt([candidate], until)
        left = [candidate for candidate in batch if self._is_open(candidate)]
        if len(left) == len(batch):  # none of them is valid without another
            self._hold(blamed, refusal)
            left = [candidate for candidate in batch if candidate not in blamed]
        return done + await self._attempt(left, until)

    async def _prepare(self, plan: Plan, until: float | None = None) -> PrepareRefused | None:
        if not self.preparers or not (plan.publishes or plan.models):
            return None
        seen = self._publisher.snapshot
        self._prepared = plan
        try:
            return await self.preparers.ask(View(seen) if seen else None, View(plan.state.snapshot), until)
        except BaseException:
            self.abandon()
            raise

    def _commit(self, plan: Plan) -> Applied | None:
        if not self._around.host.alive:  # a stop has left this core behind, and another one may be there
            self.abandon()
            raise asyncio.CancelledError
        if plan.base is not self._publisher.store.state:
            return None
        if self._prepared is plan:
            self._prepared = None
            self.preparers.commit()
        else:
            self.abandon()
        applied = self._publisher.commit(plan)
        if applied is not None:
            self._around.applied()
        return applied

    def abandon(self) -> None:
        """Let go of what was prepared and not committed."""
        if self._prepared is not None:
            self._prepared = None
            self.preparers.abandon()

    def _blamed(self, plan: Plan, refusal: PrepareRefused) -> list[Candidate]:
        """The candidates that made what the preparer looked at what it is.

        Without any one of them it would have seen something else. That is true as well of one that
        only makes another valid; but that one changes nothing of it alone.
        """
        accepted = list(plan.accepted)
        if isinstance(refusal, PrepareTimedOut):
            # Whoever it is, half of them gets through without; another half the next time.
            again = self._was_refused(accepted)
            return random.sample(accepted, (len(accepted) + 1) // 2) if again else accepted
        if refusal.selects is None or len(accepted) == 1:
            return accepted
        seen, now = _selected(refusal, plan), _selected(refusal, self._publisher.store.plan([]))
        needed = []
        for candidate in accepted:
            others = self._publisher.store.plan([other for other in accepted if other is not candidate])
            if not equal(_selected(refusal, others), seen):
                needed.append(candidate)
        guilty = []
        for candidate in needed or accepted:
            alone = self._publisher.store.plan([candidate])
            if not alone.accepted or not equal(_selected(refusal, alone), now):
                guilty.append(candidate)
        return guilty or needed or accepted

    def _is_unclear(self, blamed: Sequence[Candidate], refusal: PrepareRefused) -> bool:
        """Whether to ask about each alone: nobody was named, or those who were failed together before."""
        if len(blamed) == 1 or isinstance(refusal, (PrepareTimedOut, NotReady)):
            return False
        return refusal.selects is None or self._was_refused(blamed)

    def _was_refused(self, candidates: Iterable[Candidate]) -> bool:
        waiting = [self.waiting.get(candidate.key) for candidate in candidates]
        return any(one.attempts for one in waiting if one is not None)

    def _is_open(self, candidate: Candidate) -> bool:
        """Whether it still waits and may be tried; its document may have withdrawn it meanwhile."""
        one = self.waiting.get(candidate.key)
        return one is not None and one.candidate is candidate and not one.held

    def _hold(self, blamed: Iterable[Candidate], refusal: PrepareRefused) -> None:
        value = _selected(refusal, self._all_waiting())
        for candidate in blamed:
            if not self._is_open(candidate):
                continue
            one = self.waiting[candidate.key]
            if not (one.problems and isinstance(refusal, NotReady)):
                self._tell_refusal(one, refusal)
            one.refusal, one.value, one.held, one.again = refusal, value, True, True
            if refusal.selects in self._released:  # while others were still being asked
                one.held = False
                self.try_again()
            delay = min(LONGEST_RETRY, FIRST_RETRY * 2.0**one.attempts)
            one.attempts += 1
            self._around.host.spawn(self._retry_later(one, refusal, delay), "retry of a refused change")

    async def _retry_later(self, one: Waiting, refusal: PrepareRefused, delay: float) -> None:
        await self._around.clock.sleep(delay)
        if self.waiting.get(one.candidate.key) is one and one.held and one.refusal is refusal:
            for other in self.waiting.values():
                other.held = other.held and other.refusal is not refusal  # refused together, tried together
            self.due = True
            self._around.retry()

    def release(self, select: Callable[[View], Any]) -> None:
        """Have what is held for the sake of what is selected so tried again soon; or is about to be held."""
        self._released.append(select)
        for one in self.waiting.values():
            if one.refusal is not None and one.refusal.selects is select:
                one.held = False
        self.try_again()

    def refused_late(self, refusal: PrepareRefused) -> None:
        """Tell why another try failed that was not waited for any longer; its back-off has begun already."""
        for one in list(self.waiting.values()):
            if one.again and one.refusal is not None and one.refusal.selects is refusal.selects:
                self._tell_refusal(one, refusal)

    def _release(self, *, everything: bool) -> None:
        """Let go of what is held if what its preparer would see is another by now."""
        refused = [one for one in self.waiting.values() if one.refusal is not None]
        plan = self._all_waiting() if refused else None
        for one in refused:
            assert plan is not None
            assert one.refusal is not None
            one.again = one.again and equal(_selected(one.refusal, plan), one.value)
            one.held = one.held and one.again and not everything

    def _all_waiting(self) -> Plan:
        """What would become of it, were all that waits taken now."""
        return self._publisher.store.plan([one.candidate for one in self.waiting.values()])

    def _refused(self, plan: Plan) -> None:
        for key, problems in plan.refused.items():
            if (one := self.waiting.get(key)) is not None:
                one.again = one.again and one.refusal is not None  # nobody has been asked about it
                self._tell(one, problems)

    def _tell_refusal(self, one: Waiting, refusal: PrepareRefused) -> None:
        content = one.candidate.content
        origin = content.origin() if isinstance(content, Layer) else None
        self._tell(one, (Problem(refusal.path, refusal.reason, origin=origin),))

    def _tell(self, one: Waiting, problems: tuple[Problem, ...]) -> None:
        if one.problems != problems:
            one.problems = problems
            error = ChangeRefused(problems, self._refusal_of(one.candidate))
            logger.warning("%s", error)
            self._around.report(error)
        document = self._document(one.candidate.key)
        if document is not None:
            document.problems = problems

    def _refusal_of(self, candidate: Candidate) -> str:
        """The beginning of the error: what was refused, and what serves on."""
        content = candidate.content
        if isinstance(content, Layer):
            return f"{content.origin()} was refused, its last good content stays"
        document = self._document(candidate.key)
        if document is not None and content is None:
            return f"{document.name} is gone, which was refused: its last content stays"
        return "what a class reads itself was refused, its last values stay"

    def _accepted(self, candidate: Candidate) -> None:
        one = self.waiting.get(candidate.key)
        if one is not None and one.candidate is candidate:
            del self.waiting[candidate.key]
        document = self._document(candidate.key)
        if document is not None:
            document.problems = ()
            layer = candidate.content if isinstance(candidate.content, Layer) else None
            document.applied, document.cached = (layer.revision, layer.cached) if layer else (None, None)
            if candidate.content is None:
                self._around.feeds[document.rank[0]].forget(document)

    def _document(self, key: Key) -> Document | None:
        if isinstance(key, int):
            return None
        feed = self._around.feeds.get(key[0])
        return feed.documents.get(key[2]) if feed else None


def _selected(refusal: PrepareRefused, plan: Plan) -> Any:
    """What a preparer would look at, were the plan published."""
    if refusal.selects is None:
        return plan.state.tree
    try:
        return refusal.selects(View(plan.state.snapshot))
    except Exception as error:  # noqa: BLE001 - a selector that fails has seen nothing
        return type(error)
