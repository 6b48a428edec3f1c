"""What the tests of Consul's options share."""

import os
from typing import Any

import pytest

from dynconf.errors import UsageError
from dynconf.sources.consul_server import ConsulServer

SECRET = "hunter2"


def clear_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Consul's variables away, whatever the machine's own ones are."""
    for name in list(os.environ):
        if name.startswith("CONSUL_"):
            monkeypatch.delenv(name)


def addresses(server: ConsulServer) -> list[str]:
    """Where it is."""
    return [str(endpoint) for endpoint in server.access().endpoints]


def headers(server: ConsulServer) -> dict[str, str]:
    """The credentials of a request."""
    return dict(server.access().headers())


def mistake(make: Any, *arguments: Any, **options: Any) -> str:
    """The error that a call gives; it shows no secret."""
    with pytest.raises(UsageError) as caught:
        make(*arguments, **options)
    assert SECRET not in str(caught.value)
    return str(caught.value)
