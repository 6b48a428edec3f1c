"""How flags are asked for, whether of one version or always of the newest."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, overload

from dynconf.flags.evaluation import Evaluation, Metadata

__all__ = ["Context", "Evaluating", "FlagDetails"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Context(Protocol):
    """An OpenFeature `EvaluationContext`."""

    @property
    def targeting_key(self) -> str | None:
        """Whom it is of."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What is known of them."""
        ...


@dataclass(frozen=True, slots=True)
class FlagDetails(Generic[T_co]):
    """What a flag is for somebody, and why.

    `variant` is the name of its value, `None` where the default served. `reason`, such as `STATIC` or
    `TARGETING_MATCH`, and `error_code`, such as `FLAG_NOT_FOUND`, are OpenFeature's.
    """

    flag: str
    value: T_co
    variant: str | None
    reason: str
    error_code: str | None
    error_message: str | None
    metadata: Metadata


class Evaluating:
    """Evaluates flags in process: no lock, no I/O, and what goes wrong is told in the details only."""

    __slots__ = ()

    @abstractmethod
    def _evaluation(self) -> Evaluation:
        """What evaluates the flags that are meant."""

    def enabled(self, flag: str, key: str | Context | None = None, /, **attributes: Any) -> bool:
        """Whether a boolean flag is on for somebody; one that is not there, or no boolean, is off.

        Args:
            flag: its name.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.

        Raises:
            UsageError: the key is a mapping: attributes are given by name.
        """
        evaluation = self._evaluation()
        fixed = evaluation.fixed.get(flag)
        if fixed is None or fixed.__class__ is not bool or isinstance(key, dict):
            fixed = evaluation.resolve(flag, False, key, attributes).value
        return fixed is True

    @overload
    def value(
        self, flag: str, default: None, key: str | Context | None = None, /, **attributes: Any
    ) -> Any: ...
    @overload
    def value(self, flag: str, default: T, key: str | Context | None = None, /, **attributes: Any) -> T: ...
    def value(self, flag: str, default: T, key: str | Context | None = None, /, **attributes: Any) -> T:
        """A flag's value for somebody, or the default if it has none of the default's type.

        Args:
            flag: its name.
            default: says which type is wanted, too; with `None` it is the flag's own.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.

        Raises:
            UsageError: the key is a mapping: attributes are given by name.
        """
        evaluation = self._evaluation()
        fixed = evaluation.fixed.get(flag)
        if fixed is not None and fixed.__class__ is default.__class__ and not isinstance(key, dict):
            return fixed
        return evaluation.resolve(flag, default, key, attributes).value

    @overload
    def details(
        self, flag: str, default: None, key: str | Context | None = None, /, **attributes: Any
    ) -> FlagDetails[Any]: ...
    @overload
    def details(
        self, flag: str, default: T, key: str | Context | None = None, /, **attributes: Any
    ) -> FlagDetails[T]: ...
    def details(
        self, flag: str, default: T, key: str | Context | None = None, /, **attributes: Any
    ) -> FlagDetails[T]:
        """A flag's value with its variant, the reason, and an error code where the default had to serve.

        Args:
            flag: its name.
            default: says which type is wanted, too; with `None` it is the flag's own.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.

        Raises:
            UsageError: the key is a mapping: attributes are given by name.
        """
        found = self._evaluation().resolve(flag, default, key, attributes)
        return FlagDetails(
            flag,
            found.value,
            found.variant,
            str(found.reason),
            None if found.error_code is None else str(found.error_code),
            found.error_message,
            found.flag_metadata,
        )
