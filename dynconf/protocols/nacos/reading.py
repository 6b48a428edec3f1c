"""Reading what is followed: the API found, several side by side, and what was found told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from dynconf.errors import RequestRefused, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, ConnectionLost, Reply, Rest, Steps, UnderWay
from dynconf.protocols.nacos.api import Api
from dynconf.protocols.nacos.either import read
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.namespaces import whether_a_name
from dynconf.protocols.nacos.replies import BeingChanged, WrongApi
from dynconf.protocols.nacos.watched import News, Watched
from dynconf.protocols.pacing import pause_after

__all__ = ["look", "read_due"]

_Answer: TypeAlias = tuple[NacosKey, Api, Reply | SourceError]
_MOMENT: Final = 0.001  # seconds that are not worth another rest
_SILENCE: Final = (SourceUnavailable, ConnectionLost)  # the others of this kind are answers


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


def read_due(watched: Watched, *, now: Callable[[], float], random: Callable[[], float]) -> Steps[bool]:
    """Read what has to be read by now, and tell; gives whether any of it is another than it was, or may be.

    What cannot be read waits, longer each time, and what takes long is told when it is there; neither holds
    up any of the others.
    """
    late = watched.arrived()
    keys = watched.due(now())
    left = [key for key in keys if key not in {key for key, _, _ in late}]
    fresh = False
    hints: dict[str, str] = {}
    try:
        fresh, strays = yield from _tell(watched, late, hints)
        if left:
            yield from watched.login.renew()
        if watched.api is None:
            fresh = (yield from _probe(watched, left, hints)) or fresh
        if watched.api is not None:
            if left:
                fresh = (yield from _read_all(watched, watched.api, left, hints)) or fresh
            left += strays
            # Is it another API by now, or does something before the server turn just these away?
            fresh = (yield from _probe(watched, left, hints)) or fresh
    except SourceError as error:
        watched.silent = True
        for key in left:
            yield watched.failed(key, error)
    watched.postpone(keys, now(), random)
    if busy := watched.busy():
        fresh = (yield from _left_alone(watched, busy, hints, now=now, random=random)) or fresh
    return fresh


def _left_alone(
    watched: Watched,
    busy: Busy,
    hints: dict[str, str],
    *,
    now: Callable[[], float],
    random: Callable[[], float],
) -> Steps[bool]:
    """The server asked to be left alone altogether, and so it is; what arrives meanwhile is told."""
    watched.silent = True
    for key in watched.clean():
        yield News(key, error=busy)
    fresh, told = False, set(watched.all())
    until = now() + pause_after(1, random, busy.seconds)
    while (pause := until - now()) > _MOMENT:
        yield Rest(pause)
        more, _ = yield from _tell(watched, watched.arrived(), hints)
        fresh = fresh or more
        if again := watched.busy():
            busy, until = again, max(until, now() + pause_after(1, random, again.seconds))
        for key in set(watched.due(now())) - told:  # those that have joined
            told.add(key)
            yield News(key, error=busy)
    return fresh


def _probe(watched: Watched, left: list[NacosKey], hints: dict[str, str]) -> Steps[bool]:
    """Read one after the other until one says by which API, and take them off the list.

    Raises:
        SourceUnavailable: nobody answers, or not sensibly, and that of two of them, if there are two.
    """
    fresh = found = doubted = False
    while left and not found:
        key = left[0]
        try:
            config, api = yield from read(watched.login, key, limit=watched.limit)
            watched.found(api)
            told = watched.take(key, config)
            found, fresh = True, told.changed
        except SourceUnavailable as error:
            watched.put_last(key)
            if doubted or len(left) == 1 or isinstance(error, Busy):
                raise
            doubted = True
            told = watched.failed(key, error)
        except SourceError as error:
            told = watched.failed(key, error)
        del left[0]
        yield (yield from _hinted(watched.login, told, hints))
    return fresh


def _read_all(watched: Watched, api: Api, left: list[NacosKey], hints: dict[str, str]) -> Steps[bool]:
    """Read several side by side, and take those off the list for which the server has that API.

    Raises:
        SourceError: the log-in is refused, or nobody answers it.
    """
    replies = yield from watched.login.send_all([api.read(key, limit=watched.limit) for key in left])
    there: list[_Answer] = []
    for key, reply in zip(left, replies, strict=True):
        if isinstance(reply, UnderWay):
            watched.wait_for(key, api, reply)
        else:
            there.append((key, api, reply))
    slow = len(there) < len(left)
    fresh, left[:] = yield from _tell(watched, there, hints)
    return fresh or slow


def _tell(
    watched: Watched, answers: list[_Answer], hints: dict[str, str]
) -> Steps[tuple[bool, list[NacosKey]]]:
    """Tell what came; gives whether any of it is another than it was, and whose API the server has not."""
    fresh = False
    strays = []
    watched.silent = watched.silent or (
        bool(answers) and all(type(reply) in _SILENCE for _, _, reply in answers)
    )
    for key, api, reply in answers:
        try:
            told = _read_reply(watched, api, key, reply)
        except WrongApi:
            strays.append(key)
            continue
        if told is not None:
            if watched.api is None and told.error is None:
                watched.found(api)
            fresh = fresh or (told.error is None and told.changed)
            yield (yield from _hinted(watched.login, told, hints))
    return fresh, strays


def _read_reply(watched: Watched, api: Api, key: NacosKey, reply: Reply | SourceError) -> News | None:
    """What a reply tells; nothing if it is to be read again a little later.

    Raises:
        WrongApi: the server does not have this API, as far as this one is concerned.
    """
    try:
        if isinstance(reply, SourceError):
            raise reply
        return watched.take(key, api.content(key, reply, logged_in=watched.login.logged_in))
    except BeingChanged:
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
