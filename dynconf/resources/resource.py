"""Something that is built from settings, swapped when they change, and never closed under its user."""

from typing import Generic, TypeVar

from dynconf.resources.lease import Lease
from dynconf.resources.preparer import ResourcePreparer
from dynconf.resources.serving import State

__all__ = ["Resource"]

R = TypeVar("R")


class Resource(Generic[R]):
    """Built from what a selector picks; made by `Binding.resource`.

    Who has it, or a lease of it, has its Config: that is not dropped meanwhile.
    """

    def __init__(self, preparer: ResourcePreparer[R], binding: object) -> None:
        self._preparer = preparer
        self._serving = preparer.serving
        self._binding = binding

    def __repr__(self) -> str:
        return f"<Resource {self.name}: {self.state}>"

    @property
    def name(self) -> str:
        """For the status, threads and logs."""
        return self._preparer.name

    @property
    def current(self) -> R:
        """The instance that holds now, for brief use: after a swap it lives for another second.

        Raises:
            ResourceUnavailable: there is none.
        """
        instance = self._serving.instance or self._serving.given()
        return instance.value

    def lease(self) -> Lease[R]:
        """A context manager (`with` or `async with`) that gives the instance, and keeps it open meanwhile.

        Raises:
            ResourceUnavailable: on entry, if there is none.
        """
        return Lease(self._serving, self)

    @property
    def state(self) -> State:
        """`ready`; `degraded`: not of the newest settings; `unavailable`; `declared`: not started."""
        return self._serving.state

    @property
    def error(self) -> str:
        """Why the newest settings have no instance, as text; empty if they have."""
        return self._serving.error

    @property
    def swaps(self) -> int:
        """How often another instance took the place of one."""
        return self._serving.swaps

    @property
    def leases(self) -> int:
        """How many use it at present, former instances included."""
        return self._serving.leases

    @property
    def draining(self) -> int:
        """How many former instances are still open."""
        return self._serving.draining

    @property
    def closed(self) -> bool:
        """Whether it was closed by hand."""
        return self._preparer.closed

    def close(self) -> None:
        """Have it go, and be built no more. May be called from anywhere, and again.

        Raises:
            UsageError: another resource uses it, and has to be closed before.
        """
        self._preparer.close()
