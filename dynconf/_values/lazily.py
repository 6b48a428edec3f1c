"""Attributes that are computed when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class lazily(Generic[T]):  # noqa: N801 - it is a decorator
    """Makes a method an attribute that is computed once, or twice if two threads ask at the same moment.

    That of functools holds a lock in Python 3.11, one for all instances, which a fork at that moment
    leaves held for ever.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Self | T:
        if instance is None:
            return self
        # Found there the next time, as this class has no `__set__`.
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
