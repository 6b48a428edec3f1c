"""What a settings class says of itself: the keys it reads, its merge policies, its secrets."""

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, is_dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel, Json, RootModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode

from dynconf._values.merge import Merge, merged
from dynconf._values.tree import Path
from dynconf._values.tree import nested as nested_at

Model: TypeAlias = type[BaseModel]
Decoding: TypeAlias = Literal["always", "maybe", "never"]
Reads: TypeAlias = "dict[str, Any] | bool"
"""The keys that a model reads: each leads to `True` (all that is there) or to further keys."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a settings class, as dynconf needs to know it.

    `keys` are the keys that may hold it, the one that pydantic prefers first; `read` is the same
    with the first step of alias paths, and `alias_path` the first of these paths. `models` are the
    nested models with their place within
    the field: `()` for the field itself, `("*",)` for a list's or mapping's items. `plain` says
    that the field is nothing but nested models. `json` says whether its text, in an environment
    variable, is JSON: it always is, it may be, or never; `item_json` the same of a mapping's items.
    """

    name: str
    keys: tuple[str, ...]
    read: tuple[str, ...]
    alias_path: Path
    models: tuple[tuple[Path, Model], ...]
    merges: tuple[tuple[Path, Merge], ...]
    secrets: tuple[Path, ...]
    plain: bool
    json: Decoding
    item_json: Decoding


@lru_cache(maxsize=4096)
def fields_of(cls: Model) -> tuple[Field, ...]:
    """The fields of a model, in order."""
    return tuple(_field(name, info, cls) for name, info in cls.model_fields.items())


def _field(name: str, info: FieldInfo, cls: Model) -> Field:
    found = _Found([], [], [])
    annotation: Any = info.annotation
    found.merges += [((), note) for note in info.metadata if isinstance(note, Merge)]
    raw = any(note in _RAW or type(note) in _RAW for note in info.metadata)
    leaves = found.walk(annotation, ())
    if raw:
        found._text_of(annotation, ())
    keys, read = _keys(name, info, cls)
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return Field(
        name=name,
        keys=keys,
        read=read,
        alias_path=next((tuple(choice.path) for choice in choices if isinstance(choice, AliasPath)), ()),
        models=tuple(found.models),
        merges=tuple(found.merges),
        secrets=tuple(found.secrets),
        plain=bool(found.models) and not leaves,
        json="never" if raw else found.decoding(()),
        item_json="never" if raw or not found.mapping else found.decoding(("*",)),
    )


_TYPED_PARTS = ("__required_keys__", "_fields")
"""What typed dictionaries, the standard library's and its backport's, and named tuples have."""

_RAW: tuple[object, ...] = (Json, NoDecode)
"""Annotations that say: this field wants the text itself."""


def _keys(name: str, info: FieldInfo, cls: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    alias = info.validation_alias
    if alias is None:
        return (name,), (name,)
    config = cls.model_config
    keys: list[str] = []
    read: list[str] = []
    if config.get("validate_by_alias") is not False:
        for choice in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            if isinstance(choice, AliasPath):
                read.append(str(choice.path[0]))
            else:
                keys.append(choice)
                read.append(choice)
    if config.get("validate_by_name") or config.get("populate_by_name"):
        keys.append(name)
        read.append(name)
    return tuple(keys), tuple(dict.fromkeys(read))


@dataclass
class _Found:
    """What a walk through an annotation gathers."""

    models: list[tuple[Path, Model]]
    merges: list[tuple[Path, Merge]]
    secrets: list[Path]
    containers: set[Path] = dataclass_field(default_factory=set)
    scalars: set[Path] = dataclass_field(default_factory=set)
    mapping: bool = False
    seen: frozenset[type] = frozenset()

    def decoding(self, at: Path) -> Decoding:
        """Whether what stands there is written as JSON in one text."""
        if at not in self.containers:
            return "never"
        return "maybe" if at in self.scalars else "always"

    def _text_of(self, annotation: Any, at: Path) -> None:
        """Of a text that holds what the annotation says: if any of that is secret, all of it is."""
        inner = _Found([], [], [], seen=self.seen)
        inner.walk(annotation, ())
        if inner.secrets or any(secrets_of(model) for _, model in inner.models):
            self.secrets.append(at)

    def _secrets_of_parts(self, kind: Any, at: Path) -> None:
        """The secrets in a class with typed parts that is no model of its own."""
        if not isinstance(kind, type) or is_model(kind):
            return
        if kind in self.seen:
            self.secrets.append(at)  # it holds itself again: rather too much than too little
            return
        if issubclass(kind, RootModel):
            parts: dict[str, Any] = {"": kind.model_fields["root"].annotation}
        elif is_dataclass(kind) or any(hasattr(kind, mark) for mark in _TYPED_PARTS):
            try:
                parts = typing.get_type_hints(kind, include_extras=True)
            except NameError:  # names that are known only where the class was written
                return
        else:
            return
        for name, annotation in parts.items():
            inner = _Found([], [], [], seen=self.seen | {kind})
            inner.walk(annotation, (*at, name) if name else at)
            self.secrets += inner.secrets
            self.secrets += [(*below, *path) for below, model in inner.models for path in secrets_of(model)]

    def _note_kind(self, kind: Any, at: Path) -> None:
        """Note whether a type holds several values or one."""
        if kind is NoneType:
            return
        if not isinstance(kind, type):
            self.scalars.add(at)
            return
        holds_items = issubclass(kind, (BaseModel, Mapping, Sequence, AbstractSet)) or is_dataclass(kind)
        is_container = holds_items and not issubclass(kind, (str, bytes, bytearray))
        (self.containers if is_container else self.scalars).add(at)
        self.mapping |= not at and issubclass(kind, Mapping)

    def walk(self, annotation: Any, at: Path) -> bool:
        """Gather, and tell whether there is anything but nested models and `None`."""
        annotation = getattr(annotation, "__value__", annotation)  # `type Name = …`
        annotation = getattr(annotation, "__supertype__", annotation)  # NewType
        origin = get_origin(annotation)
        if getattr(origin, "__name__", getattr(origin, "_name", "")) in {
            "NotRequired",
            "Required",
            "ReadOnly",
        }:
            return self.walk(get_args(annotation)[0], at)
        if origin is Annotated:
            inner, *notes = get_args(annotation)
            self.merges += [(at, note) for note in notes if isinstance(note, Merge)]
            if any(note in _RAW or type(note) in _RAW for note in notes):
                self.scalars.add(at)
                self._text_of(inner, at)
                return True
            return self.walk(inner, at)
        if origin in (Union, UnionType):
            walked = [self.walk(one, at) for one in get_args(annotation)]
            return any(walked)
        kind = origin if isinstance(origin, type) else annotation
        if isinstance(kind, type) and issubclass(kind, (SecretStr, SecretBytes, Secret)):
            self.secrets.append(at)
            self.scalars.add(at)
            return True
        self._note_kind(kind, at)
        self._secrets_of_parts(kind, at)
        if isinstance(origin, type):
            items = get_args(annotation)
            if issubclass(origin, Mapping) and len(items) == 2:
                return self.walk(items[1], (*at, "*"))
            if issubclass(origin, (Sequence, AbstractSet)):
                walked = [self.walk(item, (*at, "*")) for item in items if item is not Ellipsis]
                return any(walked)
        if is_model(annotation):
            self.models.append((at, annotation))
            return False
        return annotation is not NoneType


def is_model(annotation: Any) -> typing.TypeGuard[Model]:
    """Whether this is a pydantic model class with fields of its own."""
    return (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and not issubclass(annotation, RootModel)
    )


@lru_cache(maxsize=4096)
def reads_of(cls: Model, *, declared: bool = False, _above: tuple[Model, ...] = ()) -> Reads:
    """The keys whose change can alter the model.

    Args:
        cls: the settings class.
        declared: only the keys that its fields name, though a validator may see all of them.
    """
    if not is_model(cls) or cls in _above:
        return True
    if cls.model_config.get("extra") == "allow" or (not declared and _sees_everything(cls)):
        return True
    reads: dict[str, Any] = {}
    for field in fields_of(cls):
        for key in field.read:
            below: Reads = True
            if field.plain and key in field.keys and (declared or all(not at for at, _ in field.models)):
                below = False
                for at, model in field.models:
                    inner = reads_of(model, declared=declared, _above=(*_above, cls))
                    for step in reversed(at):
                        inner = {str(step): inner}
                    below = either(below, inner)
            reads[key] = either(reads.get(key, False), below)
    return reads


@lru_cache(maxsize=4096)
def top_keys(cls: Model) -> tuple[str, ...] | None:
    """The keys that a model reads of its mapping; `None` if it may look at all of them."""
    reads = reads_of(cls)
    return tuple(reads) if isinstance(reads, dict) else None


def _sees_everything(cls: Model) -> bool:
    validators = cls.__pydantic_decorators__.model_validators.values()
    own_init = cls.__init__ not in (BaseModel.__init__, BaseSettings.__init__)
    if cls.__pydantic_decorators__.root_validators:
        return True
    return (
        cls.model_config.get("extra") == "forbid"
        or own_init
        or any(validator.info.mode in ("before", "wrap") for validator in validators)
    )


def either(a: Reads, b: Reads) -> Reads:
    """All that one or the other reads."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return (a or b) if not (a is True or b is True) else True
    both = dict(a)
    for key, item in b.items():
        both[key] = either(both.get(key, False), item)
    return both


def merges_of(cls: Model, at: Path, _above: tuple[Model, ...] = ()) -> Iterator[tuple[Path, Merge, str]]:
    """Every merge policy that a class and its nested models declare, with who says so."""
    if cls in _above:
        return
    for field in fields_of(cls):
        for key in field.keys:
            for below, merge in field.merges:
                yield (*at, key, *below), merge, f"{cls.__name__}.{field.name}"
            for below, model in field.models:
                yield from merges_of(model, (*at, key, *below), (*_above, cls))


@lru_cache(maxsize=4096)
def secrets_of(cls: Model, _above: tuple[Model, ...] = ()) -> frozenset[Path]:
    """The paths, relative to the class, whose fields are declared secret; `*` is any step.

    Where a class holds itself again, all that is there is secret if anything in it is.
    """
    found: set[Path] = set()
    if cls in _above:
        recurring = _above[_above.index(cls) :]
        return (
            frozenset({()})
            if any(field.secrets for one in recurring for field in fields_of(one))
            else frozenset()
        )
    for field in fields_of(cls):
        for key in {*field.read, field.name}:
            found.update((key, *below) for below in field.secrets)
            for below, model in field.models:
                inner = secrets_of(model, (*_above, cls))
                found.update((key, *below, *path) for path in inner)
    return frozenset(found)


def canonical(cls: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with every field under the key that pydantic prefers, nested models included.

    Fields may be named by any of their keys, or by their own name.
    """
    by_key: dict[str, Field] = {}
    for field in fields_of(cls):
        for key in (*field.keys, field.name):
            by_key.setdefault(key, field)
    result: dict[str, Any] = {}
    for key, value in values.items():
        known = by_key.get(key)
        if known is None:
            result[key] = value
            continue
        nested = [model for at, model in known.models if not at]
        if len(nested) == 1 and isinstance(value, Mapping):
            value = canonical(nested[0], value)
        if known.keys or not known.alias_path:
            result[known.keys[0] if known.keys else key] = value
        else:
            result = merged([result, nested_at(known.alias_path, value)])
    return result


def tree_path(cls: Model, at: Path, path: Path, height: Callable[[Path], Any]) -> Path:
    """A path of field names, below `at`, as the path of keys that the model reads.

    Of several keys for one field it is the one that stands highest, else the one that pydantic
    prefers.
    """
    model: Model | None = cls
    for step in path:
        known = next((field for field in fields_of(model) if field.name == step), None) if model else None
        if known is None or not (known.keys or known.alias_path):
            at, model = (*at, step), None
            continue
        spellings = [(*at, key) for key in known.keys] or [(*at, *known.alias_path)]
        at = max(spellings, key=height)
        nested = [nested for below, nested in known.models if not below]
        model = nested[0] if len(nested) == 1 else None
    return at
