"""What an annotation, or a class, says may stand at a place: classes, items, secrets, merge policies."""

import inspect
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import InitVar, dataclass, field, fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, ForwardRef, Literal, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID

import typing_extensions
from pydantic import AliasChoices, AliasPath, BaseModel, Json, RootModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from dynconf._values.merge import Merge
from dynconf._values.secrets import looks_secret
from dynconf._values.tree import Path

Alias: TypeAlias = str | AliasPath | AliasChoices | None

ANY = "*"
"""The step that stands for any key or index."""
OTHER = "?"
"""The step that stands for any key that is not told of."""


@dataclass(eq=False, slots=True)
class Shape:
    """What may stand at one place.

    `kinds` are the classes with parts of their own; `described` looks into them, and only when it
    is asked, as they may hold themselves. `parts` tells what a step leads to, and `within` what
    else may stand at this very place, or in a text there. `several` and `single` say that a value
    there may hold several values, or be one; `other`, that it may be anything but nested models
    and `None`; `scalar`, that it is surely nothing with parts.
    """

    secret: bool = False
    kinds: list[Any] = field(default_factory=list)
    parts: dict[str, list["Shape"]] = field(default_factory=dict)
    within: list["Shape"] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    several: bool = False
    single: bool = False
    mapping: bool = False
    other: bool = False
    scalar: bool = True

    def levels(self, at: Path = ()) -> Iterator[tuple[Path, "Shape"]]:
        """This place, and those of its items and of their items."""
        yield at, self
        for items in self.parts.get(ANY, ()):
            yield from items.levels((*at, ANY))

    def items(self) -> "Shape":
        """What any key or index leads to, to be told more of."""
        return self.parts.setdefault(ANY, [Shape()])[0]

    def put(self, path: Path, shape: "Shape") -> None:
        """Say what may stand some steps from here, or right here."""
        if path:
            step = path[0]
            below = Shape(secret=looks_secret(path[:1]))
            below.put(path[1:], shape)
            from_the_end = isinstance(step, int) and step < 0
            self.parts.setdefault(ANY if from_the_end else str(step), []).append(below)
        else:
            self.within.append(shape)


def shape_of(annotation: Any) -> Shape:
    """What an annotation says."""
    shape = Shape()
    _read(annotation, shape, ())
    return shape


@lru_cache(maxsize=4096)
def described(kind: Any) -> Shape:
    """What stands in a class, by its parts' names and aliases; all is secret where that cannot be told."""
    if _is_alias(kind):
        return shape_of(kind)
    if issubclass(kind, RootModel):
        return shape_of(infos_of(kind)["root"].annotation)
    typed = _typed_parts(kind)
    if typed is None:
        return Shape(secret=True)
    shape = Shape()
    for number, (name, annotation, alias) in enumerate(typed):
        below = shape_of(annotation)
        paths: list[Path] = [(name,), *(path for one in (alias, *below.aliases) for path in alias_paths(one))]
        if hasattr(kind, "_fields"):  # a named tuple may be written as a list
            paths.append((str(number),))
        below.secret |= any(map(looks_secret, paths))
        for path in paths:
            shape.put(path, below)
    if others := _others(kind, shape):
        for name in _unread(kind, shape):
            shape.parts[name] += others
        shape.parts[OTHER] = others
    for argument in _arguments_of_bases(kind):
        # Which part it stands in is not asked: rather too much than too little.
        _read(argument, shape.items(), ())
    return shape


def _others(kind: type, shape: Shape) -> list[Shape]:
    """What keys may lead to that a class does not name."""
    if extras := of_extras(kind):
        return [extras]
    if is_model(kind) or "__pydantic_fields__" in vars(kind):
        return []
    extra = getattr(kind, "__extra_items__", _NO_EXTRA_ITEMS)  # of a typed dictionary
    told = [] if extra is _NO_EXTRA_ITEMS or extra is None else [shape_of(extra)]
    # Its keys may be generated, by the class around it, too: rather too much than too little.
    return [*(below for parts in shape.parts.values() for below in parts), *told]


def _unread(kind: type, shape: Shape) -> Iterable[str]:
    """The names of a model's parts that pydantic does not read them by: what has these is something else."""
    if not is_model(kind):
        return ()
    read = (path for name, info in infos_of(kind).items() for path in paths_of(name, info, kind))
    return shape.parts.keys() - {str(path[0]) for path in read}


def _arguments_of_bases(kind: type) -> Iterator[Any]:
    """What generic bases of a class were given, such as the `int` of `Box[int]`."""
    for base in kind.__mro__:
        for generic in vars(base).get("__orig_bases__", ()):
            yield from (one for one in get_args(generic) if not isinstance(one, TypeVar))


def of_extras(cls: Any) -> Shape | None:
    """What an open class says, in their annotation, of the keys that are no fields; `None` if it does not."""
    if not is_model(cls) or cls.model_config.get("extra") != "allow":
        return None
    said = next((one for one in cls.__mro__ if one is not BaseModel and _EXTRAS in _annotations(one)), None)
    if said is None:
        return None
    annotation = _resolved(_annotations(said)[_EXTRAS], said)
    return Shape(secret=True) if annotation is None else shape_of(_filled(annotation, cls, said)).items()


def _annotations(cls: type) -> Mapping[str, Any]:
    """What the class itself annotates; names that nobody knows are no hindrance."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations  # noqa: PLC0415 - not there before

        return get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _resolved(annotation: Any, holder: Any) -> Any:
    """An annotation with its names resolved, whatever those of others; `None` where that cannot be."""
    known = sys.modules.get(holder.__module__)  # none of a plug-in that somebody loads by hand
    try:
        names = {**(vars(known) if known else {}), holder.__name__: holder}
        one = SimpleNamespace(__annotations__={"": annotation})
        return typing.get_type_hints(one, names, include_extras=True)[""]
    except Exception:  # noqa: BLE001 - names known only where the class was written, or whatever else
        return None


def _filled(annotation: Any, cls: type[BaseModel], holder: type) -> Any:
    """An annotation of the holder with the type variables that it was given on the way to the class."""
    for one in reversed(cls.__mro__):
        told = vars(one).get("__pydantic_generic_metadata__") or {}
        if not (told.get("args") and issubclass(one, holder)):
            continue
        given = dict(
            zip(told["origin"].__pydantic_generic_metadata__["parameters"], told["args"], strict=False)
        )
        if unfilled := getattr(annotation, "__parameters__", ()):
            annotation = annotation[tuple(given.get(one, one) for one in unfilled)]
    return annotation


def alias_paths(alias: Alias) -> list[Path]:
    """The paths that an alias names, the one that pydantic prefers first."""
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias] if alias else []
    return [tuple(one.path) if isinstance(one, AliasPath) else (one,) for one in choices]


def paths_of(name: str, info: FieldInfo, cls: type[BaseModel]) -> list[Path]:
    """The paths that may hold a model's field, each once, the one that pydantic prefers first."""
    config = cls.model_config
    paths = alias_paths(info.validation_alias) if config.get("validate_by_alias") is not False else []
    if info.validation_alias is None or config.get("validate_by_name") or config.get("populate_by_name"):
        paths.append((name,))
    return list(dict.fromkeys(paths))


def infos_of(cls: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """A model's fields, with names resolved that were not yet known when it was written."""
    if not cls.__pydantic_complete__:
        cls.model_rebuild(raise_errors=False)
    return cls.model_fields


def _typed_parts(kind: type) -> Iterable[tuple[str, Any, Alias]] | None:
    """The parts of a class, each with its annotation and alias; `None` where they cannot be known."""
    infos = infos_of(kind) if is_model(kind) else vars(kind).get("__pydantic_fields__")
    if infos is not None:
        return [(name, info.annotation, info.validation_alias) for name, info in infos.items()]
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - names known only where the class was written, or whatever else
        return None
    given = {one.name: one.default for one in fields(kind)} if is_dataclass(kind) else {}
    return [(name, hint, getattr(given.get(name), "validation_alias", None)) for name, hint in hints.items()]


_EXTRAS = "__pydantic_extra__"
_NO_EXTRA_ITEMS: Any = getattr(typing_extensions, "NoExtraItems", None)  # it came late

_SCALARS = (
    str,
    bytes,
    int,
    float,
    Decimal,
    date,
    time,
    timedelta,
    Enum,
    UUID,
    PurePath,
    SecretStr,
    SecretBytes,
)

_RAW: tuple[object, ...] = (Json, NoDecode)
"""Annotations that say: this field wants the text itself."""

_TYPED_PARTS = ("__required_keys__", "_fields")
"""What typed dictionaries, the standard library's and its backport's, and named tuples have."""


def is_raw(notes: Iterable[object]) -> bool:
    """Whether one of an annotation's notes asks for the text itself."""
    return any(note in _RAW or type(note) in _RAW for note in notes)


def _read(annotation: Any, shape: Shape, above: tuple[Any, ...]) -> None:
    """Take in what an annotation says; `above` are the type aliases that it stands in."""
    if isinstance(annotation, type):
        _read_kind(annotation, (), shape, above)
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    same_place = _at_same_place(annotation, origin)
    if _is_alias(annotation):
        if (origin or annotation) in above:
            shape.scalar = False
            shape.kinds.append(annotation)
        else:
            _read(_value_of(annotation), shape, (*above, origin or annotation))
    elif origin is Annotated:
        inner, *notes = arguments
        shape.merges += [note for note in notes if isinstance(note, Merge)]
        shape.aliases += [note.validation_alias for note in notes if isinstance(note, FieldInfo)]
        if is_raw(notes):
            shape.single = shape.other = True
            shape.scalar = False
            shape.within.append(Shape())
            shape = shape.within[-1]
        _read(inner, shape, above)
    elif same_place is not None:
        for one in same_place:
            _read(one, shape, above)
    else:
        _read_kind(origin or annotation, arguments, shape, above)


def _at_same_place(annotation: Any, origin: Any) -> Iterable[Any] | None:
    """What stands where the annotation does, if it is not a type itself."""
    if hasattr(annotation, "__supertype__"):  # NewType
        return [annotation.__supertype__]
    if isinstance(annotation, InitVar):
        return [annotation.type]
    if isinstance(annotation, TypeVar):
        return [annotation.__bound__, *annotation.__constraints__]
    if origin in {None, Literal} or (isinstance(origin, type) and origin is not UnionType):
        return None
    return get_args(annotation)  # of a union, or a qualifier such as `NotRequired`


def _is_alias(annotation: Any) -> bool:
    """Whether it was made by `type Name = …`."""
    try:
        return hasattr(annotation, "__value__")
    except Exception:  # noqa: BLE001 - what it stands for cannot be told
        return True


def _value_of(alias: Any) -> Any:
    """What a type alias stands for, with names resolved and parameters filled in."""
    origin = get_origin(alias) or alias
    try:
        told = alias.__value__
    except Exception:  # noqa: BLE001 - it is computed only now, and may name what nobody knows
        return str(origin)
    value = _resolved(told, origin)
    if value is None:
        value = told
    given = dict(zip(origin.__parameters__, get_args(alias), strict=False))
    unfilled = getattr(value, "__parameters__", ()) if given else ()
    return value[tuple(given.get(one, one) for one in unfilled)] if unfilled else given.get(value, value)


def _read_kind(kind: Any, arguments: tuple[Any, ...], shape: Shape, above: tuple[Any, ...]) -> None:
    """Take in a type, and what the arguments of a generic one say of its items."""
    if kind is NoneType:
        return
    shape.scalar &= issubclass(kind, _SCALARS) if isinstance(kind, type) else kind is Literal
    if not isinstance(kind, type):
        shape.secret |= isinstance(kind, (ForwardRef, str))  # a name that nobody knows
        shape.single = shape.other = True
        return
    if issubclass(kind, (SecretStr, SecretBytes, Secret)):
        shape.secret = shape.single = shape.other = True
        return
    holds_items = issubclass(kind, (BaseModel, Mapping, Sequence, AbstractSet)) or is_dataclass(kind)
    if holds_items and not issubclass(kind, (str, bytes, bytearray)):
        shape.several = True
    else:
        shape.single = True
    shape.mapping |= issubclass(kind, Mapping)
    typed = any(hasattr(kind, mark) for mark in _TYPED_PARTS)
    if issubclass(kind, BaseModel) or is_dataclass(kind) or typed:
        shape.kinds.append(kind)
    told = arguments[-1:] if issubclass(kind, Mapping) and not typed else arguments
    for one in told:
        if one is not Ellipsis:
            _read(one, shape.items(), above)
    shape.other |= not (is_model(kind) or (told and issubclass(kind, (Mapping, Sequence, AbstractSet))))


def is_model(annotation: Any) -> typing.TypeGuard[type[BaseModel]]:
    """Whether this is a pydantic model class with fields of its own."""
    return (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and not issubclass(annotation, RootModel)
    )
