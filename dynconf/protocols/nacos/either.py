"""Asking by whichever API the server has."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final, TypeVar

from dynconf.errors import Conflict, SourceError
from dynconf.protocols.exchange import Pause, Reply, Request, Steps
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.api import ABSENCES, APIS, V3_API, Api
from dynconf.protocols.nacos.identity import NacosConfig, NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.replies import BeingChanged, WrongApi

__all__ = ["BETWEEN", "by_either", "read"]

T = TypeVar("T")

BETWEEN: Final = 0.025
_LOOKS: Final = 80
"""Seconds between two looks at what is just being changed, and how many of them there are."""


def read(
    login: Login, key: NacosKey, *, api: Api | None = None, limit: int
) -> Steps[tuple[NacosConfig | None, Api]]:
    """Read one configuration, by whichever API the server has; gives that as well.

    Args:
        login: who we are.
        key: which.
        api: what to try first.
        limit: bytes that the reply may have.

    Raises:
        SourceError: it cannot be read.
    """
    absences = 0

    def content(one: Api, reply: Reply) -> tuple[NacosConfig | None, Api]:
        nonlocal absences
        config = one.content(key, reply, logged_in=login.logged_in)
        if config is None and one is V3_API:
            absences += 1
            if absences < ABSENCES:
                raise BeingChanged(f"{key} may just be being written")
        return config, one

    return (yield from by_either(login, lambda one: one.read(key, limit=limit), content, first=api))


def by_either(
    login: Login,
    request: Callable[[Api], Request],
    read_reply: Callable[[Api, Reply], T],
    *,
    first: Api | None = None,
) -> Steps[T]:
    """What the first API says that the server has, once it is not just being changed.

    Args:
        login: who we are.
        request: what to send.
        read_reply: what a reply means.
        first: the API to try first.

    Raises:
        SourceError: neither answers sensibly.
    """
    candidates = deque(sorted(APIS, key=lambda other: other is not first))
    without: dict[str, set[Api]] = defaultdict(set)
    error: SourceError
    for _ in range(_LOOKS):
        reply = yield from login.send(request(candidates[0]))
        try:
            return read_reply(candidates[0], reply)
        except BeingChanged:
            error = Conflict(f"the server has been changing it for {_LOOKS * BETWEEN:g} s (HTTP 409)")
            yield Pause(BETWEEN)
        except WrongApi:
            error = stranger(reply, "Nacos")
            # In a cluster that is upgraded server by server, each may lack one, and the next answers.
            lacking = without[reply.server]
            if candidates[0] in lacking:
                yield Pause(BETWEEN)
            lacking.add(candidates[0])
            if len(lacking) == len(APIS):
                break
            candidates.rotate()
    raise error
