"""Following many configurations at once: by long polls where there are any, else by asking now and then.

The rules: the server's md5 tells contents apart; that a long poll is answered is only a hint, which may
leave out some that changed, so it is sent again at once with the md5s of what was read; answers that bring
nothing new are asked for less and less; a server compares the md5s before it notes who waits, so that a
change in between is told to nobody: as changes come in bursts, the first poll after one is not left to wait
for long; a key that joins is read at once; what could not be read is in no poll until it is, and its next
time holds up nobody. Whether we have a right is told by reading: where the poll alone is refused, there is
none.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from dynconf.errors import AccessDenied, SourceError
from dynconf.protocols.exchange import Busy, ConnectionLost, Reply, Rest, Steps
from dynconf.protocols.nacos.listen import changed, listener
from dynconf.protocols.nacos.reading import read_due
from dynconf.protocols.nacos.replies import WrongApi
from dynconf.protocols.nacos.watched import Answered, News, Watched
from dynconf.protocols.pacing import FIRST_DELAY, Backoff, TokenBucket

__all__ = ["follow"]

_BEFORE_ASKING: Final = 20  # looks after which the server is asked for its long poll again
_SPREAD: Final = 0.2  # the part of an interval by which it differs at random
_MOMENT: Final = 0.001  # seconds that are not worth another rest
_SOON: Final = 1.0  # seconds, and up to as many more, after which the first poll after a change is sent again
_GATEWAY_TIMEOUT: Final = 504
_FIRST_DAMP, _LONGEST_DAMP = 0.1, 5.0
"""Seconds of pause after an answer that brought nothing new: the first time, and at most."""


def follow(watched: Watched, *, now: Callable[[], float], random: Callable[[], float]) -> Steps[None]:
    """Tell what is there, then every change, for ever; yields `News` and `Answered` besides.

    Args:
        watched: what and how.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.
    """
    # An answer that turns us away is none of an outage's failures, and pauses on its own account.
    backoff, turned_away, bucket = Backoff(random), Backoff(random), TokenBucket(now)
    poll, looks = _LongPoll(watched, now, random), _Looks(watched, now, random)
    while True:
        if not len(watched):
            yield Rest(None)
            continue
        fresh = yield from read_due(watched, now=now, random=random)
        pause = max(poll.damp(fresh=fresh), bucket.take())
        if pause:
            yield Rest(pause)
        patience = _patience(watched, now())
        try:
            # It is 0 if something has arrived or joined meanwhile, which is told before all else.
            if patience == 0.0 or not watched.known() or watched.api is None:
                yield Rest(patience)
                continue
            if watched.by_poll:
                yield from poll.once(patience)
                backoff.succeeded()
                turned_away.succeeded()
            else:
                yield from looks.once(patience)
        except WrongApi:
            watched.ask_again()
            # Should what can be read so be without a long poll, that is no reason to spin.
            yield Rest(turned_away.failed())
        except _Refused:
            yield from poll.refused()
            yield Rest(turned_away.failed())
        except SourceError as error:
            for key in watched.all():
                yield News(key, error=error)
            yield Rest(backoff.failed(error.seconds if isinstance(error, Busy) else 0.0))


def _patience(watched: Watched, now: float) -> float | None:
    """Seconds after which something has to be read anew; the others need not wait for it."""
    due = watched.next_due()
    return None if due is None else max(0.0, due - now)


class _Refused(Exception):
    """The poll itself is refused, which is no word on any right to read; a log-in that fails is."""


class _LongPoll:
    """Waits for what changed, and knows whether the last wait was worth it."""

    def __init__(self, watched: Watched, now: Callable[[], float], random: Callable[[], float]) -> None:
        self._watched = watched
        self._now = now
        self._random = random
        self._answered = now()
        self._hinted: bool | None = None
        self._after_news = False
        self._failed = False
        self._denied = False
        self._damp = 0.0

    def damp(self, *, fresh: bool) -> float:
        """Seconds to pause, if what the last answer named turned out to be what it was."""
        hinted, self._hinted = self._hinted, None
        if hinted is None:
            return 0.0
        in_vain = hinted and not fresh
        self._damp = min(_LONGEST_DAMP, 2 * self._damp or _FIRST_DAMP) if in_vain else 0.0
        return self._damp

    def once(self, patience: float | None) -> Steps[None]:
        """Send one long poll, and mark what it names.

        Args:
            patience: seconds after which to go on without an answer.

        Raises:
            WrongApi: the server does not have it any more.
            _Refused: it is not for us.
            SourceError: nobody answers, or not sensibly.
        """
        watched = self._watched
        # One that is answered at once tells whether somebody is there: after a failure, and if all that were
        # sent for long had to be given up.
        glance = self._failed or watched.silent or self._now() - self._answered > watched.wait
        watched.silent = False
        request = listener(watched.known(), watched.wait, glance=glance)
        if not glance:
            soon = _SOON * (1 + self._random()) if self._after_news else inf
            self._after_news = False
            least = min(soon, inf if patience is None else patience)
            request = replace(request, patience=None if least == inf else least)
        self._hinted, self._failed = False, True
        reply: Reply | None = None
        try:
            reply = yield from watched.login.hold(request)
            ended_early = reply is not None and reply.status == _GATEWAY_TIMEOUT and not glance
        except ConnectionLost:
            if glance:
                raise
            ended_early = True
        if ended_early:
            # No failure yet, as proxies end what waits for long; but perhaps everybody's was lost.
            yield Rest(self._random() * FIRST_DELAY)
            return
        if reply is None:  # given up, which tells nothing
            self._failed, self._denied = glance, False
            return
        self._answered = self._now()
        try:
            hints = changed(reply, watched.all(), logged_in=watched.login.logged_in)
        except AccessDenied:
            raise _Refused from None
        watched.mark(hints)
        self._hinted = self._after_news = bool(hints)
        if clean := watched.clean():  # the others are answered for by being read
            yield Answered(clean)
        self._failed = self._denied = False

    def refused(self) -> Steps[None]:
        """Read all, to learn which rights are gone; do without polls if one is refused nevertheless."""
        watched = self._watched
        if self._denied:
            watched.refused = True
            yield Answered(watched.clean())  # by reading, and the way is another now
        else:
            self._denied = True
            watched.mark(watched.all())


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
