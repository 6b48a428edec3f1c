"""What all tests in this folder have in common: their servers are real ones."""

import pytest


@pytest.fixture(autouse=True)
def patience(patient_starts: None) -> None:
    """No start gives up on a server that is only slow."""
