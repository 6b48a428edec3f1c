"""Being told that it may stand otherwise with the sources."""

import asyncio
import logging
import threading

from dynconf import Config, Memory, Source
from dynconf._dispatch.standing import StandingSubscription
from dynconf._values.snapshot import Update
from dynconf._values.source import Feed
from dynconf.errors import SourceUnavailable
from dynconf.sources._standing import Standing
from tests.unit.core_props import LOOK, Told
from tests.unit.host_props import run


def followed(config: Config) -> tuple[StandingSubscription, Told]:
    """The states of the one source, as whoever is told sees them."""
    told = Told()

    def look(_: bool) -> None:
        told(config.status().sources[0].state)

    return StandingSubscription(config._lifecycle.publisher.dispatcher, look), told


def test_every_state_is_seen() -> None:
    """A source that fails, recovers, is refused, taken, missing, stopped: after each it is looked at."""
    document = Memory({"flags": {"x": True}}, remote=True)
    config = Config(document)
    config.flags()
    _, told = followed(config)
    with config:
        told.until(lambda states: states[-1:] == ["live"])
        document.fail()
        told.until(lambda states: states[-1] == "stale")
        document.recover()
        told.until(lambda states: states[-1] == "live")
        document.set({"flags": {"x": {}}})
        told.until(lambda states: states[-1] == "refused")
        document.set({"flags": {"x": True}})
        told.until(lambda states: states[-1] == "live")
        document.delete()
        told.until(lambda states: states[-1] == "missing")
    assert told.items[-1] == "stopped"
    document.set({})
    with config:
        told.until(lambda states: states[-1] == "live")


class Parts(Source):
    """A source of one document, which is there and then cannot be read."""

    name = "parts"
    remote = True

    def __init__(self) -> None:
        self.fail = threading.Event()

    async def run(self, feed: Feed) -> None:
        standing = Standing(feed, lambda part: [part])
        standing.found("a", Update("a", "1", {"n": 1}))
        standing.answered("a")
        feed.loaded()
        while not self.fail.is_set():
            await feed.clock.sleep(0.01)
        standing.failed("a", SourceUnavailable("it is down"))
        await asyncio.Event().wait()


def test_what_is_told_fits_together() -> None:
    """Whoever looks while a failure is just being taken down sees it as a whole, or not at all."""
    source = Parts()
    config = Config(source)
    seen = Told()

    class Looking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen(config.status().sources[0])

    logger, handler = logging.getLogger("dynconf.sources"), Looking(logging.WARNING)
    logger.addHandler(handler)
    try:
        with config:
            source.fail.set()
            status = seen.wait(1)[0]
    finally:
        logger.removeHandler(handler)
    assert (status.state, status.error) == ("stale", "it is down")
    assert status.failing_since is not None
    assert [(one.state, [str(why) for why in one.problems]) for one in status.documents] == [
        ("stale", ["parts: it is down"])
    ]


def test_closed() -> None:
    """Who has closed it is told no more, not of a stop either."""
    config = Config(Memory({}))
    subscription, told = followed(config)
    with config:
        told.wait(1)
        subscription.close()
        seen = len(told.items)
    assert len(told.items) == seen


def test_many_at_once_are_one() -> None:
    """What comes while it is looked at is looked at once, afterwards."""
    entered, go_on, looks = threading.Event(), threading.Event(), Told()
    config = Config(Memory({}))

    def look(_: bool) -> None:
        entered.set()
        assert go_on.wait(LOOK)
        looks(config.status().version)

    StandingSubscription(config._lifecycle.publisher.dispatcher, look)
    with config:
        assert entered.wait(LOOK)
        for _ in range(100):
            config._lifecycle.publisher.dispatcher.stands_otherwise()
        go_on.set()
        looks.wait(2)
    assert len(looks.items) < 10


def test_fork() -> None:
    """A forked child looks for itself, and evaluates flags as its parent does."""
    run(
        """
from dynconf import Config, Memory
from dynconf._dispatch.standing import StandingSubscription

config = Config(Memory({"flags": {"x": True}}))
flags = config.flags()
parent, looked = os.getpid(), threading.Event()

def look(_):
    if os.getpid() != parent:
        assert flags.enabled("x")
        looked.set()

subscription = StandingSubscription(config._lifecycle.publisher.dispatcher, look)
with config:
    pid = os.fork()
    if not pid:
        os._exit(0 if looked.wait(LOOK) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    )
