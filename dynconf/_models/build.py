"""From tree to model: validation with located, value-free faults."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache, partial
from typing import Any, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails, PydanticKnownError, PydanticUndefined
from pydantic_core.core_schema import ErrorType
from pydantic_settings import BaseSettings

from dynconf._models.broken import what_broke
from dynconf._models.keys import joined
from dynconf._models.places import place_at
from dynconf._models.schema import Field, canonical, fields_of, top_keys
from dynconf._models.shape import infos_of, is_model
from dynconf._values.lazily import lazily
from dynconf._values.secrets import Place, Quotes, scrubbed, secret_texts
from dynconf._values.tree import MISSING, Path, Tree, copied, find

MOST_FAULTS = 20
"""How many faults of one model are told; of the others only that they are there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a model does not accept a tree: the path in the tree, what was wanted, the type found."""

    path: Path
    expected: str
    actual: str = ""


class Told(ValueError):
    """Raised by a validator of dynconf's own: its text holds no value, and is told as it is."""


class Invalid(Exception):
    """A model does not accept the tree; only ever seen inside dynconf."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def build(
    cls: type[BaseModel],
    tree: Any,
    at: Path,
    place: Callable[[], Place] | None = None,
) -> BaseModel:
    """A model validated from what stands at `at`; it shares no container with the tree.

    Args:
        cls: the settings class. A `BaseSettings` is built without asking its own sources.
        tree: what stands there, or `MISSING` for nothing; a mapping, but for a `RootModel`. Of several
            keys for one field it holds one.
        at: its path, for faults.
        place: gives what all classes declare secret there, so that no fault quotes it; by default
            it is what this one declares.

    Raises:
        Invalid: with one fault for each field, as far as they are not too many.
    """
    data = _input_of(cls, tree, at)
    broken = ""
    try:
        if issubclass(cls, BaseSettings):
            # The class's own __init__ would read the environment again and rank the tree above it.
            model = cls.__new__(cls)
            BaseModel.__init__(model, **data)
            return model
        return cls.__pydantic_validator__.validate_python(data)  # type: ignore[no-any-return]
    except ValidationError as error:
        details = error.errors(include_url=False)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        details, broken = [], what_broke(error)
    # Raised out here, so that it does not carry pydantic's error, which holds values, as its context.
    if broken:
        raise Invalid([Fault(at, f"the class's own code failed: {broken}")])
    own = cache(partial(place_at, [(cls, at)], at))
    telling = _Telling(data, at, own, cache(place) if place else own)
    faults = [telling.fault(detail) for detail in details[:MOST_FAULTS]]
    if len(details) > MOST_FAULTS:
        faults.append(Fault(at, f"more faults, not told here: {len(details) - MOST_FAULTS}"))
    raise Invalid(faults)


def _input_of(cls: type[BaseModel], tree: Any, at: Path) -> Any:
    """What pydantic is given: nothing that the model does not read."""
    if issubclass(cls, RootModel):
        if tree is not MISSING:
            return copied(tree)
        if infos_of(cls)["root"].is_required():
            raise Invalid([Fault(at, "required, but missing")])
        return PydanticUndefined
    if tree is MISSING:
        tree = {}
    if not isinstance(tree, dict):
        raise Invalid([Fault(at, f"expected a mapping for {cls.__name__}", type_name(tree))])
    wanted = top_keys(cls)
    seen = tree if wanted is None else {key: tree[key] for key in wanted if key in tree}
    data = copied(seen)
    if cls.model_config.get("nested_model_default_partial_update"):
        return joined(cls, [_defaults_below(cls, data), data])
    return data


def _defaults_below(cls: type[BaseModel], data: dict[str, Any]) -> dict[str, Any]:
    """What completes nested models that the data has a part of, as pydantic-settings does it if asked to."""
    found: dict[str, Any] = {}
    for field in fields_of(cls):
        default = infos_of(cls)[field.name].default
        if isinstance(default, BaseModel) or is_dataclass(default):
            found |= {key: _dumped(default) for key in field.keys if isinstance(data.get(key), dict)}
    return found


def _dumped(default: Any) -> Any:
    if isinstance(default, BaseModel):
        return canonical(type(default), default.model_dump(), last=True)
    return asdict(default)


_STANDARD = frozenset(get_args(ErrorType))
_QUOTING = frozenset(
    {"value_error", "assertion_error", "get_attribute_error", "iteration_error", "mapping_type"}
)
"""Standard errors whose text comes from code that saw the input."""
_RETOLD = {
    "uuid_parsing": "a valid UUID",
    "json_invalid": "valid JSON",
    "datetime_object_invalid": "a valid datetime",
    "bytes_invalid_encoding": "bytes in the declared encoding",
    "timezone_offset": "another timezone offset",
    "union_tag_invalid": "one of the known tags",
}
"""Standard errors whose text holds a piece of the input, told without it."""


class _Telling:
    """Tells what is wrong with one input, without anything that is secret in it.

    Args:
        data: the input.
        at: its path.
        own: gives what the class that refuses it declares secret.
        known: gives what any class does.
    """

    def __init__(self, data: Any, at: Path, own: Callable[[], Place], known: Callable[[], Place]) -> None:
        self._data = data
        self._at = at
        self._own = own
        self._known = known

    @lazily
    def _quotes_secret(self) -> Quotes:
        return Quotes(secret_texts(self._data, self._known()))

    def fault(self, detail: ErrorDetails) -> Fault:
        """What one of pydantic's errors says."""
        path = _tree_path(detail, self._data)
        kind, found = detail["type"], detail["input"]
        told = detail.get("ctx", {}).get("error")
        if isinstance(told, Told):
            return Fault((*self._at, *path), str(told))
        if kind == "missing":
            return Fault((*self._at, *path), "required, but missing")
        if kind == "extra_forbidden":
            text = "no such field (the class forbids extra keys)"
        elif kind in _RETOLD:
            text = f"expected {_RETOLD[kind]}"
            tags = detail.get("ctx", {}).get("expected_tags")
            text = f"{text}: {tags}" if tags else text
        elif kind not in _STANDARD:
            text = f"refused by its type ({kind})"
        elif kind in _QUOTING or not _is_pydantics(detail):
            said = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            secret = self._concerns_secret(path, said, found)
            text = "refused by its validator" if secret else f"its validator says: {scrubbed(said, found)}"
        elif detail["msg"].startswith("Input should be "):
            text = "expected " + detail["msg"].removeprefix("Input should be ")
        else:
            text = detail["msg"]
        return Fault((*self._at, *path), text, type_name(found))

    def _concerns_secret(self, path: Path, said: str, found: Any) -> bool:
        """Whether a message is of a path that holds a secret, or quotes one of any path."""
        place = self._known().at(path)
        if place.secret or self._own().at(path).hidden:
            return True
        return any(True for _ in secret_texts(found, place)) or self._quotes_secret(said)


def _is_pydantics(detail: ErrorDetails) -> bool:
    """Whether a standard error has pydantic's own text: a validator may raise it with any other."""
    try:
        return PydanticKnownError(detail["type"], detail.get("ctx")).message() == detail["msg"]  # type: ignore[arg-type]
    except (TypeError, KeyError):
        return False


def _tree_path(detail: ErrorDetails, data: Any) -> Path:
    """The error's place in the tree: pydantic's location also names union members and validators."""
    path: list[str | int] = []
    place = data
    if detail["loc"] and find(data, detail["loc"][:1]) is MISSING:
        return detail["loc"]  # a default that is not valid itself
    for step in detail["loc"]:
        below = find(place, (step,))
        if below is not MISSING:
            path.append(step)
            place = below
        elif detail["type"] == "missing" and isinstance(place, dict):
            path.append(step)
            place = MISSING
    return tuple(path)


def type_name(value: Any) -> str:
    """The type of a tree's value in a reader's words."""
    names = {dict: "mapping", list: "list", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def unknown_step(cls: type[BaseModel], path: Path) -> tuple[str, list[str]] | None:
    """The first step of a field path that no field has, with the names that are there; or `None`.

    Below a field that is a single value there are no names.
    """
    model: Any = cls
    for depth, step in enumerate(path, 1):
        if not is_model(model) or model.model_config.get("extra") == "allow":
            return None
        known: dict[str, Field] = {field.name: field for field in fields_of(model)}
        if str(step) not in known:
            return str(step), list(known)
        field = known[str(step)]
        if field.scalar and depth < len(path):
            return str(path[depth]), []
        model = (
            field.models[0][1] if field.plain and len(field.models) == 1 and not field.models[0][0] else None
        )
    return None


def leaves(tree: Tree, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar and list of a tree with its path; an empty mapping counts as one."""
    for key, item in tree.items():
        if isinstance(item, dict) and item:
            yield from leaves(item, (*at, key))
        else:
            yield (*at, key), item
