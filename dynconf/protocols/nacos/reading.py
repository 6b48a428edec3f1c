"""Reading what is followed: the API found, several side by side, and what was found told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from dynconf.errors import RequestRefused, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, ConnectionLost, Reply, Steps, UnderWay
from dynconf.protocols.nacos.api import ABSENCES, Api
from dynconf.protocols.nacos.either import read
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.namespaces import whether_a_name
from dynconf.protocols.nacos.replies import BeingChanged, WrongApi
from dynconf.protocols.nacos.watched import News, Sent, Watched

__all__ = ["read_due"]

_SILENCE: Final = (SourceUnavailable, ConnectionLost)  # the others of this kind are answers


def read_due(watched: Watched, *, now: Callable[[], float], random: Callable[[], float]) -> Steps[bool]:
    """Read what has to be read by now, and tell; gives whether any of it is another than it was, or may be.

    What cannot be read waits, longer each time, and what takes long is told when it is there; neither holds
    up any of the others. That the server wants to be left alone is said of all.
    """
    one = _Round(watched)
    keys = yield from one.read(now())
    busy = watched.busy()
    watched.postpone(keys, now(), random, busy.seconds if busy else 0.0)
    if busy:
        watched.silent = True
        for key in watched.clean():
            yield News(key, error=busy)
    return one.fresh


class _Round:
    """One round of reading, in which all that is found is told.

    Attributes:
        fresh: whether anything is another than it was, or may be.
    """

    def __init__(self, watched: Watched) -> None:
        self.fresh = False
        self._watched = watched
        self._hints: dict[str, str] = {}
        self._again: set[NacosKey] = set()

    def read(self, now: float) -> Steps[list[NacosKey]]:
        """Read what is due; gives what has had its turn by that, read or not."""
        watched = self._watched
        late = watched.arrived()
        keys = watched.due(now)
        left = [key for key in keys if key not in {sent.key for sent, _ in late}]
        try:
            strays = yield from self.tell(late)
            if left:
                yield from watched.login.renew()
            if watched.api is None:
                yield from self._probe(left)
            if watched.api is not None:
                if left:
                    yield from self._read_all(watched.api, left)
                left += strays
                # Is it another API by now, or does something before the server turn just these away?
                yield from self._probe(left)
        except SourceError as error:
            watched.silent = self.fresh = True
            for key in left:
                yield watched.failed(key, error)
        return [key for key in keys if key not in self._again]

    def tell(self, answers: Sequence[tuple[Sent, Reply | SourceError]]) -> Steps[list[NacosKey]]:
        """Tell what came; gives those whose API the server has not."""
        watched = self._watched
        strays = []
        watched.silent = watched.silent or (
            bool(answers) and all(type(reply) in _SILENCE for _, reply in answers)
        )
        for sent, reply in answers:
            if watched.login.outdated(reply, sent.token) and watched.may_repeat(sent.key):
                self._again.add(sent.key)
                self.fresh = True
                continue
            watched.answered(sent.key)
            try:
                told = _read_reply(watched, sent, reply)
            except WrongApi:
                strays.append(sent.key)
                continue
            if told is None:
                self.fresh = True
                continue
            if watched.api is None and told.error is None:
                watched.found(sent.api)
            yield from self._told(told)
        return strays

    def _probe(self, left: list[NacosKey]) -> Steps[None]:
        """Read one after the other until one says by which API, and take them off the list.

        Raises:
            SourceUnavailable: nobody answers, or not sensibly, and that of two of them, if there are two.
        """
        watched = self._watched
        found = doubted = False
        while left and not found:
            key = left[0]
            try:
                config, api = yield from read(watched.login, key, limit=watched.limit)
                watched.found(api)
                found = True
                told = watched.take(key, config, api, looks=ABSENCES)
            except BeingChanged:
                del left[0]
                self.fresh = True
                continue
            except SourceUnavailable as error:
                watched.put_last(key)
                if doubted or len(left) == 1 or isinstance(error, Busy):
                    raise
                doubted = True
                told = watched.failed(key, error)
            except SourceError as error:
                told = watched.failed(key, error)
            del left[0]
            yield from self._told(told)

    def _read_all(self, api: Api, left: list[NacosKey]) -> Steps[None]:
        """Read several side by side, and take those off the list for which the server has that API."""
        watched = self._watched
        sent = [Sent(key, api, watched.login.token) for key in left]
        replies = yield [watched.login.signed(api.read(key, limit=watched.limit)) for key in left]
        there: list[tuple[Sent, Reply | SourceError]] = []
        for one, reply in zip(sent, replies, strict=True):
            if isinstance(reply, UnderWay):
                watched.wait_for(one, reply)
                self.fresh = True
            else:
                there.append((one, reply))
        left[:] = yield from self.tell(there)

    def _told(self, news: News) -> Steps[None]:
        self.fresh = self.fresh or news.changed
        yield (yield from _hinted(self._watched.login, news, self._hints))


def _read_reply(watched: Watched, sent: Sent, reply: Reply | SourceError) -> News | None:
    """What a reply tells; nothing if it is to be read again a little later.

    Raises:
        WrongApi: the server does not have this API, as far as this one is concerned.
    """
    try:
        if isinstance(reply, SourceError):
            raise reply
        config = sent.api.content(sent.key, reply, logged_in=watched.login.logged_in)
        return watched.take(sent.key, config, sent.api)
    except BeingChanged:
        return None
    except SourceError as error:
        return watched.failed(sent.key, error)


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
