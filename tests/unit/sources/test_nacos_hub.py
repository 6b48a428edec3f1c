"""What the Nacos sources of one Config share: who is told of what, over how many polls, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from dynconf._http.drive import SIDE_BY_SIDE
from dynconf._http.endpoint import Endpoint
from dynconf._http.tls import TLS
from dynconf._values.clock import SystemClock
from dynconf.errors import Origin, SourceError, SourceUnavailable
from dynconf.protocols.exchange import Busy, Reply, Request
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.watched import Answered, News
from dynconf.sources import _nacos_hub
from dynconf.sources._nacos_access import Access, NacosClient, endpoints
from dynconf.sources._nacos_hub import NacosHub
from tests.protocols.nacos_props import DENIED, V1_MISSING, A, B, C, digest, hint, listens, plain, v1
from tests.unit.http.fake_server import in_loop

FIRST, OTHER = "127.0.0.1", "127.0.0.2"
KEYS = [NacosKey(f"{number}.yaml", "g") for number in range(10)]


class FakeNacos:
    """In the network's place: a Nacos of version 1 in memory, which holds polls.

    Attributes:
        reads: the data ids that were read.
        held: what the polls that are held at the moment wait for.
        busy: how many reads are answered at the same time, at most.
        fault: what every request meets instead of an answer.
        denied: whether new polls are refused.
        says: what every read is answered with, if not with what there is.
        asked: which of the servers was asked, for each read.
    """

    def __init__(self, *keys: NacosKey) -> None:
        self.contents = dict.fromkeys(keys, b"n: 1")
        self.reads: list[str] = []
        self.held: list[set[NacosKey]] = []
        self.closed = False
        self.busy = 0
        self.fault: Exception | None = None
        self.denied = False
        self.says: dict[str, Reply] = {}
        self.asked: list[str] = []
        self._now = 0
        self._changed = asyncio.Condition()

    async def answer(self, host: str, request: Request) -> Reply:
        if self.fault is not None:
            raise self.fault
        if request.method == "GET":
            self.asked.append(host)
            return await self._read(host, request)
        if self.denied:
            return DENIED
        waits_for = listens(request)
        self.held.append(set(waits_for))
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self.fault or self._news(waits_for))
        finally:
            self.held.remove(set(waits_for))
        if self.fault is not None:
            raise self.fault
        return hint(*self._news(waits_for))

    async def publish(self, key: NacosKey, content: bytes) -> None:
        """Alter a configuration."""
        async with self._changed:
            self.contents[key] = content
            self._changed.notify_all()

    async def fail(self, fault: Exception | None) -> None:
        """Have every request fail, also those that are held."""
        async with self._changed:
            self.fault = fault
            self._changed.notify_all()

    async def until_held(self, *polls: set[NacosKey]) -> None:
        """Wait until just these polls are held."""
        await until(lambda: sorted(map(sorted_ids, self.held)) == sorted(map(sorted_ids, polls)))

    async def _read(self, host: str, request: Request) -> Reply:
        key = NacosKey(request.query["dataId"], request.query["group"])
        self.reads.append(key.data_id)
        self._now += 1
        self.busy = max(self.busy, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if host in self.says:
            return self.says[host]
        return v1(self.contents[key]) if key in self.contents else V1_MISSING

    def _news(self, waits_for: dict[NacosKey, str]) -> list[NacosKey]:
        return [key for key, md5 in waits_for.items() if md5 != self._md5(key)]

    def _md5(self, key: NacosKey) -> str:
        return digest(self.contents[key]) if key in self.contents else ""


def sorted_ids(keys: set[NacosKey]) -> list[str]:
    """For comparison."""
    return sorted(key.data_id for key in keys)


async def until(true: Callable[[], object]) -> None:
    """Let everything go on until something holds."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - there is no one event that it could wait for
            await asyncio.sleep(0.001)


class Follower:
    """Follows some keys of a hub, and keeps what it is told."""

    def __init__(self, hub: NacosHub, *keys: NacosKey) -> None:
        self.keys = keys
        self.told: list[News | Answered] = []
        self._following = hub.follow(keys, self.told_of)

    def told_of(self, news: News | Answered) -> None:
        self.told.append(news)

    @contextmanager
    def following(self) -> Iterator["Follower"]:
        """Follow while the body runs."""
        with self._following as self.broken:
            yield self

    def contents(self, key: NacosKey) -> list[bytes | None]:
        """What it was told of a key: contents, or that there is none."""
        news = [one for one in self.told if isinstance(one, News) and one.key == key]
        return [one.config.content if one.config else None for one in news]

    def busy(self) -> set[NacosKey]:
        """Those of which it was told that the server wants to be left alone."""
        return {one.key for one in self.told if isinstance(one, News) and isinstance(one.error, Busy)}

    async def until_all(self) -> None:
        """Wait until it was told of each of its keys."""
        await until(lambda: all(self.contents(key) for key in self.keys))


class Wired(NacosClient):
    """The client, without a network."""

    def __init__(self, nacos: FakeNacos, access: Access) -> None:
        super().__init__(access, asyncio.to_thread)
        self._nacos = nacos

    async def _ask(self, endpoint: Endpoint, request: Request) -> Reply:
        return await self._nacos.answer(endpoint.host, request)

    async def close(self) -> None:
        await super().close()
        self._nacos.closed = True


@asynccontextmanager
async def hub_of(nacos: FakeNacos, *others: str) -> AsyncIterator[NacosHub]:
    """A hub over that."""
    access = Access(endpoints([FIRST, *others], "/nacos"), TLS())
    hub = NacosHub(Wired(nacos, access), access, SystemClock(), 1000)
    try:
        yield hub
    finally:
        await hub.close()


@in_loop
async def test_one_poll_for_all() -> None:
    """All followers share one poll; each is told of its own keys only."""
    nacos = FakeNacos(A, B, C)
    async with hub_of(nacos) as hub:
        with Follower(hub, A, B).following() as one, Follower(hub, C).following() as other:
            await nacos.until_held({A, B, C})
            assert hub.transport(one.told_of) == hub.transport(other.told_of) == "long poll"
            await nacos.publish(C, b"n: 2")
            await until(lambda: other.contents(C)[-1:] == [b"n: 2"])
            await nacos.until_held({A, B, C})
        assert (one.contents(A), one.contents(B), one.contents(C)) == ([b"n: 1"], [b"n: 1"], [])
        assert other.contents(C) == [b"n: 1", b"n: 2"]
        answered = [keys.keys for keys in one.told if isinstance(keys, Answered)]
        assert all(keys <= {A, B} for keys in answered)


@in_loop
async def test_two_followers_of_one_key() -> None:
    """Each is told all of it, whoever came first; and when one leaves the other is told on."""
    nacos = FakeNacos(A)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one:
            await one.until_all()
            with Follower(hub, A).following() as two:
                await two.until_all()
                await nacos.publish(A, b"n: 2")
                await until(lambda: one.contents(A)[-1] == two.contents(A)[-1] == b"n: 2")
            await nacos.publish(A, b"n: 3")
            await until(lambda: one.contents(A)[-1] == b"n: 3")
            assert two.contents(A) == [b"n: 1", b"n: 2"]
            await nacos.until_held({A})


@in_loop
async def test_joining_reads_only_what_is_new() -> None:
    """Who joins while others are waited for is told at once, and the others' are not read again."""
    nacos = FakeNacos(A, B)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following():
            await nacos.until_held({A})
            with Follower(hub, B).following() as late:
                await late.until_all()
                await nacos.until_held({A, B})
    assert nacos.reads == ["a.yaml", "b.yaml"]


@in_loop
async def test_leaving() -> None:
    """What nobody follows any more is in no poll; without anybody there is none at all."""
    nacos = FakeNacos(A, B)
    async with hub_of(nacos) as hub:
        with Follower(hub, B).following() as stays:
            with Follower(hub, A).following() as leaves:
                await nacos.until_held({A, B})
            await nacos.until_held({B})
            await nacos.publish(A, b"n: 2")
            await nacos.publish(B, b"n: 2")
            await until(lambda: stays.contents(B)[-1] == b"n: 2")
            assert leaves.contents(A) == [b"n: 1"]
        await nacos.until_held()
        with Follower(hub, A).following() as again:
            await nacos.until_held({A})
            assert again.contents(A) == [b"n: 2"]
    assert nacos.reads == ["b.yaml", "a.yaml", "b.yaml", "a.yaml"]


@in_loop
async def test_poll_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not fit into the first poll has another; and what has become free is used again."""
    monkeypatch.setattr(_nacos_hub, "MOST", 3)
    nacos = FakeNacos(*KEYS)
    async with hub_of(nacos) as hub:
        with Follower(hub, *KEYS[:2]).following(), Follower(hub, *KEYS[2:4]).following() as second:
            await nacos.until_held(set(KEYS[:2]), set(KEYS[2:4]))
            with Follower(hub, KEYS[4]).following(), Follower(hub, KEYS[5]).following():
                await nacos.until_held({*KEYS[:2], KEYS[4]}, {*KEYS[2:4], KEYS[5]})
            await nacos.publish(KEYS[3], b"n: 2")
            await until(lambda: second.contents(KEYS[3])[-1] == b"n: 2")
            with Follower(hub, KEYS[6]).following():
                await nacos.until_held({*KEYS[:2], KEYS[6]}, set(KEYS[2:4]))


@in_loop
async def test_more_than_one_poll_may_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of one follower are spread over as many polls as they need, and leave all of them."""
    monkeypatch.setattr(_nacos_hub, "MOST", 4)
    nacos = FakeNacos(*KEYS)
    async with hub_of(nacos) as hub:
        with Follower(hub, *KEYS).following() as one:
            await nacos.until_held(set(KEYS[:4]), set(KEYS[4:8]), set(KEYS[8:]))
            for key in KEYS:
                await nacos.publish(key, b"n: 2")
            await until(lambda: all(one.contents(key)[-1] == b"n: 2" for key in KEYS))
        await nacos.until_held()


@in_loop
async def test_transport_is_each_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the polls that a follower's own keys are in, and unknown to who follows nothing."""
    monkeypatch.setattr(_nacos_hub, "MOST", 2)
    nacos = FakeNacos(*KEYS)
    async with hub_of(nacos) as hub:
        one, two = Follower(hub, *KEYS[:2]), Follower(hub, *KEYS[2:5])
        with one.following():
            await nacos.until_held(set(KEYS[:2]))
            nacos.denied = True
            with two.following():
                await until(lambda: hub.transport(two.told_of) == "polling")
                assert hub.transport(one.told_of) == "long poll"
                nacos.denied = False
                with Follower(hub, KEYS[5]).following() as three:
                    await nacos.until_held(set(KEYS[:2]))
                    await until(lambda: hub.transport(three.told_of) == "polling")
            assert hub.transport(two.told_of) == ""


@in_loop
async def test_transport_of_one_in_several_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some are looked at and others waited for, both are said."""
    monkeypatch.setattr(_nacos_hub, "MOST", 2)
    nacos = FakeNacos(*KEYS)
    async with hub_of(nacos) as hub:
        with Follower(hub, *KEYS[:4]).following() as one:
            await nacos.until_held(set(KEYS[:2]), set(KEYS[2:4]))
            assert hub.transport(one.told_of) == "long poll"
            nacos.denied = True
            await nacos.publish(KEYS[0], b"n: 2")
            await until(lambda: hub.transport(one.told_of) == "long poll, polling")


@in_loop
async def test_many_keys() -> None:
    """Each is read once, a few at a time, and all are in one poll."""
    keys = [NacosKey(f"{number}.yaml", "g") for number in range(1000)]
    nacos = FakeNacos(*keys)
    async with hub_of(nacos) as hub:
        with Follower(hub, *keys).following():
            await nacos.until_held(set(keys))
    assert sorted(nacos.reads) == sorted(key.data_id for key in keys)
    assert 1 < nacos.busy <= 8


@in_loop
async def test_many_keys_of_a_server_that_wants_to_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it says so nothing more is sent, neither the rest of them nor any poll; each is told why."""
    monkeypatch.setattr(_nacos_hub, "MOST", 800)
    keys = [NacosKey(f"{number}.yaml", "g") for number in range(1000)]
    nacos = FakeNacos(*keys)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one:
            await nacos.until_held({A})
            nacos.says = {FIRST: plain(429, retry_after="300")}
            with Follower(hub, *keys).following() as many:
                await until(lambda: set(keys) == many.busy())
                await until(lambda: one.busy() == {A})
                assert nacos.held == []
    assert len(nacos.reads) <= 2 * SIDE_BY_SIDE


@pytest.mark.parametrize("status", [429, 503])
@in_loop
async def test_one_of_several_servers_that_wants_to_be_left_alone(status: int) -> None:
    """What it says holds for it alone: the others are asked instead, of which nobody is told a thing."""
    nacos = FakeNacos(A, B)
    async with hub_of(nacos, OTHER) as hub:
        with Follower(hub, A).following() as one:
            await nacos.until_held({A})
            nacos.says = {FIRST: plain(status, retry_after="300")}
            with Follower(hub, B).following() as two:
                await two.until_all()
                await nacos.publish(A, b"n: 2")
                await until(lambda: one.contents(A)[-1] == b"n: 2")
                assert one.busy() == two.busy() == set()
    assert nacos.asked == [FIRST, FIRST, OTHER, OTHER]


@in_loop
async def test_unreachable() -> None:
    """Each follower is told, and when it is back, that it is."""
    nacos = FakeNacos(A, B)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one, Follower(hub, B).following() as two:
            await nacos.until_held({A, B})
            await nacos.fail(SourceUnavailable("nobody"))
            await until(
                lambda: all(isinstance(who.told[-1], News) and who.told[-1].error for who in (one, two))
            )
            news = one.told[-1]
            assert isinstance(news, News)
            assert isinstance(news.error, SourceUnavailable)
            other = two.told[-1]
            assert isinstance(other, News)
            assert other.error is not news.error
            await nacos.fail(None)
            await nacos.publish(A, b"n: 2")
            await until(lambda: one.contents(A)[-1] == b"n: 2")


@in_loop
@pytest.mark.parametrize("fault", [SourceUnavailable("nobody", Origin("x")), Busy("busy", 0.1)])
async def test_errors_are_each_ones_own(fault: SourceError) -> None:
    """Followers of one key are told the same, which each may write into."""
    nacos = FakeNacos(A)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one, Follower(hub, A).following() as two:
            await nacos.until_held({A})
            await nacos.fail(fault)
            found = []
            for follower in (one, two):
                await until(lambda: isinstance(follower.told[-1], News) and follower.told[-1].error)  # noqa: B023
                news = follower.told[-1]
                assert isinstance(news, News)
                found.append(news.error)
    first, second = found
    assert first is not second
    assert type(first) is type(second) is type(fault)
    assert str(first) == str(second)
    assert str(first).startswith(str(fault))
    assert getattr(first, "__dict__", 1) == getattr(second, "__dict__", 2)


@in_loop
async def test_error_of_ours() -> None:
    """What is wrong with dynconf itself reaches all followers of that poll; the next one has a new poll."""
    nacos = FakeNacos(A, B)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one, Follower(hub, B).following() as two:
            await nacos.until_held({A, B})
            await nacos.fail(ValueError("ours"))
            for follower in (one, two):
                with pytest.raises(ValueError, match="ours"):
                    await follower.broken
            assert hub.transport(one.told_of) == hub.transport(two.told_of) == ""
        await nacos.fail(None)
        with Follower(hub, A).following() as again:
            await again.until_all()


@in_loop
async def test_closing() -> None:
    """It ends every poll and every connection, also with followers."""
    nacos = FakeNacos(A)
    async with hub_of(nacos) as hub:
        with Follower(hub, A).following() as one:
            await nacos.until_held({A})
            await hub.close()
            assert nacos.closed
            assert nacos.held == []
            assert not one.broken.done()
