"""What may stand at the path that flags are read from: flagd's own document, or flags by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dynconf._models.build import Told
from dynconf._values.merge import Merge
from dynconf._values.tree import Path
from dynconf.flags import shared_rules
from dynconf.flags.definition import Definition, Flag, Wrong, static
from dynconf.flags.flag_set import FlagSet
from dynconf.flags.shared_rules import SharedRules
from dynconf.flags.targeting import faults, with_results

__all__ = ["OVER", "FlagDocument", "Laid", "RootFlagDocument"]

OVER = "$override"
"""The key of flags that are laid over all others for a while: each is `Laid`."""


@dataclass(frozen=True)
class Laid:
    """The value of a flag that is laid over all others, which no document can hold."""

    value: Any


def _laid(value: Any) -> Laid:
    if not isinstance(value, Laid):
        raise Told("no document can override flags, only flags.override(...) does")
    return value


_Whole = Annotated[Definition, Merge("replace")]


class FlagDocument(BaseModel):
    """flagd's document, in which flags may also stand beside `flags`; validating it gives a `FlagSet`.

    Every definition is one layer's alone, as is every shared rule.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, _Whole]

    _none_shared: ClassVar[str] = 'there is none here; those at the root are read by config.flags(at="")'

    # Variables of the environment find fields by their names, too: only what is reserved has a plain one.
    flags: Annotated[dict[str, _Whole], Merge("deep")] = {}
    dollar_evaluators: Annotated[dict[str, Annotated[Any, Merge("replace")]], Merge("deep")] = Field(
        default={}, alias="$evaluators"
    )
    metadata: Annotated[dict[str, bool | int | float | str], Merge("deep")] = {}
    dollar_override: dict[str, Annotated[Any, BeforeValidator(_laid)]] = Field(default={}, alias="$override")
    dollar_schema: Any = Field(default=None, alias="$schema")

    @model_validator(mode="after")
    def _as_flag_set(self) -> Any:
        placed: dict[Path, Flag] = {("flags", name): flag for name, flag in self.flags.items()}
        wrong: list[Wrong] = []
        for name, flag in (self.__pydantic_extra__ or {}).items():
            placed[(name,)] = flag
            if name in self.flags:
                wrong.append(
                    Wrong((name,), "this flag stands below 'flags' as well: say it there, in every layer")
                )
        read = self._read(placed, wrong)
        if wrong:
            raise ValidationError.from_exception_data(type(self).__name__, [*map(_detail, wrong)])
        for name, laid in self.dollar_override.items():
            read[name] = Flag.model_validate(static(laid.value))
        return FlagSet(read, self.metadata)

    def _read(self, placed: Mapping[Path, Flag], wrong: list[Wrong]) -> dict[str, Flag]:
        """The flags by name, with shared rules put in, and their results named as the variants are."""
        rules = self.dollar_evaluators
        for name, rule in rules.items():
            wrong += faults(rule, (shared_rules.AT, name), rules, self._none_shared)
        for path, flag in placed.items():
            wrong += faults(flag.targeting, (*path, "targeting"), rules, self._none_shared)
        if wrong:
            return {}
        try:
            shared = SharedRules(rules)
        except Wrong as error:
            wrong.append(error)
            return {}
        found = {}
        for path, flag in placed.items():
            at = (*path, "targeting")
            try:
                rule = shared.put_into(flag.targeting, at) if flag.targeting else None
            except Wrong as error:
                wrong.append(error)
                continue
            rule = with_results(rule, at, flag.variants, wrong)
            found[str(path[-1])] = flag.model_copy(update={"targeting": rule})
        return found


class RootFlagDocument(FlagDocument):
    """The same at the root of the tree, where other keys are no flags but somebody else's."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")
    _none_shared: ClassVar[str] = "there is none"


def _detail(wrong: Wrong) -> InitErrorDetails:
    error = PydanticCustomError("value_error", "{error}", {"error": Told(wrong.text)})
    return InitErrorDetails(type=error, loc=wrong.path, input=None)
