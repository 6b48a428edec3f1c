"""Two hundred clients of a server that goes and comes back: they return spread over a window, not as one.

Time is simulated, so every run is the same.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from dynconf.errors import SourceUnavailable
from dynconf.protocols.consul import watch as consul
from dynconf.protocols.exchange import ConnectionLost, Pause, Reply, Request, Rest, Steps
from dynconf.protocols.nacos.watch import follow
from dynconf.protocols.nacos.watched import Watched
from dynconf.protocols.pacing import LONGEST_DELAY
from tests.protocols.canned import raw, reply
from tests.protocols.nacos_props import NOTHING, SWITCHED_OFF, A, login, v1, v3

CLIENTS = 200
GOES = 30.0


class Server:
    """What answers at once, or holds a request, or is away; it keeps when it was asked.

    Args:
        answer: the reply to a request; `None` if it is held.
        away: for how many seconds it is; with 0 all connections are lost and nothing else.
    """

    def __init__(self, answer: Callable[[Request], Reply | None], away: float) -> None:
        self.answer = answer
        self.back = GOES + away
        self.asked: list[tuple[float, int]] = []

    def is_away(self, now: float) -> bool:
        return GOES <= now < self.back

    def arrivals(self) -> list[float]:
        """When each client came for the first time since it is back, in seconds after that."""
        first: dict[int, float] = {}
        for at, client in self.asked:
            if at >= self.back:
                first.setdefault(client, at - self.back)
        return sorted(first.values())


@dataclass(order=True)
class Event:
    """A client goes on, at some time, with an answer or a fault; `held` if the server's going comes first."""

    at: float
    number: int
    client: int = field(compare=False)
    answer: Any = field(compare=False, default=None)


def simulate(server: Server, make: Callable[[Callable[[], float], Callable[[], float]], Steps[None]]) -> None:
    """Let all clients follow something until a minute after the server is back."""
    dice = random.Random(20261121)  # noqa: S311 - it decides about nothing secret
    clock = [0.0]
    clients = [make(lambda: clock[0], dice.random) for _ in range(CLIENTS)]
    numbers: Iterator[int] = count()
    events = [Event(dice.uniform(0, 10), next(numbers), client) for client in range(CLIENTS)]
    heapq.heapify(events)
    while events and events[0].at < server.back + 60:
        event = heapq.heappop(events)
        now = clock[0] = event.at
        steps, answer = clients[event.client], event.answer
        while True:
            step = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
            answer = None
            if isinstance(step, Request | list):
                server.asked.append((now, event.client))
                delay, answer = ask(server, step, now)
            elif isinstance(step, Pause | Rest):
                assert step.seconds is not None
                delay = step.seconds
            else:
                continue
            heapq.heappush(events, Event(now + delay, next(numbers), event.client, answer))
            break


def ask(server: Server, step: Request | list[Request], now: float) -> tuple[float, Any]:
    """Seconds until a request ends, and how."""
    if isinstance(step, list):
        answers = [ask(server, request, now) for request in step]
        return max(delay for delay, _ in answers), [answer for _, answer in answers]
    if server.is_away(now):
        return 0.001, SourceUnavailable("nobody listens there")
    found = server.answer(step)
    if found is not None:
        return 0.001, found
    hold = 30.0
    if now < GOES <= now + hold:
        return GOES - now, ConnectionLost("the connection was lost")
    return hold, NOTHING if step.method == "POST" else reply([raw("a", b"1")], 7)


def of_consul(request: Request) -> Reply | None:
    """A key that never changes."""
    return None if "index" in request.query else reply([raw("a", b"1")], 7)


def of_nacos(request: Request) -> Reply | None:
    """A configuration that never changes, and long polls."""
    if request.held:
        return NOTHING if "Long-Pulling-Timeout-No-Hangup" in request.headers else None
    return v1()


def of_nacos3(request: Request) -> Reply | None:
    """The same without long polls."""
    return SWITCHED_OFF if request.path.startswith("/v1") else v3()


def consul_client(now: Callable[[], float], dice: Callable[[], float]) -> Steps[None]:
    """Follows a key."""
    return consul.follow(consul.Watch("a", {}), watching=True, now=now, random=dice)


def nacos_client(now: Callable[[], float], dice: Callable[[], float]) -> Steps[None]:
    """Follows a configuration."""
    watched = Watched(login(), interval=15.0)
    watched.join(A)
    return follow(watched, now=now, random=dice)


@pytest.mark.parametrize(
    ("answer", "client"),
    [(of_consul, consul_client), (of_nacos, nacos_client), (of_nacos3, nacos_client)],
    ids=["consul", "long poll", "polling"],
)
@pytest.mark.parametrize(("away", "most"), [(0.0, 0.3), (3.0, 0.15), (120.0, 0.05)])
def test_they_do_not_come_as_one(answer: Any, client: Any, away: float, most: float) -> None:
    """All come back, within the longest pause; in no tenth of a second more than some part of them."""
    server = Server(answer, away)
    simulate(server, client)
    arrivals = server.arrivals()
    assert len(arrivals) == CLIENTS
    assert arrivals[-1] < max(LONGEST_DELAY, 15.0 * 1.2)
    window: deque[float] = deque()
    fullest = 0
    for at in arrivals:
        window.append(at)
        while window[0] < at - 0.1:
            window.popleft()
        fullest = max(fullest, len(window))
    assert fullest <= most * CLIENTS


def test_who_comes_as_one_is_found() -> None:
    """The simulation sees a herd: clients that all wait for the same time."""

    def client(now: Callable[[], float], dice: Callable[[], float]) -> Steps[None]:
        while True:
            try:
                yield Request("GET", "/v1/kv/a", {"index": "7"})
            except SourceUnavailable:
                yield Pause(1.0)

    server = Server(lambda _: None, 3.0)
    simulate(server, client)
    assert len(set(server.arrivals())) < 10
