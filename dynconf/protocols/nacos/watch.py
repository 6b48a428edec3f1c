"""Following many configurations at once: by long polls where there are any, else by asking now and then.

The rules: the server's md5 tells contents apart; that a long poll is answered is only a hint, which may
leave out some that changed, so it is sent again at once with the md5s of what was read; a server compares
the md5s before it notes who waits, so that a change in between is told to nobody: as changes come in bursts,
the first poll after one is not left to wait for long; a key that joins is read at once; what could not be
read is in no poll until it is, and its next time holds up nobody.

There is one pace: polls that bring nothing and are not held either, however they end, are sent less and less
often, until one lasts or brings something. What ends a poll that is held is no failure yet, as much does that
stands before a server: one that is answered at once, a glance, tells how it stands. If that is turned away,
reading tells whether we may read, and whether the server is well: where the poll alone is turned away, there
is none.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final, Literal

from dynconf.errors import AccessDenied, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, ConnectionLost, Request, Rest, Steps
from dynconf.protocols.nacos.either import read
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.listen import changed, listener
from dynconf.protocols.nacos.reading import read_due
from dynconf.protocols.nacos.replies import WrongApi
from dynconf.protocols.nacos.watched import Answered, News, Watched
from dynconf.protocols.pacing import Backoff, TokenBucket

__all__ = ["follow"]

_BEFORE_ASKING: Final = 20  # looks after which the server is asked for its long poll again
_SPREAD: Final = 0.2  # the part of an interval by which it differs at random
_MOMENT: Final = 0.001  # seconds that are not worth another rest
_SOON: Final = 1.0  # seconds, and up to as many more, after which the first poll after a change is sent again
_LASTING: Final = 5.0
"""Seconds that a poll is held at least if it is held at all; an overloaded server says 503 after 1 to 3."""
_ENOUGH: Final = 4
"""Polls in a row that are turned away, though reading goes well, until there are none. In a cluster that is
upgraded server by server some are, as each may be answered by another one."""
_EMPTY: Final = 8
"""Polls in a row that are answered at once, and name nothing, until there are none. Nacos says what changed
in another way where something before it takes the header off that makes a poll a long one."""


def follow(watched: Watched, *, now: Callable[[], float], random: Callable[[], float]) -> Steps[None]:
    """Tell what is there, then every change, for ever; yields `News` and `Answered` besides.

    Args:
        watched: what and how.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.
    """
    poll, looks = _LongPoll(watched, now, random), _Looks(watched, now, random)
    while True:
        if not len(watched):
            yield Rest(None)
            continue
        fresh = yield from read_due(watched, now=now, random=random)
        poll.brought(fresh=fresh)
        due = watched.next_due()
        # Something has to be read anew by then; the others need not wait for it. It is 0 if something has
        # arrived or joined meanwhile, which is told before all else.
        patience = None if due is None else max(0.0, due - now())
        if patience == 0.0 or not watched.known() or watched.api is None:
            yield Rest(patience)
        elif watched.by_poll:
            yield from poll.once(patience)
        else:
            yield from looks.once(patience)


class _TurnedAway(Exception):
    """A poll was ended, or answered as none is; that is no word on anything else yet."""

    def __init__(self, why: SourceError | WrongApi) -> None:
        self.why = why


class _LongPoll:
    """Waits for what changed, and knows when to do so again."""

    def __init__(self, watched: Watched, now: Callable[[], float], random: Callable[[], float]) -> None:
        self._watched = watched
        self._now = now
        self._random = random
        self._pace = Backoff(random)
        self._bucket = TokenBucket(now)
        self._due = self._answered = now()
        self._named: Literal["", "held", "glance"] = ""
        self._after_news = False
        self._in_doubt = False
        self._lasted = False
        self._refusals = 0
        self._empty = 0
        self._sent_away = False
        self._was_away = False

    def brought(self, *, fresh: bool) -> None:
        """Note whether what the last answer named turned out to be another than it was."""
        named, self._named = self._named, ""
        if named and not fresh:
            self._pause()
        elif named == "held":
            self._pace.succeeded()

    def once(self, patience: float | None) -> Steps[None]:
        """Send one long poll, and mark what it names; or rest if it is too early for one.

        Args:
            patience: seconds after which to go on without an answer.
        """
        if (left := self._due - self._now()) > _MOMENT:
            yield Rest(left if patience is None else min(left, patience))
            return
        self._due = self._now() + self._bucket.take()
        watched = self._watched
        # Somebody may not be there any more, too, if all that were sent for long had to be given up.
        glance = self._in_doubt or watched.silent or self._now() - self._answered > watched.wait
        watched.silent, self._in_doubt = False, True
        known = watched.known()
        first = next(iter(known))
        # Once it is sent away, reading is refused, too: it has to come before.
        readable = glance and self._sent_away and (yield from self._readable(first))
        request = listener(known, watched.wait, glance=glance)
        if not glance:
            soon = _SOON * (1 + self._random()) if self._after_news else inf
            self._after_news = False
            least = min(soon, inf if patience is None else patience)
            request = replace(request, patience=None if least == inf else least)
        try:
            hints = yield from self._ask(request, glance=glance)
        except _TurnedAway as away:
            if glance:
                yield from self._turned_away(away.why, first, readable=readable)
            else:
                self._pause()
        except SourceError as error:
            yield from self._failed(error)
        else:
            yield from self._went_well(hints, glance=glance)

    def _ask(self, request: Request, *, glance: bool) -> Steps[set[NacosKey] | None]:
        """Send a poll; gives what it names, or `None` if it was given up, which tells nothing.

        Raises:
            _TurnedAway: it came to another end.
            SourceError: nobody answers, or not even the log-in goes well.
        """
        began = self._now()
        login = self._watched.login
        try:
            reply = yield from login.hold(request)
        except ConnectionLost as error:
            raise _TurnedAway(error) from None
        finally:
            self._lasted = not glance and self._now() - began >= _LASTING
            if self._lasted:
                self._pace.succeeded()
        try:
            return None if reply is None else changed(reply, self._watched.all(), logged_in=login.logged_in)
        except (WrongApi, SourceError) as error:
            raise _TurnedAway(error) from None

    def _went_well(self, hints: set[NacosKey] | None, *, glance: bool) -> Steps[None]:
        if hints is None:
            self._in_doubt = glance
            return
        self._answered, self._in_doubt, self._refusals = self._now(), False, 0
        self._sent_away = False
        if self._was_away:  # it is another start of it, of which nothing bad is known
            self._was_away = False
            self._pace.succeeded()
        self._watched.mark(hints)
        self._after_news = bool(hints)
        if hints:
            self._named = "glance" if glance else "held"
        if hints or self._lasted:
            self._empty = 0
        elif not glance:
            self._pause()
            self._empty += 1
            if self._empty >= _EMPTY:
                self._do_without()
        if clean := self._watched.clean():  # the others are answered for by being read
            yield Answered(clean)

    def _turned_away(self, why: SourceError | WrongApi, key: NacosKey, *, readable: bool) -> Steps[None]:
        """Find out by reading what a poll that was turned away at once says of the rest.

        Args:
            why: what came of the poll.
            key: one that was polled for.
            readable: whether it was read right before that.
        """
        watched = self._watched
        asked = why.seconds if isinstance(why, Busy) else 0.0
        self._sent_away = asked > 0
        # What says that it is not for us, or not there, has all be read; anything else may be true of all.
        if (
            not isinstance(why, WrongApi | AccessDenied)
            and not readable
            and not (yield from self._readable(key))
        ):
            yield from self._failed(why)
            return
        self._pause(asked)
        self._refusals += 1
        if self._refusals >= _ENOUGH:
            self._do_without()
        if isinstance(why, WrongApi) and not watched.refused:
            watched.ask_again()
        elif isinstance(why, AccessDenied):
            watched.mark(watched.all())

    def _do_without(self) -> None:
        self._watched.refused = True
        self._watched.mark(self._watched.all())

    def _readable(self, key: NacosKey) -> Steps[bool]:
        try:
            yield from read(self._watched.login, key, limit=self._watched.limit)
        except SourceError:
            return False
        return True

    def _failed(self, error: SourceError) -> Steps[None]:
        self._was_away = type(error) is SourceUnavailable
        for key in self._watched.all():
            yield News(key, error=error)
        self._pause(error.seconds if isinstance(error, Busy) else 0.0)

    def _pause(self, asked: float = 0.0) -> None:
        self._due = max(self._due, self._now() + self._pace.failed(asked))


class _Looks:
    """Has all be read again after each interval; who joins meanwhile, or fails, is not waited with."""

    def __init__(self, watched: Watched, now: Callable[[], float], random: Callable[[], float]) -> None:
        self._watched = watched
        self._now = now
        self._random = random
        self._due: float | None = None
        self._count = 0

    def once(self, patience: float | None) -> Steps[None]:
        """Rest until the next look is due, or patience ends."""
        if self._due is None:
            spread = 1 + _SPREAD * (2 * self._random() - 1)
            self._due = self._now() + self._watched.interval * spread
        left = max(0.0, self._due - self._now())
        yield Rest(left if patience is None else min(left, patience))
        if self._now() >= self._due - _MOMENT:
            self._due = None
            self._count += 1
            if self._count % _BEFORE_ASKING == 0:
                self._watched.ask_again()  # there may be a long poll again, as after a roll-back
            else:
                self._watched.mark(self._watched.all())
