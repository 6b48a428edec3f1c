"""What is another in one model than in another one, whatever the user's classes do when they are compared."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel, RootModel

from dynconf._values.key_text import key_text
from dynconf._values.secrets import fields_held
from dynconf._values.tree import MISSING, Delta, Path


def equal(a: Any, b: Any) -> bool:
    """Whether two model values are equal in type and value throughout; what cannot be compared is not."""
    try:
        return _equal(a, b)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return False


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, BaseModel):
        return _equal(fields_held(a), fields_held(b)) and _equal(a.__pydantic_extra__, b.__pydantic_extra__)
    if isinstance(a, dict):
        return len(a) == len(b) and all(key in b and _equal(item, b[key]) for key, item in a.items())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b) or bool(a != a and b != b)  # noqa: PLR0124 - NaN equals NaN here


def adopted(old: Any, new: Any) -> Any:
    """`new`, with each part that equals the old one's replaced by the old object itself.

    So an unchanged part keeps its identity, and comparing it costs nothing.
    """
    if equal(old, new):
        return old
    with suppress(RecursionError):  # it holds itself; what was adopted by then is equal, so nothing is lost
        _adopt(old, new)
    return new


def _adopt(old: Any, new: Any) -> None:
    if not (isinstance(new, BaseModel) and type(old) is type(new)):
        return
    before, fields = fields_held(old), new.__dict__
    for name, value in fields_held(new).items():
        if name in before:
            if equal(before[name], value):
                fields[name] = before[name]
            else:
                _adopt(before[name], value)


def changed_fields(old: Any, new: Any) -> Delta:
    """The fields that differ, by their names; parts that both share are passed over.

    Where that cannot be told, all do.
    """
    try:
        return _changed(old, new)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return dict.fromkeys({**_members(old), **_members(new)}, True)


def _changed(old: Any, new: Any) -> Delta:
    before, after = _members(old), _members(new)
    delta: Delta = {}
    for name in {**before, **after}:
        a, b = before.get(name, MISSING), after.get(name, MISSING)
        if a is b:
            continue
        if _steps_into(a) and _steps_into(b):
            found = _changed(a, b)
            if found:
                delta[name] = found
        elif not equal(a, b):
            delta[name] = True
    return delta


def field_value(model: Any, path: Path) -> Any:
    """What a model holds at a path of field names, mapping keys and list indexes.

    It is `None` where nothing stands: a key, or what it is in, may come and go.
    """
    for step in path:
        while isinstance(model, RootModel):
            model = model.root
        if _steps_into(model):
            model = _members(model).get(str(step))
        elif isinstance(model, (list, tuple)):
            index = str(step)
            model = model[int(index)] if index.isdecimal() and int(index) < len(model) else None
        else:
            return None
    return model


def _steps_into(value: Any) -> bool:
    if isinstance(value, RootModel):
        return _steps_into(value.root)
    return isinstance(value, (BaseModel, dict)) or (is_dataclass(value) and not isinstance(value, type))


def _members(value: Any) -> Mapping[str, Any]:
    if isinstance(value, RootModel):
        root = value.root
        if isinstance(root, (list, tuple)):
            return {str(index): item for index, item in enumerate(root)}
        return _members(root) if _steps_into(root) else {"root": root}
    if isinstance(value, BaseModel):
        return {**fields_held(value), **(value.__pydantic_extra__ or {})}
    if isinstance(value, dict):
        return {key_text(key): item for key, item in value.items()}
    found = {field.name: _attribute(value, field.name) for field in dataclass_fields(value)}
    return {name: item for name, item in found.items() if item is not MISSING}


def _attribute(value: Any, name: str) -> Any:
    """A dataclass's field: one may not be set yet, or be a property that breaks."""
    try:
        return getattr(value, name)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return MISSING
