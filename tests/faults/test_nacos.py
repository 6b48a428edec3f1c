"""Nacos locked, upgraded and taken over; see test_network.py and test_outages.py for other faults."""

from collections.abc import Callable
from typing import Any

import pytest

from dynconf import Config, Nacos, NacosServer
from dynconf.errors import ChangeRefused, StartFailed
from tests.faults.reading import App, running
from tests.servers.fixtures import NacosSpace
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos import NacosServer as RealNacos
from tests.servers.nacos3 import Nacos3
from tests.servers.process import until
from tests.servers.relay import Relay
from tests.servers.toxiproxy import Proxy

WAYS = pytest.mark.parametrize("which", ["nacos2", "nacos3_without_v1"])
"""The two ways in which changes are noticed."""


def source(*addresses: str, **options: Any) -> Nacos:
    """What is followed; silence is noticed as soon as it can be."""
    return Nacos("app.yaml", server=NacosServer(*addresses, **{"wait": 10, "interval": 0.5, **options}))


@pytest.fixture
def space(request: pytest.FixtureRequest, which: str) -> NacosSpace:
    """A namespace on a shared server, where `n` is 1."""
    space: NacosSpace = request.getfixturevalue(which)
    space.publish("app.yaml", "n: 1")
    return space


@WAYS
def test_another_server_takes_over(space: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """When the server that is asked goes, the next one is asked at once, and nothing was stale."""
    first, second = proxy_to(space.server.address), proxy_to(space.server.address)
    with running(source(first.address, second.address, namespace=space.namespace)) as it:
        failed: list[Exception] = []
        it.config.on_error(failed.append)
        first.down()
        space.publish("app.yaml", "n: 2")
        it.catches_up(2)
        assert failed == []
        first.up()
        second.down()
        space.publish("app.yaml", "n: 3")
        it.catches_up(3)
    assert it.reader.seen == [1, 2, 3]


def test_many_places_and_a_log_in(nacos2: NacosSpace, proxy_to: Callable[[str], Proxy]) -> None:
    """Groups and namespaces are cut off as one: each source is told each reason once, and all come back."""
    places = [(group, namespace) for group in ("G", "H") for namespace in (nacos2.namespace, "")]
    name = f"{nacos2.namespace}.yaml"  # of this test alone
    for group, namespace in places:
        nacos2.server.publish(name, "n: 1", group, namespace)
    proxy = proxy_to(nacos2.server.address)
    server = NacosServer(proxy.address, username=USERNAME, password=PASSWORD, wait=10)
    config = Config(*(Nacos(name, server=server, group=group, namespace=at) for group, at in places))
    told: list[str] = []
    config.on_error(lambda error: told.append(str(error)))
    with config:
        proxy.down()
        until(lambda: str(config.status()).count("nobody listens there") >= len(places), "the cause")
        proxy.up()
        until(lambda: {source.state for source in config.status().sources} == {"live"}, "all of them", 30)
    assert len(told) == len(set(told)) <= 2 * len(places)


@WAYS
def test_gateway_without_a_route_for_one(space: NacosSpace) -> None:
    """What it turns away with a web page is told as unreadable; the other is read no more for that."""
    space.publish("other.yaml", "other: 1")
    with Relay(space.server.address) as relay:
        server = NacosServer(relay.address, namespace=space.namespace, wait=10, interval=0.5)
        with running(Nacos("app.yaml", "other.yaml", server=server)) as it:
            polls = it.config.status().sources[0].transport == "long poll"
            relay.turn_away("other.yaml", 404, "Content-Type: text/html", body=b"<html>hunter2</html>")
            space.publish("other.yaml", "other: 2")
            it.fails("is no Nacos (HTTP 404, text/html)")
            began, tried = len(relay.requests), 0
            for n in range(2, 6):
                until(lambda: len(relay.targets("other.yaml", began)) > tried, "one more try")  # noqa: B023
                tried = len(relay.targets("other.yaml", began))
                space.publish("app.yaml", f"n: {n}")
                it.settings.until(lambda app: app.n == n, timeout=20)  # noqa: B023
            assert it.state == "stale"
            assert "hunter2" not in str(it.config.status())
            assert not polls or len(relay.targets("app.yaml", began)) == 4
            relay.pass_on()
            until(lambda: it.config.get("other") == 2, "what was turned away")
            it.becomes("live")
    assert it.reader.seen == [1, 2, 3, 4, 5]


@WAYS
def test_one_that_is_slow(space: NacosSpace) -> None:
    """While the answer to one begins and does not end, the other's changes are told; it is asked for once."""
    space.publish("other.yaml", "other: 1")
    with Relay(space.server.address) as relay:
        server = NacosServer(relay.address, namespace=space.namespace, wait=10, interval=0.5)
        with running(Nacos("app.yaml", "other.yaml", server=server)) as it:
            began = len(relay.requests)
            relay.stall("other.yaml")
            space.publish("other.yaml", "other: 2")
            until(lambda: relay.targets("other.yaml", began), "the read that stalls")
            for n in range(2, 6):
                space.publish("app.yaml", f"n: {n}")
                it.settings.until(lambda app: app.n == n, timeout=20)  # noqa: B023
            assert len(relay.targets("other.yaml", began)) == 1
            assert it.config.get("other") == 1
            relay.pass_on()
            until(lambda: it.config.get("other") == 2, "what was slow", 20)
            it.becomes("live")
    assert it.reader.seen == [1, 2, 3, 4, 5]


@WAYS
def test_start_with_one_that_is_slow(space: NacosSpace) -> None:
    """If it has to be there, the error says which one has not come, and from where."""
    space.publish("other.yaml", "other: 1")
    with Relay(space.server.address) as relay:
        relay.stall("other.yaml")
        server = NacosServer(relay.address, namespace=space.namespace)
        config = Config(Nacos("app.yaml", "other.yaml", server=server), start_timeout=2)
        with pytest.raises(StartFailed, match=f"{relay.address}/nacos has yet to give 'other.yaml' in group"):
            config.start()


@pytest.mark.timeout(180)  # its server starts twice
def test_log_in_is_demanded_all_at_once(own_nacos: Callable[..., RealNacos]) -> None:
    """When authentication is switched on, who has a user goes on, and who has none is told what is wanted."""
    nacos = own_nacos(2, auth=False)
    nacos.publish("app.yaml", "n: 1")
    stranger = Config(source(nacos.address))
    settings = stranger.bind(App)
    with running(source(nacos.address, username=USERNAME, password=PASSWORD)) as it, stranger:
        nacos.auth = True
        nacos.restart()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
        until(lambda: "it wants a log-in" in str(stranger.status()), "the refusal")
        assert stranger.status().sources[0].state == "stale"
        assert settings.current.n == 1
    assert it.reader.seen == [1, 2]


@pytest.mark.timeout(180)
def test_all_tokens_are_refused_on_a_slow_line(
    own_nacos: Callable[..., RealNacos], proxy_to: Callable[[str], Proxy]
) -> None:
    """Somebody whose answers all come late logs in anew as anybody does, when the server's key is another."""
    nacos = own_nacos(3, auth=True, compat=False)
    nacos.publish("app.yaml", "n: 1")
    proxy = proxy_to(nacos.address)
    proxy.add("latency", "downstream", latency=700)
    with running(source(proxy.address, username=USERNAME, password=PASSWORD)) as it:
        nacos.change_token_key()
        nacos.restart()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
        it.becomes("live")
    assert it.reader.seen == [1, 2]


@WAYS
def test_woken_while_it_leaves_the_server_alone(space: NacosSpace) -> None:
    """Neither a source that joins nor a reload has anything sent before the time is over."""
    with Relay(space.server.address) as relay:
        server = NacosServer(relay.address, namespace=space.namespace, wait=10, interval=0.5)
        with running(Nacos("app.yaml", server=server), start_timeout=5) as it:
            relay.answer(503, "Retry-After: 300")
            it.fails("(HTTP 503)")
            began = len(relay.requests)
            it.config.add(Nacos("other.yaml", server=server, optional=True))
            until(lambda: str(it.config.status()).count("(HTTP 503)") > 1, "the other one's reason")
            with pytest.raises(ChangeRefused, match=r"HTTP 503"):
                it.config.reload()
            assert relay.requests[began:] == []


@pytest.mark.parametrize("status", [429, 503])
@WAYS
def test_one_of_two_wants_to_be_left_alone(space: NacosSpace, status: int) -> None:
    """The other one is asked at once, of which nobody hears, and the first one no more for that time."""
    with Relay(space.server.address) as busy, Relay(space.server.address) as other:
        server = NacosServer(busy.address, other.address, namespace=space.namespace, wait=10, interval=0.5)
        with running(Nacos("app.yaml", server=server)) as it:
            failed: list[Exception] = []
            it.config.on_error(failed.append)
            busy.answer(status, "Retry-After: 300")
            space.publish("app.yaml", "n: 2")
            it.catches_up(2)
            it.config.add(Nacos("other.yaml", server=server, optional=True))
            began = len(busy.requests)
            other.cut()
            space.publish("app.yaml", "n: 3")
            it.catches_up(3)
            assert busy.requests[began:] == []
            assert failed == []
    assert it.reader.seen == [1, 2, 3]


@pytest.mark.timeout(180)
def test_gateway_that_takes_the_poll_s_header_off(nacos2: NacosSpace) -> None:
    """Nacos then answers each poll at once, and names nothing; what changed is found by reading."""
    nacos2.publish("app.yaml", "n: 1")
    with Relay(nacos2.server.address) as relay:
        relay.drop("Long-Pulling-Timeout")
        server = NacosServer(relay.address, namespace=nacos2.namespace, wait=10, interval=0.5)
        with running(Nacos("app.yaml", server=server)) as it:
            it.settings.until(lambda app: app.n == 1)
            nacos2.publish("app.yaml", "n: 2")
            it.settings.until(lambda app: app.n == 2, timeout=90)
            assert it.config.status().sources[0].transport == "polling"
            nacos2.publish("app.yaml", "n: 3")
            it.catches_up(3)
    assert it.reader.seen == [1, 2, 3]


@pytest.mark.timeout(180)
def test_upgraded(own_nacos: Callable[..., RealNacos]) -> None:
    """A server that comes back without the API that was used is asked by the other one from then on."""
    nacos = own_nacos(3)
    assert isinstance(nacos, Nacos3)
    nacos.publish("app.yaml", "n: 1")
    with running(source(nacos.address)) as it:
        assert it.config.status().sources[0].transport == "long poll"
        nacos.compat = False
        nacos.restart()
        nacos.publish("app.yaml", "n: 2")
        it.catches_up(2)
        assert it.config.status().sources[0].transport == "polling"
    assert it.reader.seen == [1, 2]
