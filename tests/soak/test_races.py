"""Ten thousand changes with everything that can happen at the same time."""

import pytest

from tests.faults.racing import everything_at_once


@pytest.mark.timeout(600)
def test_ten_thousand_changes() -> None:
    """What `tests/faults/test_races.py` does with fewer."""
    everything_at_once(10_000)
