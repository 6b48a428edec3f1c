"""The bootstrap file: which sources there are, and how they are taken, written beside the program."""

import os
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Annotated, Any, ClassVar, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from dynconf._addresses import Address, Mistake, placed, replaced, shown, split, unknown
from dynconf._models.build import type_name
from dynconf._schemes import schemes, source_at, valid
from dynconf._values.lazily import lazily
from dynconf._values.limits import Limits
from dynconf._values.merge import How, Merge
from dynconf._values.source import Source
from dynconf._values.tree import Path, dotted, parse_path
from dynconf.errors import BootstrapError, ParseError, UsageError
from dynconf.parsers import locate, parse

__all__ = ["Address", "BootstrapFile", "read_bootstrap", "source_from_address"]

_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


class BootstrapFile(BaseModel):
    """What a bootstrap file may say."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    profile: str | list[str] = Field(
        default="",
        description="The name, or names, that stand for {profile}; without it those in DYNCONF_PROFILE.",
    )
    name: str = Field(
        default="dynconf", min_length=1, description="What threads and log lines are named after."
    )
    start_timeout: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a start waits for sources that do not answer.",
    )
    callback_threads: int = Field(
        default=16, gt=0, description="How many sync callbacks may run side by side."
    )
    cache: str | None = Field(
        default=None,
        min_length=1,
        description="A folder that keeps the last good content of remote documents for a start without them.",
    )
    cache_after: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a start waits for a server before the cache stands in.",
    )
    limits: Limits = Field(default=Limits(), description="How large one document may be.")
    merge: dict[str, How | Annotated[dict[Literal["by"], str], Field(min_length=1)]] = Field(
        default={}, description="Merge policies, by the dotted path that each holds for."
    )
    sources: Annotated[list[str | dict[str, Any]], Field(min_length=1)] = Field(
        description="The sources, lowest priority first."
    )


def source_from_address(address: str) -> Source:
    """The source that a one-line address stands for, such as `file:app.yaml?optional=true`.

    Raises:
        BootstrapError: it cannot be understood; its text shows neither options nor log-in.
    """
    try:
        return source_at(*split(address))
    except Mistake as wrong:
        raise BootstrapError(f"address '{shown(address)}': {_told(wrong)}") from wrong.__cause__


def read_bootstrap(path: str | os.PathLike[str]) -> tuple[list[Source], dict[str, Any]]:
    """The sources that a bootstrap file lists, and what else it says that `Config` takes.

    Relative paths of `file:` sources, and of the cache, are relative to the bootstrap file's folder.

    Args:
        path: the file; its extension, `.yaml`, `.yml`, `.json` or `.toml`, says its format.

    Raises:
        BootstrapError: naming file, line and column, and what was expected there.
    """
    return _Bootstrap(os.fspath(path)).read()


class _Bootstrap:
    """One bootstrap file while it is read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = pathlib.Path(path).parent
        self._format = _FORMATS.get(pathlib.Path(path).suffix.lower(), "")
        if not self._format:
            raise BootstrapError(f"{path}: expected a name that ends in {', '.join(_FORMATS)}")
        try:
            self._content = pathlib.Path(path).expanduser().read_bytes()
        except OSError as error:
            raise BootstrapError(f"{path}: {error.strerror or 'it cannot be read'}") from None

    def read(self) -> tuple[list[Source], dict[str, Any]]:
        tree = self._parsed()
        self._check_keys(tree, BootstrapFile.model_fields)
        self._check_keys(tree.get("limits"), Limits.__dataclass_fields__, ("limits",))
        settings = {key: self._filled(item, (key,)) for key, item in tree.items() if key != "sources"}
        if "sources" in tree:
            settings["sources"] = tree["sources"]  # each one's parts are filled in when it is taken apart
        try:
            model = valid(BootstrapFile, settings)
        except Mistake as wrong:
            self._fail(wrong)
        sources = [self._source(item, ("sources", index)) for index, item in enumerate(tree["sources"])]
        said = {key: getattr(model, key) for key in tree if key not in ("sources", "merge")}
        if "merge" in tree:
            said["merge"] = {path: self._policy(path, policy) for path, policy in model.merge.items()}
        if said.get("cache"):
            said["cache"] = str(self._folder / said["cache"])
        return sources, said

    def _parsed(self) -> dict[str, Any]:
        try:
            value = parse(self._content, format=self._format, limits=Limits()).value
        except ParseError as error:
            place = error.origin
            at = f":{place.line}:{place.column}" if place is not None and place.line is not None else ""
            raise BootstrapError(f"{self._path}{at}: {error.reason}") from None
        if not isinstance(value, dict):
            self._fail(Mistake(f"expected a mapping with the key 'sources', got {type_name(value)}"))
        return {key: item for key, item in value.items() if key != "$schema"}  # that one is for editors

    def _check_keys(self, value: Any, known: Iterable[str], at: Path = ()) -> None:
        for key in value if isinstance(value, dict) else ():
            if key not in known:
                self._fail(unknown("key that may stand here", key, known, (*at, key)))

    def _filled(self, value: Any, path: Path) -> Any:
        """The same data with environment variables put in."""
        if isinstance(value, dict):
            return {key: self._filled(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return replaced(value)
        except Mistake as wrong:
            self._fail(wrong, path)

    def _policy(self, path: str, policy: How | dict[Literal["by"], str]) -> Merge:
        try:
            parse_path(path)
        except UsageError as error:
            self._fail(Mistake(str(error)), ("merge", path))
        return Merge(by=policy["by"]) if isinstance(policy, dict) else Merge(policy)

    def _source(self, item: str | dict[str, Any], at: Path) -> Source:
        try:
            address, options = split(item) if isinstance(item, str) else self._long_form(item, at)
            if address.scheme == "file" and address.path and not address.path.startswith("~"):
                address = replace(address, path=str(self._folder / address.path))
            return source_at(address, options)
        except Mistake as wrong:
            if isinstance(item, str):
                wrong.reason, wrong.path = f"'{shown(item)}': {_told(wrong)}", ()
            self._fail(wrong, at)

    def _long_form(self, item: Mapping[str, Any], at: Path) -> tuple[Address, dict[str, Any]]:
        """A mapping with the scheme as one key, and the options as the others."""
        scheme = next((key for key in item if key in self._schemes), None)
        if scheme is None:
            if not item:
                raise Mistake("expected a mapping with a scheme as one of its keys")
            first = next(iter(item))
            raise unknown("scheme", first, self._schemes, (first,))
        place = self._filled(item[scheme], (*at, scheme))
        if place is None:
            place = ""  # `- env:` is a mapping to YAML
        if not isinstance(place, str):
            raise Mistake(
                f"expected what stands after '{scheme}:' as text, got {type_name(place)}", (scheme,)
            )
        options = {name: self._filled(value, (*at, name)) for name, value in item.items() if name != scheme}
        return placed(scheme, place), options

    @lazily
    def _schemes(self) -> dict[str, EntryPoint]:
        return schemes()

    def _fail(self, wrong: Mistake, at: Path = ()) -> NoReturn:
        place = locate(self._content, self._format, (*at, *wrong.path))
        where = ":".join(map(str, (self._path, *(place or ()))))
        wrong.path = (*at, *wrong.path)
        raise BootstrapError(f"{where}: {_told(wrong)}") from wrong.__cause__


def _told(wrong: Mistake) -> str:
    return f"{dotted(wrong.path)}: {wrong.reason}" if wrong.path else wrong.reason
