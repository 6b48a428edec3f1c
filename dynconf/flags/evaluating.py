"""How flags are asked for, whether of one version or always of the newest."""

from abc import abstractmethod
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails

from dynconf.flags.evaluation import Evaluation

__all__ = ["Evaluating"]

T = TypeVar("T")


class Evaluating:
    """Evaluates flags in process: no lock, no I/O, and what goes wrong is told in the details only."""

    __slots__ = ()

    @abstractmethod
    def _evaluation(self) -> Evaluation:
        """What evaluates the flags that are meant."""

    def enabled(self, flag: str, key: str | EvaluationContext | None = None, /, **attributes: Any) -> bool:
        """Whether a boolean flag is on for somebody; one that is not there, or no boolean, is off.

        Args:
            flag: its name.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.
        """
        evaluation = self._evaluation()
        fixed = evaluation.fixed.get(flag)
        if fixed is None or fixed.__class__ is not bool:
            fixed = evaluation.resolve(flag, False, key, attributes).value
        return fixed is True

    def value(
        self, flag: str, default: T, key: str | EvaluationContext | None = None, /, **attributes: Any
    ) -> T:
        """A flag's value for somebody, or the default if it has none of the default's type.

        Args:
            flag: its name.
            default: says which type is wanted, too; with `None` it is the flag's own.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.
        """
        evaluation = self._evaluation()
        fixed = evaluation.fixed.get(flag)
        if fixed is not None and fixed.__class__ is default.__class__:
            return fixed
        return evaluation.resolve(flag, default, key, attributes).value

    def details(
        self, flag: str, default: T, key: str | EvaluationContext | None = None, /, **attributes: Any
    ) -> FlagEvaluationDetails[T]:
        """A flag's value with its variant, the reason, and an error code where the default had to serve.

        Args:
            flag: its name.
            default: says which type is wanted, too; with `None` it is the flag's own.
            key: whom it is asked for, as splits see it (the targeting key), or an OpenFeature context.
            **attributes: what targeting rules may ask for, over those of the context.
        """
        return self._evaluation().resolve(flag, default, key, attributes).to_flag_evaluation_details(flag)
