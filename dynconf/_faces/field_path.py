"""Paths of field names, as users write them."""

from pydantic import BaseModel

from dynconf._models.build import unknown_step
from dynconf._values.tree import Path, parse_path
from dynconf.errors import UsageError


def field_path(cls: type, text: str) -> Path:
    """The path that a text like `redis.host` says, from a settings class on.

    Raises:
        UsageError: the class has no such field, or nothing can stand there.
    """
    path = parse_path(text)
    unknown = unknown_step(cls, path) if issubclass(cls, BaseModel) else None
    if unknown:
        step, known = unknown
        why = f"no field '{step}' among {', '.join(known)}" if known else f"'{step}' is below a single value"
        raise UsageError(f"'{text}' is no path of {cls.__name__}: {why}")
    return path
