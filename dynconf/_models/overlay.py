"""What pydantic-settings brings of its own for one class: environment, `.env` files, secret files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from dynconf._models.schema import canonical, spellings
from dynconf._origin import Origin
from dynconf._values.merge import merged
from dynconf._values.tree import Path, Tree, same
from dynconf.errors import ParseError


class _Unset(str):
    """An `env_prefix` that nobody set: the environment is then not read at all."""

    __slots__ = ()


class Settings(BaseSettings):
    """A settings class made for live configuration: frozen, and deaf to keys that it does not declare.

    One merged tree feeds many classes, so keys of other classes are ignored (`Config.unused()`
    lists those that nobody reads). It reads the environment only if its own `model_config` sets
    `env_prefix` (even to `""`), and `.env` and secret files only if set there, so that an ambient
    variable never beats a configuration source unasked.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="ignore", env_prefix=_Unset()
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The class's own sources, highest first; the environment only if a prefix was set."""
        if isinstance(settings_cls.model_config.get("env_prefix"), _Unset):
            return init_settings, dotenv_settings, file_secret_settings
        return init_settings, env_settings, dotenv_settings, file_secret_settings


@dataclass(frozen=True, slots=True)
class Part:
    """What one of a class's own sources says; `variables` are the names that it could read."""

    name: str
    tree: Tree
    cls: type[BaseModel]
    variables: Collection[str] = ()
    prefix: str = ""
    delimiter: str | None = None

    def origin(self, path: Path) -> Origin:
        """Where the value at `path` was read, down to the variable if it is one."""
        spelt = (variable for name in self._names(path) for variable in (name, name.upper()))
        return Origin(self.name, next((variable for variable in spelt if variable in self.variables), ""))

    def _names(self, path: Path) -> Iterator[str]:
        """The variables that may say what stands at a path, or what holds it, the most exact first."""
        for end in range(len(path), 0, -1):
            for steps in spellings(self.cls, path[:end]):
                if self.delimiter or len(steps) == 1:
                    name = (self.delimiter or "").join(steps)
                    yield from (self.prefix + name, name)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a class's own sources say, under the keys that the class prefers.

    `parts` keeps each source's share, lowest first, for origins.
    """

    tree: Tree = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    def same_as(self, other: "Overlay") -> bool:
        """Whether both say the same."""
        return same(self.tree, other.tree)


NO_OVERLAY = Overlay()


def read_overlay(cls: type[BaseModel]) -> Overlay:
    """Ask a class's own sources, as pydantic-settings would, without building the class.

    It reads the environment and files, so it is called at load and reload only.

    Raises:
        ParseError: a variable or file of the class's own cannot be decoded.
    """
    if not issubclass(cls, BaseSettings):
        return NO_OVERLAY
    given = InitSettingsSource(cls, {})  # the tree's place; what merges is ours to say
    sources, reason = _own_sources(cls, given)
    if reason:
        raise ParseError(reason, Origin(f"{cls.__name__}'s own sources"))
    parts: list[Part] = []
    state: dict[str, Any] = {}
    states: dict[str, dict[str, Any]] = {}
    for source in sources:
        if source is given:
            continue
        if isinstance(source, PydanticBaseSettingsSource):  # a function will do for pydantic-settings
            # It may look at what those above it said; of the layers' tree it sees nothing.
            source._set_current_state(state)
            source._set_settings_sources_data(states)
        name = f"{cls.__name__}'s {_NAMES.get(type(source), type(source).__name__)}"
        said, reason = _ask(source)
        if reason:
            raise ParseError(reason, Origin(name))
        states[getattr(source, "__name__", type(source).__name__)] = said
        state = merged([said, state])
        if said:
            parts.append(_part(name, source, canonical(cls, said), cls))
    if not parts:
        return NO_OVERLAY
    parts.reverse()
    return Overlay(merged([part.tree for part in parts]), tuple(parts))


def _part(name: str, source: PydanticBaseSettingsSource, tree: Tree, cls: type[BaseModel]) -> Part:
    if isinstance(source, EnvSettingsSource):  # the one for `.env` files is one of them
        delimiter = source.env_nested_delimiter or None
        # Where case does not count, all are lower-case here; in the environment they are mostly not.
        names = frozenset(one if source.case_sensitive else one.upper() for one in source.env_vars)
        return Part(name, tree, cls, names, source.env_prefix, delimiter)
    return Part(name, tree, cls)


def _own_sources(
    cls: type[BaseSettings], given: InitSettingsSource
) -> tuple[tuple[PydanticBaseSettingsSource, ...], str]:
    """A class's own sources, or why they cannot be made: the one for `.env` files reads them at once."""
    try:
        sources = cls.settings_customise_sources(
            cls,
            init_settings=given,
            env_settings=EnvSettingsSource(cls),
            dotenv_settings=DotEnvSettingsSource(cls),
            file_secret_settings=SecretsSettingsSource(cls),
        )
    except Exception as error:  # noqa: BLE001 - its text may hold what was read
        return (), _reason(error)
    return sources, ""


def _ask(source: PydanticBaseSettingsSource) -> tuple[dict[str, Any], str]:
    """What a source says, or why it cannot."""
    try:
        said: Any = source()
    except Exception as error:  # noqa: BLE001 - its text may hold what was read
        return {}, _reason(error)
    if isinstance(said, Mapping):
        return dict(said), ""
    return {}, f"it gave a {type(said).__name__}, not a mapping"


def _reason(error: Exception) -> str:
    """What may be told of an error: pydantic-settings' own names field and source, and no value."""
    return (
        str(error) if isinstance(error, SettingsError) else f"reading it failed with {type(error).__name__}"
    )


_NAMES: dict[type, str] = {
    EnvSettingsSource: "environment",
    DotEnvSettingsSource: ".env file",
    SecretsSettingsSource: "secrets folder",
}
