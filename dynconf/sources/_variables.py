"""What the environment says of servers, in the variables that their own tools read."""

import os
from collections.abc import Callable

from dynconf._http.endpoint import Endpoint
from dynconf.errors import UsageError


def variable(name: str) -> str:
    """A variable of the environment; empty if it is not set."""
    return os.environ.get(name, "").strip()


def switch(name: str, *, default: bool) -> bool:
    """A variable that says yes or no, as Go's `strconv.ParseBool` reads it.

    Raises:
        UsageError: it says something else.
    """
    text = variable(name)
    if not text:
        return default
    if text.lower() in {"1", "t", "true"}:
        return True
    if text.lower() in {"0", "f", "false"}:
        return False
    raise UsageError(f"the environment variable {name} is neither true nor false")


def from_variable(name: str, read: Callable[[str], tuple[Endpoint, ...]]) -> tuple[Endpoint, ...]:
    """Addresses out of a variable, which an error then names.

    Raises:
        UsageError: it holds no address.
    """
    try:
        return read(variable(name))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
