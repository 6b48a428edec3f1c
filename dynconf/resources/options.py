"""What a resource is declared with."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import _AsyncGeneratorContextManager, _GeneratorContextManager
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar

from dynconf.resources.resource import Resource

__all__ = ["Gives", "ResourceOptions"]

R = TypeVar("R")

Gives: TypeAlias = (
    Coroutine[Any, Any, R]
    | Iterator[R]
    | AsyncIterator[R]
    | _GeneratorContextManager[R]
    | _AsyncGeneratorContextManager[R]
)
"""What a `create` gives back that is not a plain function: the resource is awaited, yielded or entered.

For type checkers only: a plain function whose resource is itself an iterator, such as a file, looks to them
like a generator function; dynconf tells the two apart.
"""


class ResourceOptions(TypedDict, Generic[R], total=False):
    """What may be said of a resource beside what it is built of and how.

    Attributes:
        check: called with a new one, sync or async; raises if it is no good.
        close: called with one that nobody uses any more, sync or async; none for a generator.
        uses: other resources, whose instances `create` is given as well; it is built anew with each of them.
        name: for logs and the status; by default the path of the fields that are picked.
        timeout: seconds in which it is to be built and checked; 10.
        drain: seconds after which a former one is closed although it is still leased; 30.
        grace: seconds in which a former one is not closed, for those who use `current`; 1.
        on_failure: `refuse` the change, which is the default, or `keep` the former one and publish
            the settings.
    """

    check: Callable[[R], object] | None
    close: Callable[[R], object] | None
    uses: Sequence[Resource[Any]]
    name: str
    timeout: float
    drain: float
    grace: float
    on_failure: Literal["refuse", "keep"]
