"""The JSON Schema of the bootstrap file agrees with what is read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from dynconf.bootstrap import read_bootstrap
from dynconf.errors import BootstrapError

ROOT = Path(__file__).parents[2]
FILE = ROOT / "dynconf" / "bootstrap.schema.json"
SCHEMA = json.loads(FILE.read_text())


def test_shipped_schema_is_current() -> None:
    """If this fails: `python -m dynconf._bootstrap_schema > dynconf/bootstrap.schema.json`."""
    command = [sys.executable, "-m", "dynconf._bootstrap_schema"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made == FILE.read_text()


def test_schema_is_a_schema() -> None:
    """It is valid JSON Schema itself."""
    Draft202012Validator.check_schema(SCHEMA)


def agree(text: str, folder: Path) -> bool:
    """Whether the file is accepted, by the schema and by the reader alike."""
    file = folder / "dynconf.yaml"
    file.write_text(text)
    accepted = Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))
    try:
        read_bootstrap(file)
    except BootstrapError:
        assert not accepted
        return False
    assert accepted
    return True


@pytest.mark.parametrize(
    "text",
    [
        "sources: [file:a.yaml]",
        "sources: ['${env:DYNCONF_TEST_UNSET:-file:a.yaml}']",
        "sources:\n- file: a\n  optional: true\n  at: b\n  on_missing: drop\n  settle: 0.1\n- env:\n- env: A",
        "sources: [{env: A, delimiter: .}]\nlimits: {bytes: 10, keys: 3}\nmerge: {a: append, b: {by: c}}",
        "{sources: [env:A], profile: [a, b], name: c, start_timeout: 0.5, callback_threads: 1, $schema: d}",
        "{sources: [env:A], start_timeout: '${env:DYNCONF_TEST_UNSET:-1}', profile: a}",
    ],
)
def test_both_accept(tmp_path: Path, text: str) -> None:
    """What the reader takes is valid by the schema."""
    assert agree(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "sources: []",
        "sources: [app.yaml]",
        "sources: [1]",
        "sources: [{}]",
        "sources: [{file: a, optinal: true}]",
        "sources: [{file: a, on_missing: kept}]",
        "sources: [{file: [a]}]",
        "sources: [env:A]\nnames: a",
        "sources: [env:A]\nname: ''",
        "sources: [env:A]\nstart_timeout: 0",
        "sources: [env:A]\nlimits: {byte: 1}",
        "sources: [env:A]\nmerge: {a: add}",
        "sources: [env:A]\nmerge: {a: {on: b}}",
        "sources: [env:A]\nmerge: {a: {}}",
    ],
)
def test_both_refuse(tmp_path: Path, text: str) -> None:
    """What the schema can tell to be wrong, the reader refuses, and the other way round."""
    assert not agree(text, tmp_path)
