"""Using a resource for a while, during which it is not closed."""

from typing import Generic, Protocol, TypeVar

from dynconf.errors import UsageError
from dynconf.resources.instance import Instance

__all__ = ["Leasable", "Lease"]

R = TypeVar("R")


class Leasable(Protocol[R]):
    """What gives instances."""

    def taken(self) -> Instance[R]:
        """The current instance with one lease more."""
        ...


class Lease(Generic[R]):
    """`with resource.lease() as client`, or `async with`. Each is entered once at a time.

    Args:
        serving: gives the instances.
        owner: is not dropped as long as the lease is there.

    Raises:
        ResourceUnavailable: on entry: there is no instance.
        UsageError: on entry: it is entered already; take another lease.
    """

    __slots__ = ("_instance", "_owner", "_serving")

    def __init__(self, serving: Leasable[R], owner: object) -> None:
        self._serving = serving
        self._owner = owner
        self._instance: Instance[R] | None = None

    def __enter__(self) -> R:
        if self._instance is not None:
            raise UsageError("this lease is entered already: call lease() for each `with`")
        self._instance = self._serving.taken()
        return self._instance.value

    def __exit__(self, *_: object) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.give()

    async def __aenter__(self) -> R:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()
