"""What a settings class says of itself: the keys it reads, and its merge policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from dynconf._models.shape import Shape, infos_of, is_model, is_raw, of_extras, paths_of, shape_of
from dynconf._values.merge import Merge, merged
from dynconf._values.tree import Path, dotted
from dynconf._values.tree import nested as nested_at
from dynconf.errors import UsageError

Model: TypeAlias = type[BaseModel]
Decoding: TypeAlias = Literal["always", "maybe", "never"]
Reads: TypeAlias = "frozenset[tuple[Path, Model]] | Literal[True]"
"""Of what stands at a place: `True` is all of it; else what these models read, each so much further down."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a settings class, as dynconf needs to know it.

    `paths` are the keys and alias paths that may hold it, the one that pydantic prefers first; `keys`
    are the keys of these, `read` is each one's first step, and `alias_path` the first alias path.
    `models` are the nested models with their place within the field: `()` for the field itself,
    `("*",)` for a list's or mapping's items. `plain` says that the field is nothing but nested
    models, `scalar` that it holds nothing that a path could go on into. `json` says whether its
    text, in an environment variable, is JSON: it always is, it may be, or never; `item_json` the
    same of a mapping's items.
    """

    name: str
    paths: tuple[Path, ...]
    keys: tuple[str, ...]
    read: tuple[str, ...]
    alias_path: Path
    models: tuple[tuple[Path, Model], ...]
    merges: tuple[tuple[Path, Merge], ...]
    plain: bool
    scalar: bool
    json: Decoding
    item_json: Decoding

    @property
    def nested(self) -> tuple[Path, Model] | None:
        """The nested model that it surely is, or its items surely are, with its place within the field.

        Of a union nobody knows yet which member it will be.
        """
        found = [one for one in self.models if not one[0]] or self.models
        return found[0] if len(found) == 1 else None

    def written(self, *, last: bool = False) -> Path:
        """Where a layer says it so that it holds before all others, or after them; `()` if it cannot.

        No tree can say one item of a list without the others.
        """
        paths = [path for path in self.paths if not _in_list(path)]
        if not self.paths:
            return (self.name,)
        return paths[-1 if last else 0] if paths else ()


@lru_cache(maxsize=4096)
def fields_of(cls: Model) -> tuple[Field, ...]:
    """The fields of a model, in order."""
    return tuple(_field(name, info, cls) for name, info in infos_of(cls).items())


def _field(name: str, info: FieldInfo, cls: Model) -> Field:
    shape = shape_of(info.annotation)
    shape.merges += [note for note in info.metadata if isinstance(note, Merge)]
    levels = list(shape.levels())
    models = tuple((at, kind) for at, level in levels for kind in level.kinds if is_model(kind))
    raw = is_raw(info.metadata)
    paths = paths_of(name, info, cls)
    return Field(
        name=name,
        paths=tuple(paths),
        keys=tuple(str(path[0]) for path in paths if len(path) == 1),
        read=tuple(dict.fromkeys(str(path[0]) for path in paths)),
        alias_path=next((path for path in paths if len(path) > 1), ()),
        models=models,
        merges=tuple((at, merge) for at, level in levels for merge in level.merges),
        plain=bool(models) and not any(level.other for _, level in levels),
        scalar=shape.scalar and not raw,
        json="never" if raw else _decoding(shape),
        item_json="never" if raw or not shape.mapping else _decoding(shape.items()),
    )


def _in_list(path: Path) -> bool:
    return any(isinstance(step, int) for step in path)


def _decoding(shape: Shape) -> Decoding:
    """Whether what stands there is written as JSON in one text."""
    if not shape.several:
        return "never"
    return "maybe" if shape.single else "always"


@lru_cache(maxsize=4096)
def family(cls: Model) -> frozenset[Model]:
    """The class and all models nested in it."""
    found: set[Model] = set()
    waiting = [cls]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [model for field in fields_of(one) for _, model in field.models]
    return frozenset(found)


@lru_cache(maxsize=4096)
def reads_of(cls: Model, *, declared: bool = False) -> Mapping[str, Reads] | Literal[True]:
    """The keys whose change can alter the model, each with what it reads of what stands there.

    Args:
        cls: the settings class.
        declared: only the keys that its fields name, though a validator may see all of them.
    """
    if not is_model(cls) or cls.model_config.get("extra") == "allow":
        return True
    if not declared and _sees_everything(cls):
        return True
    reads: dict[str, Reads] = {}
    for field in fields_of(cls):
        nested = field.plain and (declared or all(not at for at, _ in field.models))
        for key in field.read:
            below: Reads = frozenset(field.models) if nested and key in field.keys else True
            reads[key] = either(reads.get(key, frozenset()), below)
    return reads


def opened(reads: Reads, *, declared: bool = False) -> Mapping[str, Reads] | Literal[True]:
    """One step further: the keys, each with what is read of what stands there."""
    if reads is True:
        return True
    found: dict[str, Reads] = {}
    for at, cls in reads:
        inner = {str(at[0]): frozenset({(at[1:], cls)})} if at else reads_of(cls, declared=declared)
        if inner is True:
            return True
        for key, below in inner.items():
            found[key] = either(found.get(key, frozenset()), below)
    return found


def either(a: Reads, b: Reads) -> Reads:
    """All that one or the other reads."""
    return True if a is True or b is True else a | b


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


def merges_of(cls: Model, at: Path) -> Iterator[tuple[Path, Merge, str]]:
    """Every merge policy that a class and its nested models declare, with who says so.

    Where a class holds itself again its policies are those of the first time.
    """
    # Each with the classes that it stands in. A class is met once at a path, however many lead there.
    level: dict[tuple[Path, Model], tuple[Model, ...]] = {(at, cls): ()}
    while level:
        deeper: dict[tuple[Path, Model], tuple[Model, ...]] = {}
        for (place, model), above in level.items():
            chain = (*above, model)
            for merge in _merges_of_extra(model):
                yield (*place, "*"), merge, f"{model.__name__}.__pydantic_extra__"
            for field, key in ((one, key) for one in fields_of(model) for key in one.keys):
                for below, merge in field.merges:
                    yield (*place, key, *below), merge, f"{model.__name__}.{field.name}"
                for below, nested in field.models:
                    if nested not in chain and _merges(nested):
                        deeper.setdefault(((*place, key, *below), nested), chain)
        level = deeper


@lru_cache(maxsize=4096)
def _merges(cls: Model) -> bool:
    """Whether a class, or one within it, declares a merge policy."""
    return any(_merges_of_extra(one) or any(field.merges for field in fields_of(one)) for one in family(cls))


def _merges_of_extra(cls: Model) -> list[Merge]:
    """The merge policies of keys that are no fields, as a class that takes such says in their annotation."""
    extras = of_extras(cls)
    return [] if extras is None else extras.merges


def _by_key(cls: Model) -> dict[str, Field]:
    """The fields by any of their keys, and by their own name."""
    by_key: dict[str, Field] = {}
    for field in fields_of(cls):
        for key in (*field.keys, field.name):
            by_key.setdefault(key, field)
    return by_key


def unknown_key(
    cls: Model, values: Mapping[str, Any], below: Path = ()
) -> tuple[str, Model, list[str]] | None:
    """The first of some values that no field takes, the class that has no such field, and the fields it has.

    Within a nested model that a validator of its own sees whole, any key may have a meaning. With `below`,
    as `Field.nested` tells it, the values are mappings of such mappings.
    """
    if below:
        parts = (part for part in values.values() if isinstance(part, Mapping))
        return next(filter(None, (unknown_key(cls, part, below[1:]) for part in parts)), None)
    if not is_model(cls) or cls.model_config.get("extra") == "allow":
        return None
    by_key = _by_key(cls)
    read = {key for field in fields_of(cls) for key in field.read}
    for key, value in values.items():
        known = by_key.get(key)
        if known is None:
            if key not in read:
                return key, cls, [field.name for field in fields_of(cls)]
        elif known.plain and len(known.models) == 1 and isinstance(value, Mapping):
            [(inner, nested)] = known.models
            if reads_of(nested) is not True:
                unknown = unknown_key(nested, value, inner)
                if unknown:
                    return unknown
    return None


def canonical(
    cls: Model, values: Mapping[str, Any], below: Path = (), *, strict: bool = False, last: bool = False
) -> dict[str, Any]:
    """`values` with every field where pydantic prefers it, nested models included, but for lists' items.

    Fields may be named by any of their keys, or by their own name. A field that is one item of a
    list is left out, as no tree can say it without the list's other items.

    Args:
        cls: whose fields they are.
        values: what they are to be.
        below: as `Field.nested` tells it: the values are mappings of such mappings.
        strict: whether a field that cannot be said is an error.
        last: whether they are where pydantic looks last, as defaults are.

    Raises:
        UsageError: there is such a field, or one that pydantic would rather read so, and it is `strict`.
    """
    if below:
        return {
            key: canonical(cls, part, below[1:], strict=strict, last=last)
            if isinstance(part, Mapping)
            else part
            for key, part in values.items()
        }
    by_key = _by_key(cls)
    result: dict[str, Any] = {}
    for key, value in values.items():
        known = by_key.get(key)
        if known is None:
            _put(result, (key,), value)
            continue
        if known.nested and isinstance(value, Mapping):
            inner, nested = known.nested
            value = canonical(nested, value, inner, strict=strict, last=last)
        if strict and known.paths and _in_list(known.paths[0]):
            item = dotted(known.paths[0])
            raise UsageError(
                f"{cls.__name__}.{known.name} is one item of a list ({item}), which a layer replaces whole:"
                " override another field of the class, or give the list in a source of its own"
            )
        if place := known.written(last=last):
            _put(result, place, value)
    return result


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Have a tree say a value, too, beside what else it says of the same key."""
    [(key, value)] = nested_at(path, value).items()
    tree[key] = merged([tree[key], value]) if key in tree else value


def spellings(cls: Model | None, path: Path) -> Iterator[tuple[str, ...]]:
    """All ways to name what stands at a path where `canonical` puts it: each field by its name or any key."""
    if not path:
        yield ()
        return
    here = (
        one for one in (fields_of(cls) if cls else ()) if path[: len(one.written()) or 1] == one.written()
    )
    field = next(here, None)
    if field is None:
        yield from ((str(path[0]), *rest) for rest in spellings(None, path[1:]))
        return
    below, nested = field.nested or ((), None)
    begin = len(field.written())
    end = begin + len(below)
    for rest in spellings(nested, path[end:]):
        yield from ((name, *map(str, path[begin:end]), *rest) for name in (*field.keys, field.name))
