"""The bootstrap file: what it may say, and what is said of each mistake in it."""

import json
from pathlib import Path

import pytest

from dynconf._values.limits import Limits
from dynconf._values.merge import Merge
from dynconf.bootstrap import read_bootstrap
from dynconf.config import Config
from dynconf.errors import BootstrapError
from dynconf.sources.env import Env
from dynconf.sources.file import File

FULL = """\
profile: dev
name: demo
start_timeout: 3
callback_threads: 2
limits: {bytes: 1000}
merge:
  plugins: append
  servers: {by: name}
sources:
  - file:app.yaml
  - file: conf.d/app?-*.yaml   # a question mark means nothing special here
    optional: true
    at: extra
  - env: APP_
    delimiter: "."
  - env:
  - env:B_
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, for files that are named as users name them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(text: str, name: str = "dynconf.yaml") -> str:
    """What is said of a file with this content, which is wrong."""
    Path(name).write_text(text)
    with pytest.raises(BootstrapError) as caught:
        read_bootstrap(name)
    return str(caught.value)


def test_everything(here: Path) -> None:
    """All keys arrive as `Config` takes them, and the sources in their order."""
    (here / "dynconf.yaml").write_text(FULL)
    sources, said = read_bootstrap("dynconf.yaml")
    assert said == {
        "profile": "dev",
        "name": "demo",
        "start_timeout": 3.0,
        "callback_threads": 2,
        "limits": Limits(bytes=1000),
        "merge": {"plugins": Merge("append"), "servers": Merge(by="name")},
    }
    assert [source.name for source in sources] == [
        "file:app.yaml",
        "file:conf.d/app?-*.yaml",
        "env:APP_",
        "env",
        "env:B_",
    ]
    file, env = sources[1], sources[2]
    assert isinstance(file, File)
    assert isinstance(env, Env)
    assert (file.optional, file.at, env.delimiter) == (True, "extra", ".")


def test_only_what_is_said(here: Path) -> None:
    """What the file does not say is left to `Config`."""
    (here / "dynconf.yaml").write_text("sources: [file:a.yaml]")
    assert read_bootstrap(here / "dynconf.yaml")[1] == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.yaml", "name: x\nsources:\n- file:a.yaml\n- {optional: true, file: b.yaml}\n"),
        ("d.yml", "name: x\nsources: ['file:a.yaml', {file: b.yaml, optional: 'yes'}]\n"),
        (
            "d.json",
            json.dumps(
                {
                    "$schema": "bootstrap.schema.json",
                    "name": "x",
                    "sources": ["file:a.yaml", {"file": "b.yaml", "optional": True}],
                }
            ),
        ),
        ("d.toml", 'name = "x"\nsources = ["file:a.yaml", {file = "b.yaml", optional = true}]\n'),
        (
            "d.TOML",
            'name = "x"\n[[sources]]\nfile = "a.yaml"\n[[sources]]\nfile = "b.yaml"\noptional = true\n',
        ),
    ],
)
def test_formats(here: Path, name: str, text: str) -> None:
    """The file may be YAML, JSON or TOML; the order of a mapping's keys means nothing."""
    (here / name).write_text(text)
    sources, said = read_bootstrap(name)
    assert [(source.name, source.optional) for source in sources] == [
        ("file:a.yaml", False),
        ("file:b.yaml", True),
    ]
    assert said == {"name": "x"}


def test_files_are_relative_to_its_folder(here: Path) -> None:
    """Relative paths begin where the bootstrap file is; absolute ones and `~` are left alone."""
    (here / "etc").mkdir()
    text = "sources: ['file:a.yaml', {file: ../b.yaml}, 'file:///c.yaml', 'file:~/d.yaml', 'env:E']"
    (here / "etc" / "dynconf.yaml").write_text(text)
    names = [source.name for source in read_bootstrap("etc/dynconf.yaml")[0]]
    assert names == ["file:etc/a.yaml", "file:etc/../b.yaml", "file:/c.yaml", "file:~/d.yaml", "env:E"]
    absolute = read_bootstrap(here / "etc" / "dynconf.yaml")[0][0]
    assert absolute.name == f"file:{here}/etc/a.yaml"


def test_config_from_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Config made from it works from any current folder; what the call says wins over the file."""
    (here / "etc").mkdir()
    (here / "etc" / "dynconf.yaml").write_text(
        "profile: dev\nname: demo\nmerge: {tags: append}\n"
        "sources: ['file:app.yaml', 'file:app-{profile}.yaml']\n"
    )
    (here / "etc" / "app.yaml").write_text("tags: [a]\n")
    for profile in ("dev", "prod"):
        (here / "etc" / f"app-{profile}.yaml").write_text(f"tags: [{profile}]\n")
    monkeypatch.chdir("/")
    config = Config.from_file(here / "etc" / "dynconf.yaml")
    config.load()
    assert (config.status().name, config.get("tags")) == ("demo", ["a", "dev"])
    config = Config.from_file(here / "etc" / "dynconf.yaml", profile="prod")
    config.load()
    assert config.get("tags") == ["a", "prod"]


def test_environment_is_put_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables may stand in any text, in numbers' places too, and never count as the file's syntax."""
    monkeypatch.setenv("DYNCONF_TEST", "a: b?c&d")
    monkeypatch.setenv("DYNCONF_TEST_SECONDS", "2.5")
    monkeypatch.delenv("DYNCONF_TEST_UNSET", raising=False)
    (here / "dynconf.yaml").write_text(
        "name: x-${env:DYNCONF_TEST}-$${y}\n"
        "profile: ['${env:DYNCONF_TEST_UNSET:-dev}']\n"
        "start_timeout: ${env:DYNCONF_TEST_SECONDS}\n"
        "sources:\n- file:${env:DYNCONF_TEST}\n"
        "- file: ${env:DYNCONF_TEST}\n  at: ${env:DYNCONF_TEST_UNSET:-z}\n"
    )
    sources, said = read_bootstrap("dynconf.yaml")
    assert said == {"name": "x-a: b?c&d-${y}", "profile": ["dev"], "start_timeout": 2.5}
    assert [source.name for source in sources] == ["file:a: b?c&d"] * 2
    assert sources[1].at == "z"


ONE = "sources: [file:a.yaml]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # The file as a whole
        ("", "1:1: sources: required, but missing"),
        ("- a\n", "1:1: expected a mapping with the key 'sources', got list"),
        ("name: a\n", "1:1: sources: required, but missing"),
        ("name: a\nsources: [\n", "3:1: no valid YAML: "),
        # Its keys
        (
            "\nsorces: []\n",
            "2:9: sorces: no key that may stand here; known are cache, cache_after, callback_threads, ",
        ),
        ("\nsorces: []\n", "did you mean 'sources'?"),
        (ONE + "profile: {a: b}", "2:10: profile: expected a valid string or a valid list, got mapping"),
        (ONE + "profile:\n- a\n- 1", "4:3: profile.1: expected a valid string, got int"),
        (ONE + "name: 1", "2:7: name: expected a valid string, got int"),
        (ONE + "start_timeout: soon", "2:16: start_timeout: expected a valid number, got str"),
        (ONE + "start_timeout: 0", "2:16: start_timeout: expected greater than 0, got int"),
        (
            ONE + "callback_threads: 1.5",
            "2:19: callback_threads: expected a valid integer, got a number with",
        ),
        (ONE + "limits: 3", "2:9: limits: expected a mapping, got int"),
        (
            ONE + "limits: {byte: 1}",
            "limits.byte: no key that may stand here; known are bytes, depth, keys, nodes",
        ),
        (ONE + "limits: {bytes: x}", "2:17: limits.bytes: expected a valid integer, got str"),
        (ONE + "merge: append", "2:8: merge: expected a mapping, got str"),
        (
            ONE + "merge: {a: add}",
            "2:12: merge.a: expected 'append', 'prepend', 'unique', 'replace' or 'deep' or a mapping",
        ),
        (ONE + "merge: {a: {on: x}}", "2:17: merge.a.on: expected 'by', got str"),
        (ONE + "merge: {a..b: append}", "'a..b' is no path: a step between two dots is empty"),
        # The sources
        ("sources: []", "1:10: sources: "),
        ("sources: file:a.yaml", "1:10: sources: expected a valid list, got str"),
        ("sources:\n- file:a\n- 3", "3:3: sources.1: expected a valid string or a mapping, got int"),
        ("sources:\n- {}", "2:3: sources.0: expected a mapping with a scheme as one of its keys"),
        (
            "sources:\n- app.yaml",
            "2:3: sources.0: 'app.yaml': expected an address that begins with a scheme; for",
        ),
        (
            "sources:\n- fiel:a",
            "2:3: sources.0: 'fiel:a': 'fiel' is no scheme; known are consul, env, file, nacos; did you mean",
        ),
        (
            "sources:\n- fiel: a",
            "2:9: sources.0.fiel: no scheme; known are consul, env, file, nacos; did you mean 'file'?",
        ),
        (
            "sources:\n- file:a?optinal=1",
            "2:3: sources.0: 'file:a': optinal: no option of 'file:'; known are allow",
        ),
        (
            "sources:\n- file: a\n  optinal: 1",
            "3:12: sources.0.optinal: no option of 'file:'; known are allow",
        ),
        (
            "sources:\n- file: a\n  optional: maybe",
            "3:13: sources.0.optional: expected a valid boolean, got str",
        ),
        ("sources:\n- file: a\n  settle: [1]", "3:11: sources.0.settle: expected a valid number, got list"),
        (
            "sources:\n- file: [a]",
            "2:9: sources.0.file: expected what stands after 'file:' as text, got list",
        ),
        ("sources:\n- file:", "2:3: sources.0: expected path after 'file:'"),
        (
            "sources:\n- file://a",
            "2:3: sources.0: 'file://a': 'file:' takes no server: write 'file:path', or",
        ),
        # Variables
        (
            ONE + "name: ${env:DYNCONF_TEST_UNSET}",
            "2:7: name: the environment variable DYNCONF_TEST_UNSET is not set",
        ),
        (
            "sources:\n- env: ${env:DYNCONF_TEST_UNSET}",
            "2:8: sources.0.env: the environment variable DYNCONF_TEST_U",
        ),
        (
            "sources:\n- file:${env:DYNCONF_TEST_UNSET}",
            "2:3: sources.0: 'file:${env:DYNCONF_TEST_UNSET}': the env",
        ),
        (ONE + "profile:\n- a\n- ${HOME}", "4:3: profile.1: expected ${env:NAME} or ${env:NAME:-default}"),
    ],
)
def test_mistake_is_explained(here: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    """Each mistake names file, line, column and key, and what was expected there."""
    monkeypatch.delenv("DYNCONF_TEST_UNSET", raising=False)
    told = complaint(text)
    assert told.startswith("dynconf.yaml:")
    assert message in told


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "d.json",
            '{\n "sources": ["file:a"],\n "name": 3}',
            "d.json:3:10: name: expected a valid string, got int",
        ),
        ("d.json", '{"sources": }', "d.json:1:13: no valid JSON"),
        ("d.toml", 'sources = ["file:a"]\nname = 3', "d.toml:2:8: name: expected a valid string, got int"),
        ("d.toml", "sources = \n", "d.toml:1:"),
        ("d.ini", "[a]", "d.ini: expected a name that ends in .yaml, .yml, .json, .toml"),
    ],
)
def test_mistake_in_other_formats(here: Path, name: str, text: str, message: str) -> None:
    """The place is told in each format; a format that is none of these is refused."""
    assert complaint(text, name).startswith(message)


def test_unreadable_file(here: Path) -> None:
    """A file that is not there, or is no file, is told by its name and the system's reason."""
    with pytest.raises(BootstrapError, match=r"^none\.yaml: No such file or directory$"):
        read_bootstrap("none.yaml")
    (here / "folder.yaml").mkdir()
    with pytest.raises(BootstrapError, match=r"^folder\.yaml: Is a directory$"):
        read_bootstrap("folder.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "name: [hunter2]\n" + ONE,
        "start_timeout: ${env:DYNCONF_TEST_SECRET}\n" + ONE,
        "merge: {a: '${env:DYNCONF_TEST_SECRET}'}\n" + ONE,
        "sources:\n- file: a\n  optional: ${env:DYNCONF_TEST_SECRET}",
        "sources:\n- file:a?optional=${env:DYNCONF_TEST_SECRET}",
        "sources:\n- ${env:DYNCONF_TEST_SECRET}",
        "sources:\n- steps://me:hunter2@host/x",
        "sources:\n- steps:x?token=hunter2",
        "sources:\n- {steps: x, token: hunter2}",
        "sources: hunter2",
        "sources: [\n  - hunter2: ]: [",
    ],
)
def test_mistake_shows_no_value(here: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """No value of the file or of a variable gets into the error or into what it was raised from."""
    monkeypatch.setenv("DYNCONF_TEST_SECRET", "hunter2&x")
    (here / "dynconf.yaml").write_text(text)
    with pytest.raises(BootstrapError) as caught:
        read_bootstrap("dynconf.yaml")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_source_that_lacks_a_profile_names_the_file(tmp_path: Path) -> None:
    """What only shows when the Config is made is told with the bootstrap file, too."""
    file = tmp_path / "dynconf.yaml"
    file.write_text("sources:\n  - file:app-{profile}.yaml\n")
    with pytest.raises(BootstrapError, match=r"dynconf\.yaml: .*asks for a profile"):
        Config.from_file(file, profile=())
