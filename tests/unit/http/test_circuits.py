"""Which of several servers is asked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf._http.circuits import Circuits
from dynconf._http.endpoint import Endpoint
from dynconf.protocols.exchange import Busy
from dynconf.testing import ManualClock

A, B, C = (Endpoint("http", name, 8500) for name in "abc")


def circuits(clock: ManualClock, *endpoints: Endpoint) -> Circuits:
    """Servers whose pauses are always the longest."""
    return Circuits(endpoints or (A, B, C), clock.monotonic, lambda: 1.0)


def test_first_is_asked_first() -> None:
    """All are candidates, in the order that they were given."""
    assert list(circuits(ManualClock()).candidates()) == [A, B, C]


def test_sticky() -> None:
    """Whoever answered is asked first from then on, the others in turn after it."""
    servers = circuits(ManualClock())
    servers.succeeded(B)
    assert list(servers.candidates()) == [B, C, A]
    assert list(servers.candidates()) == [B, C, A]


def test_failed_one_is_left_alone_and_comes_back() -> None:
    """It is no candidate until its pause is over; then it is again where it was."""
    clock = ManualClock()
    servers = circuits(clock)
    servers.failed(A)
    assert list(servers.candidates()) == [B, C]
    clock.advance(0.49)
    assert list(servers.candidates()) == [B, C]
    clock.advance(0.01)
    assert list(servers.candidates()) == [A, B, C]


def test_who_stood_in_is_kept() -> None:
    """Once another has answered, the first is not returned to while that one is healthy."""
    clock = ManualClock()
    servers = circuits(clock)
    servers.failed(A)
    servers.succeeded(B)
    clock.advance(1000)
    assert list(servers.candidates()) == [B, C, A]


def test_pauses_grow_and_end_with_a_success() -> None:
    """A server that stays dead is asked ever more rarely; one that answered begins anew."""
    clock = ManualClock()
    servers = circuits(clock)
    for pause in (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0):
        servers.failed(A)
        clock.advance(pause - 0.25)
        assert A not in servers.candidates()
        clock.advance(0.25)
        assert A in servers.candidates()
    servers.succeeded(A)
    servers.failed(A)
    clock.advance(0.5)
    assert A in servers.candidates()


def test_success_ends_a_pause() -> None:
    """One that answers is healthy at once."""
    servers = circuits(ManualClock())
    servers.failed(A)
    servers.succeeded(A)
    assert list(servers.candidates()) == [A, B, C]


def test_all_dead() -> None:
    """When all have failed, each is asked, first the one whose pause ends first."""
    clock = ManualClock()
    servers = circuits(clock)
    servers.failed(A)
    servers.failed(A)
    clock.advance(0.1)
    servers.failed(B)
    servers.failed(C)
    servers.failed(C)
    assert list(servers.candidates()) == [B, A, C]
    clock.advance(1000)
    assert list(servers.candidates()) == [A, B, C]


def test_single_server_is_always_asked() -> None:
    """How often it is asked is for the asker's own back-off."""
    servers = circuits(ManualClock(), A)
    for _ in range(3):
        servers.failed(A)
        assert list(servers.candidates()) == [A]


def test_who_wants_to_be_left_alone() -> None:
    """It is no candidate until its time is over, however healthy; the others are."""
    clock = ManualClock()
    servers = circuits(clock)
    servers.succeeded(B)
    servers.restrained(B, Busy("b", 30.0))
    assert list(servers.candidates()) == [C, A]
    servers.succeeded(C)
    clock.advance(30.0)
    assert list(servers.candidates()) == [C, A, B]


def test_all_want_to_be_left_alone() -> None:
    """None is a candidate; it is said for how long, which is until the first of them may be asked."""
    clock = ManualClock()
    servers = circuits(clock)
    for endpoint, seconds in ((A, 30.0), (B, 10.0), (C, 20.0)):
        servers.restrained(endpoint, Busy(endpoint.host, seconds))
    clock.advance(4.0)
    with pytest.raises(Busy) as caught:
        list(servers.candidates())
    assert (caught.value.reason, caught.value.seconds) == ("b", 6.0)
    clock.advance(6.0)
    assert list(servers.candidates()) == [B]


def test_dead_one_beside_one_that_wants_to_be_left_alone() -> None:
    """The dead one is asked, early as it is: the other one must not be."""
    servers = circuits(ManualClock(), A, B)
    servers.failed(A)
    servers.restrained(B, Busy("b", 30.0))
    assert list(servers.candidates()) == [A]


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.booleans(), st.floats(0, 20))), st.randoms())
def test_there_is_always_someone_to_ask(
    steps: list[tuple[Endpoint, bool, float]], chance: random.Random
) -> None:
    """Whatever happened, there is a candidate, none comes twice, and who has just answered is first."""
    clock = ManualClock()
    servers = Circuits((A, B, C), clock.monotonic, chance.random)
    for endpoint, well, passed in steps:
        (servers.succeeded if well else servers.failed)(endpoint)
        found = list(servers.candidates())
        assert found
        assert len(found) == len(set(found))
        if well:
            assert found[0] == endpoint
        clock.advance(passed)
    clock.advance(15)
    assert set(servers.candidates()) == {A, B, C}
