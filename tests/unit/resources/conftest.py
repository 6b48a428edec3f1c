"""Every test begins with no client made."""

import pytest

from tests.unit.resources.clients import Client


@pytest.fixture(autouse=True)
def _no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "made", [], raising=False)
    monkeypatch.setattr(Client, "working", set(), raising=False)
