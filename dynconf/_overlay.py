"""What pydantic-settings brings of its own for one class: environment, `.env` files, secret files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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

from dynconf._merge import merged
from dynconf._origin import Origin
from dynconf._schema import canonical
from dynconf._tree import MISSING, Path, find, same
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

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix=_Unset())

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
class Overlay:
    """What a class's own sources say, under the keys that the class prefers.

    `parts` keeps each source's share with its name, lowest first, for origins.
    """

    tree: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def origin(self, path: Path) -> Origin | None:
        """The source of the class's own that says what stands at `path`, if one does."""
        for name, tree in reversed(self.parts):
            if find(tree, path) is not MISSING:
                return Origin(name)
        return None

    def same_as(self, other: "Overlay") -> bool:
        """Whether both say the same."""
        return same(dict(self.tree), dict(other.tree))


NO_OVERLAY = Overlay()


def read_overlay(cls: type[BaseModel]) -> Overlay:
    """Ask a class's own sources, as pydantic-settings would, without building the class.

    It reads the environment and files, so it is called at load and reload only.

    Raises:
        ParseError: a variable or file of the class's own cannot be decoded.
    """
    if not issubclass(cls, BaseSettings):
        return NO_OVERLAY
    sources = cls.settings_customise_sources(
        cls,
        InitSettingsSource(cls, {}),
        EnvSettingsSource(cls),
        DotEnvSettingsSource(cls),
        SecretsSettingsSource(cls),
    )
    parts: list[tuple[str, Mapping[str, Any]]] = []
    for source in reversed(sources):
        if isinstance(source, InitSettingsSource):
            continue
        name = f"{cls.__name__}'s {_NAMES.get(type(source), type(source).__name__)}"
        try:
            said = source()
        except SettingsError as error:
            # Its text names the field and the source, never the value; its cause holds the value.
            raise ParseError(str(error), Origin(name)) from None
        if said:
            parts.append((name, canonical(cls, said)))
    if not parts:
        return NO_OVERLAY
    return Overlay(merged([tree for _, tree in parts]), tuple(parts))


_NAMES: dict[type, str] = {
    EnvSettingsSource: "environment",
    DotEnvSettingsSource: ".env file",
    SecretsSettingsSource: "secrets folder",
}
