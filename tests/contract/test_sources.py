"""The sources that come with the package keep the contract of sources."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynconf import Env, File, Memory
from dynconf._values.source import Source
from dynconf.testing import SourceContract


class FileContract(SourceContract):
    """A file that is saved by renaming; a link to itself cannot be read."""

    file = "app.yaml"
    pattern = "app.yaml"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / self.file
        self.spare = tmp_path / "spare.tmp"
        self.aside = tmp_path / "aside.tmp"

    def make_source(self) -> Source:
        return File(self.path.with_name(self.pattern))

    def edit(self, tree: Mapping[str, Any]) -> None:
        dump = json.dumps if self.file.endswith("json") else yaml.safe_dump
        self._save(dump(dict(tree)))

    def delete(self) -> None:
        self.path.unlink()

    def garble(self) -> None:
        self._save('{"name": [')

    def cut_off(self) -> None:
        self.path.rename(self.aside)
        self.spare.symlink_to(self.path)
        self.spare.rename(self.path)

    def restore(self) -> None:
        self.aside.rename(self.path)

    def _save(self, text: str) -> None:
        self.spare.write_text(text)
        os.replace(self.spare, self.path)  # noqa: PTH105 - it is what editors do


class TestYamlFile(FileContract):
    pass


class TestJsonFile(FileContract):
    file = pattern = "app.json"


class TestGlob(FileContract):
    pattern = "*.yaml"


class MemoryContract(SourceContract):
    """A document in memory, as JSON."""

    remote = False

    def make_source(self) -> Source:
        self.memory = Memory(format="json", remote=self.remote)
        return self.memory

    def edit(self, tree: Mapping[str, Any]) -> None:
        self.memory.set(json.dumps(tree).encode())

    def delete(self) -> None:
        self.memory.delete()

    def garble(self) -> None:
        self.memory.set(b'{"name": [')

    def cut_off(self) -> None:
        self.memory.fail()

    def restore(self) -> None:
        self.memory.recover()


class TestMemory(MemoryContract):
    pass


class TestRemoteMemory(MemoryContract):
    remote = True


class TestMemoryOfTrees(MemoryContract, without=["unparsable_content", "unparsable_at_start"]):
    def edit(self, tree: Mapping[str, Any]) -> None:
        self.memory.set(tree)


# Variables are always there to be asked, and text of any kind is one; none at all is no fault.
NOT_OF_VARIABLES = [
    "missing_at_start",
    "missing_at_start_and_optional",
    "document_gone",
    "optional_document_gone",
    "unparsable_content",
    "unparsable_at_start",
    "unavailable",
    "unavailable_at_start",
]


class TestEnv(SourceContract, without=NOT_OF_VARIABLES):
    watches = False

    def make_source(self) -> Source:
        self.environ: dict[str, str] = {"OTHER_NAME": "not ours"}
        return Env("APP_", environ=self.environ)

    def edit(self, tree: Mapping[str, Any]) -> None:
        self.environ.clear()
        self.environ.update({f"APP_{key.upper()}": str(value) for key, value in tree.items()})


def test_a_part_that_does_not_exist_cannot_be_left_out() -> None:
    """A misspelt part is an error, not silently kept."""
    with pytest.raises(TypeError, match="no part 'no_such'"):
        type("TestMine", (SourceContract,), {}, without=["no_such"])
