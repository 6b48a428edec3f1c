"""Which source an address's scheme stands for, and the options that the source takes."""

import inspect
import re
import typing
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from dynconf._addresses import Address, Mistake, unknown
from dynconf._models.build import Fault, Invalid, build
from dynconf._values.source import Source
from dynconf.errors import MissingExtra, UsageError

M = TypeVar("M", bound=BaseModel)

GROUP: Final = "dynconf.sources"
"""The entry points by which other packages bring sources: the name is the scheme."""

BUILT_IN: Final = {
    scheme: EntryPoint(scheme, home, GROUP)
    for scheme, home in {
        "consul": "dynconf.sources.consul:Consul",
        "env": "dynconf.sources.env:Env",
        "file": "dynconf.sources.file:File",
        "nacos": "dynconf.sources.nacos:Nacos",
    }.items()
}


def schemes() -> dict[str, EntryPoint]:
    """Every scheme there is; ours cannot be replaced."""
    return {point.name: point for point in entry_points(group=GROUP)} | BUILT_IN


def source_at(address: Address, options: Mapping[str, Any]) -> Source:
    """The source at an address.

    Args:
        address: the place.
        options: plain data, or text, which is converted to what the source's annotations say.

    Raises:
        Mistake: the scheme or an option is unknown, or a value is not what is expected.
    """
    cls = source_class(address.scheme)
    known = options_model(cls)
    names = {str(field.alias): name for name, field in known.model_fields.items()}
    for name in options:
        if name not in names:
            raise unknown(f"option of '{address.scheme}:'", name, names, (name,))
    model = valid(known, options)
    converted = {name: getattr(model, names[name]) for name in options}
    from_address = getattr(cls, "from_address", None)
    try:
        if from_address is not None:
            return typing.cast("Source", from_address(address, **converted))
        return _at_path(cls, address, converted)
    except UsageError as error:
        raise Mistake(str(error)) from None


def source_class(scheme: str) -> type[Source]:
    """The class that a scheme stands for; only now is it imported.

    Raises:
        Mistake: the scheme is unknown, or the package that brings it does not work.
    """
    found = [BUILT_IN[scheme]] if scheme in BUILT_IN else list(entry_points(group=GROUP, name=scheme))
    if not found:
        raise unknown("scheme", scheme, schemes())
    homes = sorted({point.value for point in found})
    if len(homes) > 1:
        raise Mistake(f"several installed packages bring the scheme '{scheme}': {', '.join(homes)}")
    try:
        cls = found[0].load()
    except MissingExtra:
        raise
    except Exception as error:
        raise Mistake(f"'{homes[0]}', which brings '{scheme}:', cannot be imported") from error
    if not (isinstance(cls, type) and issubclass(cls, Source)):
        raise Mistake(f"'{homes[0]}', which brings '{scheme}:', is no subclass of dynconf.Source")
    return cls


def options_model(cls: type[Source]) -> type[BaseModel]:
    """A source's options as a model: the keyword-only arguments of its class.

    Its fields have other names than the options, as an option may be called like something that
    every model has.
    """
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    fields: dict[str, Any] = {}
    for name, argument in inspect.signature(cls).parameters.items():
        if argument.kind is argument.KEYWORD_ONLY:
            default = ... if argument.default is argument.empty else argument.default
            fields[f"option_{name}"] = (hints.get(name, Any), Field(default, alias=name))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(f"{cls.__name__}Options", __config__=config, **fields)


def valid(model: type[M], data: Mapping[str, Any]) -> M:
    """A model made of plain data.

    Raises:
        Mistake: the first thing about the data that does not fit.
    """
    try:
        return typing.cast("M", build(model, dict(data), ()))
    except Invalid as invalid:
        raise _mistake(invalid.faults) from None


def _mistake(faults: Sequence[Fault]) -> Mistake:
    """The first fault; of a union every member complains, and those that got furthest know best."""
    faults = [fault for fault in faults if fault.path[:1] == faults[0].path[:1]]
    path = max((fault.path for fault in faults), key=len)
    texts = [fault.expected for fault in faults if fault.path == path]
    actual = next(fault.actual for fault in faults if fault.path == path)
    wanted = [_plain(text) for text in texts if text.startswith("expected ")]
    reason = f"expected {' or '.join(dict.fromkeys(wanted))}" if wanted else texts[0]
    return Mistake(f"{reason}, got {actual}" if actual else reason, path)


def _plain(text: str) -> str:
    """What pydantic expects, in the words of a file's writer."""
    text = text.removeprefix("expected ").partition(", unable to ")[0]
    return re.sub(r"a (valid )?dictionary( or an instance of \w+)?", "a mapping", text)


def _at_path(cls: type[Source], address: Address, options: Mapping[str, Any]) -> Source:
    """A source of a class that takes a path, or the like, and options."""
    scheme = address.scheme
    if address.server:
        raise Mistake(
            f"'{scheme}:' takes no server: write '{scheme}:path', or '{scheme}:///path' from the root"
        )
    takes = next(iter(inspect.signature(cls).parameters.values()), None)
    if takes is None or takes.kind is takes.KEYWORD_ONLY:
        if address.path:
            raise Mistake(f"nothing may follow '{scheme}:' but options")
        return cls(**options)
    if not address.path and takes.default is takes.empty:
        raise Mistake(f"expected {takes.name} after '{scheme}:'")
    return cls(*[address.path] if address.path else [], **options)
