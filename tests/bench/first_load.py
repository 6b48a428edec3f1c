"""The first load of a large document, against what its bare parser takes."""

import json
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import javaproperties
import yaml
from pydantic import BaseModel, create_model
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from dynconf import Config, File, Settings
from tests.bench._measure import Subject, medians, seconds
from tests.bench._report import Line

ROUNDS = 15
SECTIONS, PARTS, LEAVES = 20, 25, 20
OVERRIDDEN = {"section_3": {"part_4": {"text_2": "another", "number_1": -1}}}
_LEAVES: Mapping[str, tuple[type, Callable[[int], object]]] = {
    "text": (str, lambda number: f"a text with some words, number {number}"),
    "number": (int, lambda number: number * 37),
    "share": (float, lambda number: number + 0.25),
    "switch": (bool, lambda number: number % 2 == 0),
    "hosts": (list[str], lambda number: [f"host-{number}.example", f"host-{number + 1}.example"]),
}


def measure() -> list[Line]:
    """10,000 keys in three levels, and a second document that overrides two of them."""
    with TemporaryDirectory() as folder:
        return [*_yaml(Path(folder)), *(line for one in _BARE for line in _other(Path(folder), one))]


def _document() -> dict[str, Any]:
    numbers = iter(range(SECTIONS * PARTS * LEAVES))
    return {
        f"section_{section}": {
            f"part_{part}": {name: value(next(numbers)) for name, (_, value) in _leaves().items()}
            for part in range(PARTS)
        }
        for section in range(SECTIONS)
    }


def _leaves() -> dict[str, tuple[type, Callable[[int], object]]]:
    return {
        f"{name}_{number}": leaf for number in range(LEAVES // len(_LEAVES)) for name, leaf in _LEAVES.items()
    }


def _model(base: type[BaseModel]) -> Any:
    part = create_model("Part", **{name: (type_, ...) for name, (type_, _) in _leaves().items()})  # type: ignore[call-overload]
    section = create_model("Section", **{f"part_{number}": (part, ...) for number in range(PARTS)})  # type: ignore[call-overload]
    fields = {f"section_{number}": (section, ...) for number in range(SECTIONS)}
    return create_model("App", __base__=base, **fields)  # type: ignore[call-overload]


def _loading(paths: list[Path]) -> Subject:
    """A load into a class that has never been seen before."""

    def subject() -> float:
        model = _model(Settings)
        before = time.perf_counter()
        config = Config(*map(File, paths))
        settings = config.bind(model)
        config.load()
        took = time.perf_counter() - before
        assert settings.current.section_3.part_4.number_1 == -1
        return took

    return subject


def _written(folder: Path, extension: str, dump: Callable[[Any], str]) -> list[Path]:
    paths = [folder / f"{name}.{extension}" for name in ("base", "over")]
    for path, content in zip(paths, (_document(), OVERRIDDEN), strict=True):
        path.write_text(dump(content))
    return paths


def _yaml(folder: Path) -> list[Line]:
    paths = _written(folder, "yaml", lambda tree: str(yaml.safe_dump(tree, sort_keys=False)))

    class FromYaml(BaseSettings):
        model_config = SettingsConfigDict(yaml_file=paths)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *_: PydanticBaseSettingsSource,
            **__: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (YamlConfigSettingsSource(settings_cls, deep_merge=True),)

    took = medians(
        ROUNDS,
        {
            "ours": _loading(paths),
            "bare": seconds(lambda: [yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in paths]),
            "pydantic": seconds(_model(FromYaml)),
        },
    )
    what = "first load of 10,000 YAML keys"
    return [
        Line(what, took["ours"], "yaml.load(…, CSafeLoader) alone", took["bare"], "ratio", 1.0),
        Line(what, took["ours"], "pydantic-settings' YAML source", took["pydantic"]),
    ]


def _toml(tree: Mapping[str, Any]) -> str:
    return "\n".join(
        f"[{section}.{part}]\n" + "".join(f"{key} = {json.dumps(leaf)}\n" for key, leaf in leaves.items())
        for section, parts in tree.items()
        for part, leaves in parts.items()
    )


def _properties(tree: Any, path: str = "") -> str:
    if isinstance(tree, dict):
        return "".join(_properties(item, f"{path}.{key}" if path else key) for key, item in tree.items())
    if isinstance(tree, list):
        return "".join(_properties(item, f"{path}[{index}]") for index, item in enumerate(tree))
    return f"{path}={tree}\n"


_BARE: Mapping[str, tuple[str, Callable[[Any], str], Callable[[str], object]]] = {
    "json": ("json.loads alone", json.dumps, json.loads),
    "toml": ("tomllib.loads alone", _toml, tomllib.loads),
    "properties": ("javaproperties.loads alone", _properties, javaproperties.loads),
}


def _other(folder: Path, extension: str) -> list[Line]:
    name, dump, bare = _BARE[extension]
    paths = _written(folder, extension, dump)
    took = medians(
        ROUNDS,
        {
            "ours": _loading(paths),
            "bare": seconds(lambda: [bare(path.read_text()) for path in paths]),
        },
    )
    return [Line(f"first load of 10,000 {extension} keys", took["ours"], name, took["bare"], "more", 0.015)]
