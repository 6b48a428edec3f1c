"""One flag: its definition in flagd's format, or the plain value that stands for one."""

from collections.abc import Collection
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from dynconf._models.build import Told
from dynconf._values.json_text import OverLimit, load
from dynconf._values.tree import Path

__all__ = ["Definition", "Flag", "Wrong", "is_a_value", "listed", "static", "variant_named"]

_Kind = Literal["boolean", "text", "number", "object"]

_KINDS: dict[type, _Kind] = {
    bool: "boolean",
    str: "text",
    int: "number",
    float: "number",
    dict: "object",
    list: "object",
}


class Wrong(Exception):
    """What is wrong with a definition, and where, without any value; only ever seen inside dynconf."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


class Flag(BaseModel):
    """A flag's definition, as it holds in one version.

    `state` is `ENABLED` or `DISABLED`, `variants` are its values by name, `default_variant` is the one that
    holds where `targeting`, a JsonLogic rule, says nothing; `metadata` is handed on with each evaluation.
    References to shared rules are resolved.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    state: Literal["ENABLED", "DISABLED"]
    variants: dict[str, Any] = Field(min_length=1)
    default_variant: str | None = Field(default=None, alias="defaultVariant")
    targeting: dict[str, Any] | None = None
    metadata: dict[str, bool | int | float | str] = {}

    @property
    def value_type(self) -> type:
        """The type that all of its values can be asked for as."""
        kind = _KINDS[type(next(iter(self.variants.values())))]
        whole = all(isinstance(value, int) for value in self.variants.values())
        return {"boolean": bool, "text": str, "number": int if whole else float, "object": dict}[kind]

    @property
    def fixed(self) -> Any:
        """Its value, if that is the same for everybody, else `None`."""
        if self.targeting or self.state == "DISABLED" or self.default_variant is None:
            return None
        return self.variants[self.default_variant]

    @field_validator("variants")
    @classmethod
    def _of_one_kind(cls, variants: dict[str, Any]) -> dict[str, Any]:
        kinds = [_KINDS.get(type(value)) for value in variants.values()]
        for name, kind in zip(variants, kinds, strict=True):
            if kind is None:
                raise Told(f"the variant '{name}' is no boolean, text, number, mapping or list")
            if kind != kinds[0]:
                raise Told(
                    f"all variants are of one type, but '{next(iter(variants))}' is a {kinds[0]}"
                    f" and '{name}' a {kind}"
                )
        return variants

    @field_validator("default_variant", mode="before")
    @classmethod
    def _is_a_variant(cls, value: Any, info: ValidationInfo) -> Any:
        variants = info.data.get("variants")
        if value is None or value == "" or variants is None:  # which is a fault of its own
            return None
        name = variant_named(value, variants)
        if name is None:
            raise Told(f"expected one of the variants {listed(variants)}")
        return name


def variant_named(value: Any, variants: Collection[str]) -> str | None:
    """The variant that a value of JSON or YAML names, if there is one.

    As in flagd `true` stands for `"true"`, and a number for its digits. In YAML, an `on` or `yes` without
    quotes is `true` as well, so it names the variant that is called so.
    """
    if isinstance(value, bool):
        return next((word for word in (_YES if value else _NO) if word in variants), None)
    text = str(value) if isinstance(value, (str, int, float)) else None
    return text if text in variants else None


_YES = ("true", "on", "yes", "True", "On", "Yes", "TRUE", "ON", "YES")
_NO = ("false", "off", "no", "False", "Off", "No", "FALSE", "OFF", "NO")


def listed(names: Collection[str]) -> str:
    """Names as a message tells them: twenty at most."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(f"'{name}'" for name in islice(names, 20)) + more


def is_a_value(value: Any) -> bool:
    """Whether a flag can have it."""
    return type(value) in _KINDS


def static(value: Any) -> dict[str, Any]:
    """The definition of a flag that always has one value; it must be one that a flag can have."""
    if isinstance(value, bool):
        variants = {"on": True, "off": False}
        return {"state": "ENABLED", "variants": variants, "defaultVariant": "on" if value else "off"}
    return {"state": "ENABLED", "variants": {"value": value}, "defaultVariant": "value"}


def _written(text: str) -> dict[str, Any] | None:
    """The definition that is written in a text as JSON, if one is."""
    if not text.lstrip().startswith("{") or not any(f'"{key}"' in text for key in _TELLING):
        return None
    try:
        value = load(text, depth=64, nodes=10_000, keys=10_000)
    except OverLimit as error:
        raise Told(f"the text of its definition is over the limit of {error.limit}") from None
    except ValueError:
        raise Told("this looks like a flag's definition in one text, but is no JSON") from None
    return value if any(key in value for key in _TELLING) else None


_TELLING = ("state", "variants")
"""The keys by which a definition is told from another mapping: it has to have them."""


def _defined(value: Any) -> Any:
    """A definition as it is; of a plain value the one that it stands for.

    From the environment, properties and keys of Consul everything comes as text, so there `true` is a
    boolean all the same, and a definition is JSON.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        if value.casefold() in ("true", "false"):
            return static(value.casefold() == "true")
        if (written := _written(value)) is not None:
            return written
    if is_a_value(value):
        return static(value)
    raise Told("expected a flag's definition, or its value")


Definition = Annotated[Flag, BeforeValidator(_defined)]
"""A flag's definition, or its value."""
