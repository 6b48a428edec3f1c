"""The running core: supervises sources, gathers what they report, plans, prepares and commits it."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from fractions import Fraction

from dynconf._host.host import Host
from dynconf._host.inbox import trace
from dynconf._manager.answers import Answers, unfinished
from dynconf._manager.cache import Cache, instead, tell
from dynconf._manager.feed import SourceFeed
from dynconf._manager.gather import LONGEST, Gathering
from dynconf._manager.options import Options
from dynconf._manager.overlays import Overlays
from dynconf._manager.prepare import Preparers
from dynconf._manager.publisher import Applied, Publisher
from dynconf._manager.roster import Place, Roster
from dynconf._manager.shared import Shared
from dynconf._manager.transactions import Transactions
from dynconf._origin import Origin, Problem
from dynconf._store.state import Candidate, Plan
from dynconf._values.clock import Clock
from dynconf._values.limits import Limits
from dynconf._values.merge import Rank
from dynconf._values.prepare import Preparer
from dynconf._values.snapshot import View
from dynconf._values.source import C, Source
from dynconf.errors import BlockingCall, ChangeRefused, DynconfError, SourceError, StartFailed, UsageError

CANCEL_TIMEOUT, LEASE_TIME = 0.2, 0.25
"""Seconds that sources may take to end, and leases; with what is closed then, a stop is done within one."""

END_TIME = 1.0
"""Seconds that are waited for a source that is let go of; nobody listens to it any more."""

_LASTING = "it does not end, so it could not be read anew"

logger = logging.getLogger("dynconf.config")


class Manager:
    """One running period, from a start (or a fork) to the stop; all of it on the host's loop."""

    def __init__(
        self, host: Host, publisher: Publisher, options: Options, roster: Roster, preparers: list[Preparer]
    ) -> None:
        self.host = host
        self.clock: Clock = options.clock
        self.limits: Limits = options.limits
        self.publisher = publisher
        self.feeds: dict[Fraction | float, SourceFeed] = {}
        self.preparers: Preparers = Preparers(preparers, host)
        self.transactions: Transactions = Transactions(publisher, self.preparers, self)
        self.overlays: Overlays = Overlays(publisher, self.transactions.forget)
        self._options = options
        self._roster = roster
        self._cache: Cache | None = None
        if options.cache is not None:
            self._cache = Cache(options.cache, options.name, roster.places(), self)
        self._answers = Answers(options.name, options.start_timeout)
        self._gathering = Gathering()
        self._aside: dict[SourceFeed, Gathering] = {}
        self._shared = Shared()
        self._turn = asyncio.Lock()
        self._loaded = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        self._next_reload: asyncio.Task[Applied | DynconfError] | None = None
        self._news = asyncio.Event()
        self._now = asyncio.get_running_loop().time

    async def start(self, *, watching: bool) -> Applied:
        """Load everything, publish it, and follow changes from then on if `watching`.

        Raises:
            StartFailed: naming each source that did not answer or is not acceptable.
        """
        feeds = [self._feed(place, watching=watching) for place in self._roster.places()]
        if self._cache is not None:
            await self._cache.read(feeds)
        for feed in feeds:
            feed.start()
        if any(feed.reserve for feed in feeds):
            await self._answers.come(feeds, self._options.cache_after)
            for feed in feeds:
                feed.stand_in()
        await self._answers.wait(feeds)
        async with self._turn:
            candidates = [*self.overlays.changed(), *self._gathering.take(self._now(), everything=True)]
            if self.overlays.faults:
                raise StartFailed(self.overlays.faults)
            applied = await self._first(candidates, feeds)
        if watching:
            self.host.spawn(self._follow(), f"{self._options.name}: changes")
        self._loaded.set()
        return applied

    def resume(self, former: "Manager") -> None:
        """Go on in a forked child, from what is published."""
        if self._cache is not None and former._cache is not None:
            self._cache.carry_over(former._cache)
        for place in self._roster.places():
            feed = self._feed(place)
            if place.position in former.feeds:
                feed.carry_over(former.feeds[place.position])
            feed.start()
        # What holds comes first: what follows may be refused, and leaves that as it is.
        self.host.spawn(self._prepare_anew(), f"{self._options.name}: what was prepared before the fork")
        self.host.spawn(self._follow(), f"{self._options.name}: changes")
        self._loaded.set()

    async def _prepare_anew(self) -> None:
        async with self._turn:
            if self.publisher.snapshot is not None:
                await self.preparers.ask_anew(View(self.publisher.snapshot))

    async def stop(self) -> None:
        """End the sources, then close what they share; the host ends what hangs.

        It is done once: whoever asks meanwhile, or again, waits for that.
        """
        if self._stopping is None or self._stopping.cancelled():
            self._stopping = asyncio.create_task(
                self._stop(), name=f"{self._options.name}: end of all that runs"
            )
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        self._answers.give_up()
        self._loaded.set()
        for feed in self.feeds.values():
            feed.close()
        await self._ended(self.feeds.values(), CANCEL_TIMEOUT)
        await self.preparers.stop(self._now() + LEASE_TIME)
        await self._shared.close(self._cache)

    async def reload(self) -> Applied:
        """Have every source, and every class's own sources, read anew; what was refused is tried again.

        Whoever asks while another's reload has yet to begin shares that one. It is carried on even if
        nobody waits for it any longer.

        Raises:
            ChangeRefused: something is still refused, or a source that must answer does not; what
                could be taken was.
        """
        if self._next_reload is None:
            self._next_reload = self.host.spawn(self._reload(), f"{self._options.name}: reload")
        reloading = self._next_reload
        await asyncio.wait([reloading])
        if reloading.cancelled():
            raise UsageError(f"{self._options.name} was stopped while it reloaded")
        outcome = reloading.result()
        if isinstance(outcome, DynconfError):
            raise outcome
        return outcome

    async def _reload(self) -> Applied | DynconfError:
        try:
            return await self._reload_or_raise()
        except DynconfError as error:
            return error  # nobody may be waiting for it any more

    async def _reload_or_raise(self) -> Applied:
        await self._when_loaded()
        async with self._turn:  # what answers soon is one change; who is slow holds it up no longer
            self._next_reload = None
            before, began = self.publisher.store.state.version, self._now()
            feeds = [feed for feed in self.feeds.values() if feed not in self._aside]
            restarts = {feed.restart(): feed for feed in feeds}
            with suppress(TimeoutError, StartFailed):
                async with asyncio.timeout(LONGEST):
                    await unfinished(restarts)
                    await self._answers.wait(feeds, everyone=True)
            candidates = [*self.overlays.changed(), *self._gathering.take(self._now(), everything=True)]
            applied = await self.transactions.take(candidates, retry=True)
        await self.preparers.try_again(began)
        for fault in self.overlays.faults:
            self.report(fault)
        ending = await unfinished(restarts, self._options.start_timeout)
        silent: Sequence[DynconfError] = ()
        try:
            await self._answers.wait(feeds, everyone=True)
        except StartFailed as error:
            silent = error.failures
        async with self._turn:
            late = await self.transactions.take(self._gathering.take(self._now(), everything=True))
        here = [feed for feed in feeds if not feed.closed]
        lasting = {restarts[restart] for restart in ending}
        problems = [
            *self.transactions.problems(),
            *(Problem("", fault.reason, origin=fault.origin) for fault in self.overlays.faults),
            *(problem for feed in here for problem in feed.problems()),
            *map(_problem, silent),
            *(Problem("", _LASTING, origin=Origin(feed.name)) for feed in here if feed in lasting),
        ]
        if problems:
            raise ChangeRefused(tuple(dict.fromkeys(problems)), "not everything could be reloaded")
        return self.publisher.applied_since(before, applied, late)

    async def add(self, given: Source | str, source: Source, before: Source | str | None) -> Applied:
        """Load a further source and take all that it says, or nothing.

        Raises:
            StartFailed: it does not answer, or is not readable.
            ChangeRefused: the settings would not be valid with it.
        """
        await self._when_loaded()
        places = self._roster.place(source, before)
        self._roster.admit(given, places)
        feeds = [self._feed(place, aside=True) for place in places]
        try:
            for feed in feeds:
                feed.start()
            await self._answers.wait(feeds)
            async with self._turn:
                found = self._set_aside(source, feeds)
                applied = await self.transactions.whole(lambda: self.publisher.store.plan(found, whole=True))
                for feed in feeds:
                    feed.begin()
                    for late in self._aside.pop(feed).take(0, everything=True):
                        self.arrived(feed, late)
                return applied
        except BaseException:
            self._roster.dismiss(places)
            self._let_go(feeds)
            await self._ended(feeds, END_TIME)
            raise

    async def remove(self, given: Source | str) -> Applied:
        """Let go of a source, and of all that it said.

        Raises:
            ChangeRefused: the settings would not be valid without it.
            UsageError: there is no such source.
        """
        await self._when_loaded()
        places = self._roster.find(given)
        positions = {place.position for place in places}
        async with self._turn:
            layers = self.publisher.store.state.layers
            gone = [Candidate(rank, None) for rank in layers if rank[0] in positions]
            applied = await self.transactions.whole(lambda: self.publisher.store.plan(gone, whole=True))
            self._roster.dismiss(places)
            feeds = [self.feeds[position] for position in positions if position in self.feeds]
            self._let_go(feeds)
        await self._ended(feeds, END_TIME)
        return applied

    async def change(self, make_plan: Callable[[], Plan], *, leaving: bool = False) -> Applied:
        """Carry out a change that does not come from a source, or raise `ChangeRefused`.

        Args:
            make_plan: plans it anew whenever something else came in between.
            leaving: the change ends an override: it is made even if a preparer refuses it.
        """
        async with self._turn:
            return await self.transactions.whole(make_plan, insist=leaving)

    async def admit(self, preparer: Preparer) -> None:
        """Have one more asked from now on, once it is ready for what holds.

        Raises:
            ChangeRefused: it refuses that.
        """
        await self._when_loaded()
        async with self._turn:
            await self.preparers.admit(preparer, View(self.publisher.seen()))

    def change_now(self, make_plan: Callable[[], Plan]) -> None:
        """Carry out a change that need not be prepared, from code on the loop that cannot wait.

        Raises:
            ChangeRefused: it is not valid.
            BlockingCall: it would have to be prepared.
        """
        plan = make_plan()
        plan.raise_if_refused()
        if plan.publishes and self.preparers:
            raise BlockingCall(
                "this changes what others see, which has to be prepared; use the awaitable form"
            )
        self.publisher.commit(plan)
        self.transactions.try_again()

    def shared(self, key: Hashable, make: Callable[[], C]) -> C:
        """See `Feed.shared`."""
        return self._shared.get(key, make)

    def arrived(self, feed: SourceFeed, candidate: Candidate) -> None:
        """Gather new content of a document."""
        gathering = self._aside.get(feed, self._gathering)
        gathering.put(candidate, self._now(), feed.source.settle if feed.is_loaded else 0.0)
        self._news.set()

    def withdrawn(self, feed: SourceFeed, rank: Rank) -> None:
        """Forget content that was not taken, and that its document does not have any more."""
        self._aside.get(feed, self._gathering).drop(rank)
        self.transactions.forget(rank)

    def progressed(self) -> None:
        """Let whoever waits for a feed look again."""
        self._answers.progressed()
        self.publisher.dispatcher.stands_otherwise()

    def report(self, error: DynconfError) -> None:
        """Tell `on_error`."""
        self.publisher.dispatcher.report(error)
        self.publisher.dispatcher.stands_otherwise()

    def retry(self) -> None:
        """Have what waits tried again soon."""
        self._news.set()

    def applied(self) -> None:
        """Keep what serves now for the next start."""
        self.publisher.dispatcher.stands_otherwise()
        if self._cache is not None:
            self._cache.applied(self.publisher.store.state.layers)

    async def _first(self, candidates: Sequence[Candidate], feeds: Sequence[SourceFeed]) -> Applied:
        """Take the first load, or what is in the cache in place of what is refused."""
        try:
            applied = await self.transactions.first(candidates)
        except StartFailed as refused:
            problems = [problem for one in refused.failures for problem in getattr(one, "problems", ())]
            for others in instead(candidates, problems, feeds):
                with suppress(StartFailed):
                    applied = await self.transactions.first(others)
                    left = [one for one in candidates if one not in others]
                    await self.transactions.take(left, again=True)
                    break
            else:
                raise
        tell(feeds)
        for feed in feeds:
            feed.begin()
        return applied

    async def _when_loaded(self) -> None:
        """Wait for the first load, half of which nobody is to see."""
        await self._loaded.wait()
        self._answers.check()

    async def _follow(self) -> None:
        """Take what arrives, for as long as the host lives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gathering.wait(self._now())):
                    await self._news.wait()
            self._news.clear()
            async with self._turn:
                ready = self._gathering.take(self._now())
                if ready or self.transactions.due:
                    try:
                        await self.transactions.take(ready)
                    except (Exception, asyncio.CancelledError) as error:  # whoever failed, changes go on
                        if self.preparers.stopped:
                            return
                        task = asyncio.current_task()
                        ours = not self.host.alive or (task is not None and task.cancelling())
                        if isinstance(error, asyncio.CancelledError) and ours:
                            raise
                        logger.error("a change could not be carried out\n%s", trace(error))

    def _feed(self, place: Place, *, watching: bool = True, aside: bool = False) -> SourceFeed:
        feed = SourceFeed(place.source, place.name, place.position, self, watching=watching)
        feed.keeps = self._cache is not None and self._cache.keeps(place)
        self.feeds[place.position] = feed
        if aside:
            self._aside[feed] = Gathering()
        return feed

    def _set_aside(self, source: Source, feeds: Iterable[SourceFeed]) -> list[Candidate]:
        if any(feed.closed for feed in feeds):
            raise UsageError(f"{source.name} was removed while it was added")
        return [item for feed in feeds for item in self._aside[feed].take(0, everything=True)]

    async def _ended(self, feeds: Iterable[SourceFeed], patience: float) -> None:
        """Wait for sources that are to end; those that need longer are seen to all the same."""
        await unfinished([self.host.spawn(feed.stop(), f"end of {feed.name}") for feed in feeds], patience)

    def _let_go(self, feeds: Iterable[SourceFeed]) -> None:
        for feed in feeds:
            if feed.closed:  # and its place may be another's by now
                continue
            feed.close()
            self.feeds.pop(feed.position, None)
            self._aside.pop(feed, None)
            for document in feed.documents.values():
                self._gathering.drop(document.rank)
                self.transactions.forget(document.rank)


def _problem(failure: DynconfError) -> Problem:
    """Why a source did not answer, as a reason to refuse."""
    if isinstance(failure, SourceError):
        return Problem("", failure.reason, origin=failure.origin)
    return Problem("", str(failure))
