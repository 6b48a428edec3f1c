"""Evaluating flags by flagd's core: no lock, no I/O, and never an error but in what is answered."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, TypeAlias, TypeVar

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import logger as _core_logger
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason

from dynconf._models.broken import what_broke
from dynconf._origin import on_one_line
from dynconf._values.tree import copied
from dynconf.errors import UsageError
from dynconf.flags.core_log import OwnEvaluations
from dynconf.flags.definition import Flag

__all__ = ["Evaluation", "Metadata"]

T = TypeVar("T")
Metadata: TypeAlias = Mapping[str, bool | int | float | str]
_Way: TypeAlias = Callable[[str, Any, EvaluationContext], FlagResolutionDetails[Any]]

_logger = logging.getLogger("dynconf.flags")

_CONTAINERS: Final = (dict, list)
_MOST_TOLD: Final = 100
"""Flags that a log line is written of when they cannot be evaluated, in each version."""

_TEXTS: Final = {
    ErrorCode.FLAG_NOT_FOUND: "no flag is called so",
    ErrorCode.GENERAL: "its targeting gives what none of its variants is called",
    ErrorCode.PARSE_ERROR: "its targeting cannot be evaluated",
}
"""What is told in place of the core's own texts that hold values."""


class _Core(FlagdCore):
    """flagd's core without its lock.

    Nothing is altered in it once it is made, and a fork would carry the lock over as somebody holds it.
    """

    def __init__(self, flags: Mapping[str, Flag], metadata: Metadata) -> None:
        super().__init__()
        # It keeps, and alters, what it is given.
        given = {name: flag.model_dump(by_alias=True) for name, flag in flags.items()}
        self.set_flags({"flags": given, "metadata": {**metadata}})
        self._lock = nullcontext()  # type: ignore[assignment]


class Evaluation:
    """Evaluates the flags of one version.

    Args:
        flags: by name; nobody may alter them.
        metadata: what is handed on with every evaluation.
    """

    def __init__(self, flags: Mapping[str, Flag], metadata: Metadata) -> None:
        _core_logger.addFilter(_OWN)
        core = _Core(flags, metadata)
        self._flags = flags
        self._ways: dict[type, _Way] = {
            bool: core.resolve_boolean_value,
            str: core.resolve_string_value,
            int: core.resolve_integer_value,
            float: core.resolve_float_value,
            dict: core.resolve_object_value,
            list: core.resolve_object_value,
        }
        self._told: set[str] = set()
        self.fixed: dict[str, bool | str | int | float] = {
            name: flag.fixed
            for name, flag in flags.items()
            if isinstance(flag.fixed, (bool, str, int, float))
        }
        """The values of flags that are the same for everybody."""
        self.unclear: set[str] = set()
        """The flags of whose rules it was told that a part could not be evaluated."""

    def resolve(
        self,
        flag: str,
        default: T,
        key: object,
        attributes: Mapping[str, Any],
        wanted: type | None = None,
    ) -> FlagResolutionDetails[T]:
        """What flagd's core answers, or the default with the reason why.

        Args:
            flag: the flag's name.
            default: says which type is wanted; with `None` it is the flag's own.
            key: the targeting key, or an OpenFeature context.
            attributes: what rules may ask for, over those of the context.
            wanted: the type, where the default does not say it.

        Raises:
            UsageError: the key is a mapping, which would be a key of its own for whoever is asking.
        """
        way = self._ways.get(wanted or default.__class__) or self._way(flag, default)
        plain = key.__class__ is str or key is None
        context = EvaluationContext(key, attributes) if plain else _context(key, attributes)  # type: ignore[arg-type]
        try:
            found = way(flag, default, context)
        except OpenFeatureError as error:
            code, text = error.error_code, _TEXTS.get(error.error_code, error.error_message or "")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the context's own code may raise anything
            code, text = ErrorCode.GENERAL, f"its targeting failed: {what_broke(error)}"
        else:
            if found.value.__class__ in _CONTAINERS and found.variant is not None:
                found.value = copied(found.value)
            return found
        if flag not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(flag)
            _logger.warning(
                "the flag %r has no value, so its default serves: %s (%s)", flag, on_one_line(text), code
            )
        return FlagResolutionDetails(default, code, text, Reason.ERROR)

    def _way(self, flag: str, default: Any) -> _Way:
        """How to ask where the default's type does not say it at once."""
        if default is None:
            known = self._flags.get(flag)
            return self._ways[known.value_type if known else dict]
        kinds = ((bool, bool), (str, str), (int, int), (float, float), (Mapping, dict), (Sequence, list))
        return next((self._ways[way] for kind, way in kinds if isinstance(default, kind)), _no_such_type)


_OWN: Final = OwnEvaluations(Evaluation.resolve.__code__)


def _no_such_type(flag: str, default: Any, context: EvaluationContext) -> FlagResolutionDetails[Any]:
    raise TypeMismatchError(f"no flag has values such as the default, a {type(default).__name__}")


def _context(key: object, attributes: Mapping[str, Any]) -> EvaluationContext:
    if isinstance(key, EvaluationContext) and not attributes:
        return key
    known = getattr(key, "attributes", None)
    if isinstance(known, Mapping):
        return EvaluationContext(getattr(key, "targeting_key", None), {**known, **attributes})
    if isinstance(key, Mapping):
        raise UsageError(
            "the key is whom a flag is asked for, a text; what rules may ask for is given by name:"
            " enabled(flag, key, country=...), or in an EvaluationContext"
        )
    return EvaluationContext(str(key), attributes)
