"""Following many configurations at once: by long polls where there are any, else by asking now and then.

The rules: the server's md5 tells contents apart; that a long poll is answered is only a hint, which may
leave out some that changed, so it is sent again at once with the md5s of what was read; answers that bring
nothing new are asked for less and less; a key that joins is read at once; what could not be read is in no
poll until it is. Whether we have a right is told by reading: where the poll alone is refused, there is none.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from dynconf.errors import AccessDenied, RequestRefused, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, ConnectionLost, Reply, Rest, Steps
from dynconf.protocols.nacos.api import V1_API, Api
from dynconf.protocols.nacos.either import read
from dynconf.protocols.nacos.identity import NacosConfig, NacosKey
from dynconf.protocols.nacos.listen import changed, listener
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.namespaces import whether_a_name
from dynconf.protocols.nacos.replies import BeingChanged, WrongApi
from dynconf.protocols.pacing import FIRST_DELAY, Backoff, TokenBucket

__all__ = ["Answered", "News", "Transport", "Watched", "follow", "look"]

Transport = Literal["long poll", "polling"]
_BEFORE_ASKING: Final = 20  # looks after which the server is asked for its long poll again
_SPREAD: Final = 0.2  # the part of an interval by which it differs at random
_MOMENT: Final = 0.001  # seconds that are not worth another rest
_FIRST_DAMP, _LONGEST_DAMP = 0.1, 5.0
"""Seconds of pause after an answer that brought nothing new: the first time, and at most."""


@dataclass(frozen=True, slots=True)
class News:
    """What was read of one configuration: its content, that it is not there, or why that is not known.

    With `config` and `error` both `None` it is not there. `changed` says whether that is another
    state than the last one that was told, `hint` why it may not be there.
    """

    key: NacosKey
    config: NacosConfig | None = None
    error: SourceError | None = None
    changed: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered, and these are what they were."""

    keys: frozenset[NacosKey]


@dataclass(slots=True)
class _State:
    """What is known of one: the server's md5, empty if it is not there, `None` if nothing is."""

    md5: str | None = None
    dirty: bool = True


@dataclass(eq=False)
class Watched:
    """The configurations that are followed, and how; keys join and leave while `follow` runs.

    Args:
        login: who we are.
        wait: seconds that the server may hold a long poll.
        interval: seconds between two looks where there is no long poll.
        limit: bytes that a reply may have.
    """

    login: Login
    wait: float = 30.0
    interval: float = 15.0
    limit: int = 64 * 1024 * 1024
    api: Api | None = None
    refused: bool = False
    """Whether the long poll is not for us, although we may read."""
    _states: dict[NacosKey, _State] = field(default_factory=dict)
    _asked: float = 0.0

    def __len__(self) -> int:
        return len(self._states)

    @property
    def transport(self) -> Transport | None:
        """How changes are noticed; `None` as long as that is not known."""
        if self.api is None:
            return None
        return "long poll" if self.by_poll else "polling"

    @property
    def by_poll(self) -> bool:
        """Whether there is a long poll for us."""
        return self.api is V1_API and not self.refused

    def ask_again(self) -> None:
        """Find out anew what the server has for us."""
        self.api, self.refused = None, False

    def join(self, key: NacosKey) -> None:
        """Follow one more; it is read before anything else is waited for."""
        self._states[key] = _State()

    def leave(self, key: NacosKey) -> None:
        """Follow it no more."""
        self._states.pop(key, None)

    def known(self) -> dict[NacosKey, str]:
        """The md5 of each that is as it was read last, as far as is known."""
        return {
            key: state.md5 for key, state in self._states.items() if state.md5 is not None and not state.dirty
        }

    def clean(self) -> frozenset[NacosKey]:
        """Those that are as they were read last, as far as is known."""
        return frozenset(key for key, state in self._states.items() if not state.dirty)

    def dirty(self) -> list[NacosKey]:
        """Those that have to be read."""
        return [key for key, state in self._states.items() if state.dirty]

    def all(self) -> list[NacosKey]:
        """All that are followed."""
        return list(self._states)

    def mark(self, keys: Collection[NacosKey]) -> None:
        """Have them read again."""
        for key in keys:
            if key in self._states:
                self._states[key].dirty = True

    def failed(self, key: NacosKey, error: SourceError) -> News:
        """Note why one could not be read."""
        if isinstance(error, Busy):
            self._asked = max(self._asked, error.seconds)
        return News(key, error=error)

    def asked(self) -> float:
        """Seconds that the server asked to be left alone for, since this was asked last."""
        seconds, self._asked = self._asked, 0.0
        return seconds

    def take(self, key: NacosKey, config: NacosConfig | None) -> News:
        """Note what was read."""
        md5 = config.md5 if config else ""
        state = self._states.get(key, _State())
        different = md5 != state.md5
        state.md5, state.dirty = md5, False
        return News(key, config, changed=different)


def look(login: Login, key: NacosKey, limit: int) -> Steps[News]:
    """Read one configuration, and follow nothing.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        config, _ = yield from read(login, key, limit=limit)
        news = yield from _hinted(login, News(key, config), {})
    except RequestRefused as error:
        news = yield from _hinted(login, News(key, error=error), {})
    if news.error is not None:
        raise news.error
    return news


def follow(watched: Watched, *, now: Callable[[], float], random: Callable[[], float]) -> Steps[None]:
    """Tell what is there, then every change, for ever; yields `News` and `Answered` besides.

    Args:
        watched: what and how.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.
    """
    backoff, retry, bucket = Backoff(random), Backoff(random), TokenBucket(now)
    poll, looks = _LongPoll(watched, random), _Looks(watched, now, random)
    while True:
        if not len(watched):
            yield Rest(None)
            continue
        fresh = yield from _read_dirty(watched, retry)
        pause = max(poll.damp(fresh=fresh), bucket.take())
        if pause:
            yield Rest(pause)
        patience = _patience(watched, retry)
        try:
            if not watched.known() or watched.api is None:
                yield Rest(patience)
                continue
            if watched.by_poll:
                yield from poll.once(patience)
                backoff.succeeded()
            else:
                yield from looks.once(patience)
        except WrongApi:
            watched.ask_again()
            watched.mark(watched.all())
            # Should what can be read so be without a long poll, that is no reason to spin.
            yield Rest(backoff.failed())
        except _Refused:
            yield from poll.refused()
            yield Rest(backoff.failed())
        except SourceError as error:
            for key in watched.all():
                yield News(key, error=error)
            yield Rest(backoff.failed(error.seconds if isinstance(error, Busy) else 0.0))


def _patience(watched: Watched, retry: Backoff) -> float | None:
    """Seconds after which to try again what could not be read; the others need not wait for it."""
    if watched.dirty():
        return retry.failed()
    retry.succeeded()
    return None


class _Refused(Exception):
    """The poll itself is refused, which is no word on any right to read; a log-in that fails is."""


class _LongPoll:
    """Waits for what changed, and knows whether the last wait was worth it."""

    def __init__(self, watched: Watched, random: Callable[[], float]) -> None:
        self._watched = watched
        self._random = random
        self._hinted: bool | None = None
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
        # After a failure one that is answered at once tells that somebody is there again.
        glance = self._failed
        request = replace(listener(watched.known(), watched.wait, glance=glance), patience=patience)
        self._hinted, self._failed = False, True
        try:
            reply = yield from watched.login.hold(request)
        except ConnectionLost:
            if glance:
                raise
            # No failure yet, as proxies end what waits for long; but perhaps everybody's was lost.
            yield Rest(self._random() * FIRST_DELAY)
            return
        if reply is not None:
            try:
                hints = changed(reply, watched.all(), logged_in=watched.login.logged_in)
            except AccessDenied:
                raise _Refused from None
            watched.mark(hints)
            self._hinted = bool(hints)
            if glance or not hints:  # what changed is read first; that it is, is an answer as well
                yield Answered(watched.clean())
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
            self._watched.mark(self._watched.all())


def _read_dirty(watched: Watched, retry: Backoff) -> Steps[bool]:
    """Read what has to be read, and tell; gives whether any of it is another than it was."""
    keys = watched.dirty()
    fresh = False
    hints: dict[str, str] = {}
    try:
        if keys:
            yield from watched.login.renew()
        if watched.api is None:
            fresh = yield from _probe(watched, keys, hints)
    except SourceError as error:
        for key in keys:
            yield watched.failed(key, error)
        keys = []
    if keys and watched.api is not None:
        fresh = (yield from _read_all(watched, watched.api, keys, hints)) or fresh
    if asked := watched.asked():
        yield Rest(retry.failed(asked))
    return fresh


def _probe(watched: Watched, keys: list[NacosKey], hints: dict[str, str]) -> Steps[bool]:
    """Read one after the other until it is known by which API, and take them off the list.

    Raises:
        SourceUnavailable: nobody answers.
    """
    fresh = False
    while keys and watched.api is None:
        try:
            config, watched.api = yield from read(watched.login, keys[0], limit=watched.limit)
        except SourceUnavailable:
            raise
        except SourceError as error:
            yield (yield from _hinted(watched.login, watched.failed(keys.pop(0), error), hints))
        else:
            news = watched.take(keys.pop(0), config)
            fresh = fresh or news.changed
            yield (yield from _hinted(watched.login, news, hints))
    return fresh


def _read_all(watched: Watched, api: Api, keys: Sequence[NacosKey], hints: dict[str, str]) -> Steps[bool]:
    """Read several side by side."""
    fresh = False
    replies: Sequence[Reply | SourceError]
    try:
        replies = yield from watched.login.send_all([api.read(key, limit=watched.limit) for key in keys])
    except SourceError as error:
        replies = [error] * len(keys)
    for key, reply in zip(keys, replies, strict=True):
        told = _read_reply(watched, api, key, reply)
        if told is not None:
            fresh = fresh or (told.error is None and told.changed)
            yield (yield from _hinted(watched.login, told, hints))
    return fresh


def _read_reply(watched: Watched, api: Api, key: NacosKey, reply: Reply | SourceError) -> News | None:
    """What a reply tells; nothing if it is to be read again, by another API or a little later."""
    try:
        if isinstance(reply, SourceError):
            raise reply
        return watched.take(key, api.content(key, reply, logged_in=watched.login.logged_in))
    except BeingChanged:
        return None
    except WrongApi:
        watched.ask_again()
        return None
    except SourceError as error:
        return watched.failed(key, error)


def _hinted(login: Login, news: News, hints: dict[str, str]) -> Steps[News]:
    """The same; if it is not there, or is refused, with what may be wrong with its namespace.

    Args:
        login: who we are.
        news: what was found.
        hints: what is known of namespaces already, so that thousands ask but once.
    """
    missing = news.changed and news.config is None and news.error is None
    refused = isinstance(news.error, RequestRefused)
    if not news.key.namespace or not (missing or refused):
        return news
    if news.key.namespace not in hints:
        hints[news.key.namespace] = yield from whether_a_name(login, news.key.namespace)
    hint = hints[news.key.namespace]
    if hint and news.error is not None:
        # Names often have blanks, which ids cannot have.
        return replace(news, error=RequestRefused(f"{news.error.reason}: {hint}"))
    return replace(news, hint=hint)
