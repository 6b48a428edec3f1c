"""How long pauses are: after failures, and when a server's answers spin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf.protocols.exchange import Busy
from dynconf.protocols.pacing import (
    BURST,
    FIRST_DELAY,
    LONGEST_ASKED,
    LONGEST_DELAY,
    PER_SECOND,
    Backoff,
    Restraint,
    TokenBucket,
)
from dynconf.testing import ManualClock


def test_pauses_double_up_to_the_longest() -> None:
    """With the highest of random numbers each pause is twice the last one, and never above the bound."""
    backoff = Backoff(lambda: 1.0)
    pauses = [backoff.failed() for _ in range(8)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert (pauses[0], pauses[-1]) == (FIRST_DELAY, LONGEST_DELAY)


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
def test_jitter_is_full(numbers: list[float]) -> None:
    """A pause is anything from nothing to what has doubled each time, so that clients come back apart."""
    given = iter(numbers)
    backoff = Backoff(lambda: next(given))
    for failures, number in enumerate(numbers):
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2**failures)
        assert backoff.failed() == pytest.approx(number * longest)


def test_failures_without_end() -> None:
    """No number of failures makes the arithmetic overflow."""
    backoff = Backoff(lambda: 1.0)
    assert max(backoff.failed() for _ in range(5000)) == LONGEST_DELAY


def test_success_begins_anew() -> None:
    """After a success the next failure is a first one."""
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed(), backoff.failed()] == [0.5, 1.0]
    backoff.succeeded()
    assert backoff.failed() == 0.5


@pytest.mark.parametrize(
    ("asked", "least", "spread"),
    [
        (0.2, 0.2, FIRST_DELAY),
        (7.0, 7.0, 7.0),
        (300.0, 300.0, LONGEST_DELAY),
        (86_400.0, LONGEST_ASKED, LONGEST_DELAY),
    ],
)
@pytest.mark.parametrize("number", [0.0, 0.5, 1.0])
def test_asked_pause_is_a_lower_bound(asked: float, least: float, spread: float, number: float) -> None:
    """What the server asks for is kept to, up to a bound; who was sent away together comes back apart."""
    assert Backoff(lambda: number).failed(asked) == least + number * spread


def test_bucket_lets_a_burst_pass() -> None:
    """So many requests are free, and each one after them costs its part of a second more."""
    bucket = TokenBucket(ManualClock().monotonic)
    assert [bucket.take() for _ in range(BURST)] == [0.0] * BURST
    assert [bucket.take(), bucket.take()] == pytest.approx([1 / PER_SECOND, 2 / PER_SECOND])


def test_bucket_fills_again_but_not_over() -> None:
    """Tokens come back with the time, and never more than the bucket holds."""
    clock = ManualClock()
    bucket = TokenBucket(clock.monotonic, burst=2, per_second=1.0)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 1.0]
    clock.advance(2)
    assert bucket.take() == 0.0
    clock.advance(1000)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 1.0]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_more_than_burst_and_rate(times: list[float]) -> None:
    """Whoever waits as told makes no more requests than the burst and so many a second."""
    clock = ManualClock()
    bucket = TokenBucket(clock.monotonic, burst=3, per_second=2.0)
    for count, passed in enumerate(times, 1):
        clock.advance(passed)
        clock.advance(bucket.take())
        assert count <= 3 + 2.0 * clock.monotonic() + 1e-6


def test_restraint() -> None:
    """Nothing is sent before the longest time is over that was asked for; whoever would is told how long."""
    clock = ManualClock()
    restraint = Restraint(clock.monotonic)
    assert restraint.busy() is None
    restraint.heed(Busy("first", 20.0))
    restraint.heed(Busy("shorter", 5.0))
    clock.advance(15.0)
    busy = restraint.busy()
    assert busy
    assert (busy.reason, busy.seconds) == ("first", 5.0)
    clock.advance(5.0)
    assert restraint.busy() is None


def test_restraint_is_not_for_ever() -> None:
    """What a server asks for is believed up to a bound."""
    clock = ManualClock()
    restraint = Restraint(clock.monotonic)
    restraint.heed(Busy("x", 1e9))
    clock.advance(LONGEST_ASKED - 1)
    assert restraint.busy()
    clock.advance(1)
    assert restraint.busy() is None
