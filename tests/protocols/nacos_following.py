"""A session that follows configurations of Nacos, and what it begins with."""

from typing import Any

from dynconf.errors import SourceUnavailable
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.watch import follow
from dynconf.protocols.nacos.watched import News, Watched
from dynconf.testing import ManualClock
from tests.protocols.nacos_props import (
    SWITCHED_OFF,
    Session,
    digest,
    listens,
    login,
    v1,
    v3,
)

OLD, NEW = v1(b"n: 1"), v1(b"n: 2")
OLD_MD5, NEW_MD5 = digest(b"n: 1"), digest(b"n: 2")
NOBODY = SourceUnavailable("nobody")


class Following(Session):
    """Following some configurations, with the numbers of chance all the same."""

    def __init__(self, *keys: NacosKey, username: str = "", random: float = 0.5, **options: Any) -> None:
        clock = ManualClock()
        self.watched = Watched(login(username, clock=clock), **options)
        for key in keys:
            self.watched.join(key)
        super().__init__(follow(self.watched, now=clock.monotonic, random=lambda: random), clock)

    def join(self, key: NacosKey) -> None:
        """One more is followed: it is woken."""
        self.watched.join(key)
        self.wake()

    def leave(self, key: NacosKey) -> None:
        """One less is followed: it is woken."""
        self.watched.leave(key)
        self.wake()

    def states(self) -> list[tuple[NacosKey, Any]]:
        """What was told since this was asked last: each with its content, `None`, or its error's type."""
        return [
            (news.key, type(news.error) if news.error else news.config and news.config.content)
            for news in self.told()
            if isinstance(news, News)
        ]


def polling(*keys: NacosKey, **options: Any) -> Following:
    """Following where there is a long poll, and each key holds `n: 1`; it is waiting."""
    session = Following(*keys, **options).answer(*[OLD] * len(keys))
    assert listens(session.request)
    session.told()
    return session


def looking(*keys: NacosKey, **options: Any) -> Following:
    """Following where there is no long poll; the first look is over, the second is being made."""
    session = Following(*keys, **options).answer(SWITCHED_OFF, *[v3(b"n: 1")] * len(keys))
    session.told()
    session.rested()
    return session
