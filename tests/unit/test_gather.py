"""Changes that belong together are planned together; time is an argument."""

from dynconf._manager.gather import LONGEST, Gathering
from dynconf._store.state import Candidate

A, B, C = (Candidate((float(place), 0, "d"), None) for place in range(3))


def test_what_need_not_settle_is_ready_at_once() -> None:
    """A remote change after a quiet time is not held up."""
    gathering = Gathering()
    assert gathering.wait(0.0) is None
    gathering.put(A, 0.0, 0.0)
    assert gathering.wait(0.0) == 0.0
    assert gathering.take(0.0) == [A]
    assert len(gathering) == 0


def test_changes_that_settle_wait_for_each_other() -> None:
    """Two files saved one after the other come as one change, when both are quiet."""
    gathering = Gathering()
    gathering.put(A, 0.0, 0.02)
    gathering.put(B, 0.015, 0.02)
    assert gathering.take(0.02) == []
    assert gathering.wait(0.025) == 0.035 - 0.025
    assert gathering.take(0.035) == [A, B]


def test_an_unquiet_source_waits_no_longer_than_the_limit() -> None:
    """A file that is saved all the time is taken all the same."""
    gathering = Gathering()
    now = 0.0
    while now < LONGEST:
        gathering.put(A, now, 0.02)
        assert gathering.take(now) == []
        now += 0.01
    assert gathering.take(now) == [A]


def test_a_ready_change_leaves_settling_ones_behind() -> None:
    """A server's change does not make a half-saved file ready."""
    gathering = Gathering()
    gathering.put(A, 0.0, 0.02)
    gathering.put(B, 0.0, 0.0)
    assert gathering.take(0.0) == [B]
    assert gathering.take(0.02) == [A]


def test_the_newest_content_counts_and_can_be_dropped() -> None:
    """Of one document only the latest waits, and none once its source is gone."""
    newer = Candidate(A.key, None)
    gathering = Gathering()
    gathering.put(A, 0.0, 0.02)
    gathering.put(newer, 0.01, 0.02)
    gathering.put(C, 0.01, 0.02)
    gathering.drop(C.key)
    taken = gathering.take(0.0, everything=True)
    assert len(taken) == 1
    assert taken[0] is newer
