"""The one way to skip a test for want of a server, which continuous integration does not forgive."""

import os
from typing import NoReturn

import pytest

MISSING_SERVER = "missing server: "


def missing_server(name: str, why: str) -> NoReturn:
    """Skip the running test, or the module being collected, because a server cannot be had.

    With `CI` set in the environment this fails instead.

    Args:
        name: the server, as people call it.
        why: what was tried and what is needed; it stands in the summary.
    """
    pytest.skip(f"{MISSING_SERVER}{name}: {why}", allow_module_level=True)


def servers_are_required() -> bool:
    """Whether this is a run of continuous integration."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}
