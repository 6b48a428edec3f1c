"""One-line addresses: their form, their options, and what is said of one that is wrong."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf._addresses import Address, split
from dynconf.bootstrap import source_from_address
from dynconf.config import Config
from dynconf.errors import BootstrapError
from dynconf.sources.env import Env
from dynconf.sources.file import File


def file_at(address: str) -> File:
    """The file that the address stands for."""
    source = source_from_address(address)
    assert isinstance(source, File)
    return source


def complaint(address: str) -> str:
    """What is said of an address that is wrong."""
    with pytest.raises(BootstrapError) as caught:
        source_from_address(address)
    return str(caught.value)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:config/app.yaml", "config/app.yaml"),
        ("file:/etc/app.yaml", "/etc/app.yaml"),
        ("file:///etc/app.yaml", "/etc/app.yaml"),
        ("FILE:app.yaml", "app.yaml"),
        ("file:conf.d/*.yaml", "conf.d/*.yaml"),
        ("file:app-{profile}.yaml?optional=true", "app-{profile}.yaml"),
        ("file:a%20b%3F.yaml", "a b?.yaml"),
        ("file:a+b%.yaml", "a+b%.yaml"),
        ("file:C:\\app.yaml", "C:\\app.yaml"),
        ("file:~/app.yaml", "~/app.yaml"),
    ],
)
def test_file_path(address: str, path: str) -> None:
    """What stands between scheme and options is the file's path, percent-decoded."""
    assert file_at(address).path == path


def test_file_options() -> None:
    """Every option of the class can be given, and becomes what the class expects."""
    options = "optional=true&at=a.b&format=yaml&on_missing=drop&allow_empty=1&settle=0.5"
    file = file_at(f"file:app?{options}")
    assert (file.optional, file.at, file.format) == (True, "a.b", "yaml")
    assert (file.on_missing, file.allow_empty, file.settle) == ("drop", True, 0.5)


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("yes", True), ("on", True), ("false", False), ("0", False), ("No", False)],
)
def test_flag(text: str, value: bool) -> None:
    """A flag can be written in each of the customary ways."""
    assert file_at(f"file:app.yaml?optional={text}").optional is value


@pytest.mark.parametrize(
    ("address", "prefix", "delimiter"),
    [
        ("env:APP_", "APP_", "__"),
        ("env:", "", "__"),
        ("env:?delimiter=.", "", "."),
        ("env:A?delimiter=%26", "A", "&"),
    ],
)
def test_env(address: str, prefix: str, delimiter: str) -> None:
    """The environment's prefix stands where a path would, and may be left out."""
    source = source_from_address(address)
    assert isinstance(source, Env)
    assert (source.prefix, source.delimiter) == (prefix, delimiter)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("steps:x", Address("steps", "x")),
        ("steps:/x", Address("steps", "/x")),
        ("steps:///x", Address("steps", "/x")),
        ("steps://a:1,b:2/x/y", Address("steps", "/x/y", "a:1,b:2")),
        ("steps://u:p%40w@a", Address("steps", "", "u:p%40w@a")),
        ("s+t.e-p:x", Address("s+t.e-p", "x")),
    ],
)
def test_parts(text: str, address: Address) -> None:
    """A server is what stands between two slashes and the next, as written."""
    assert split(text) == (address, {})


def test_address_hides_the_log_in() -> None:
    """Neither `repr` nor `str` of an address shows its server, which may hold a password."""
    assert "hunter2" not in f"{Address('steps', '/x', 'u:hunter2@a')!r}"


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text()))
def test_anything_can_be_encoded(path: str, options: dict[str, str]) -> None:
    """Percent-encoded, any path and any options come out as they were."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in options.items())
    place = quote(path, safe="")
    if not any("${" in text for text in (path, *options.values())):
        assert split(f"file:{place}?{query}" if query else f"file:{place}") == (
            Address("file", path),
            options,
        )


@given(st.sampled_from(["", "file:", "env:", "env://", "file:a?at="]), st.text(alphabet=string.printable))
def test_any_text_is_an_address_or_an_error(start: str, text: str) -> None:
    """Whatever is given, there is a source or a `BootstrapError`, and nothing else is raised."""
    try:
        told = source_from_address(start + text).name
    except BootstrapError as error:
        told = str(error)
    assert told.startswith(("file:", "env", "address '"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "app.yaml",
            "address 'app.yaml': expected an address that begins with a scheme; for a file write 'file:app.y",
        ),
        ("C:\\app.yaml", "for a file write 'file:C:\\app.yaml'"),
        ("", "expected an address that begins with a scheme"),
        ("fiel:app.yaml", "'fiel' is no scheme; known are consul, env, file, nacos; did you mean 'file'?"),
        ("http://localhost/x", "'http' is no scheme; known are consul, env, file, nacos"),
        ("file:", "expected path after 'file:'"),
        ("file://app.yaml", "'file:' takes no server: write 'file:path', or 'file:///path' from the root"),
        ("file:a?optional", "expected options as in '?name=value&name=value'"),
        ("file:a?", "expected options as in '?name=value&name=value'"),
        ("file:a?at=x&at=y", "the option 'at' is given twice"),
        (
            "file:a?optinal=true",
            "optinal: no option of 'file:'; known are allow_empty, at, format, on_missing, ",
        ),
        ("file:a?optinal=true", "did you mean 'optional'?"),
        ("file:a?path=b", "path: no option of 'file:'"),
        ("file:a?optional=maybe", "optional: expected a valid boolean, got str"),
        ("file:a?settle=soon", "settle: expected a valid number, got str"),
        ("file:a?on_missing=kept", "on_missing: expected 'keep' or 'drop', got str"),
        ("env:A?environ=B", "environ: expected a mapping, got str"),
    ],
)
def test_mistake_is_explained(address: str, message: str) -> None:
    """Each mistake says what was expected and, where there is something similar, what was meant."""
    assert message in complaint(address)


@pytest.mark.parametrize(
    "address",
    [
        "steps://me:hunter2@host/x?a=b",
        "nacos://me:hunter2/@host:1/a",
        "nacos://me:?hunter2@host:1/a",
        "nacos://me:a?b@hunter2@host:1/a",
        "nacos://me:@?hunter2@host:1/a",
        "me:hunter2@host",
        "m:hunter2@host/a?b=c",
        "hunter2@host",
        "nacos://host:1/a?pasword=a@hunter2",
        "file:a?optional=hunter2",
        "file:a?token=hunter2",
        "steps:x?token=hunter2",
        "file:a?hunter2",
        "password: hunter2\nuser: me\n",
    ],
)
def test_mistake_shows_no_secret(address: str) -> None:
    """A wrong address is told without log-in and options' values, and a pasted document not at all."""
    assert "hunter2" not in complaint(address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nacos://me:a/b@host:1/a", "'nacos://***@host:1/a'"),
        ("m:hunter2@host", "'file:m:***@host'"),
        ("no/such/app.yaml", "'file:no/such/app.yaml'"),
    ],
)
def test_mistake_shows_the_rest(address: str, told: str) -> None:
    """What is no log-in is told, so that one finds the line."""
    assert told in complaint(address)


def test_environment_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable may stand in the path and in options; a default for one that is unset or empty."""
    monkeypatch.setenv("DYNCONF_TEST", "conf")
    monkeypatch.setenv("DYNCONF_TEST_EMPTY", "")
    monkeypatch.delenv("DYNCONF_TEST_UNSET", raising=False)
    file = file_at(
        "file:${env:DYNCONF_TEST}/${env:DYNCONF_TEST_EMPTY:-a}.yaml?at=${env:DYNCONF_TEST_UNSET:-x.y}"
    )
    assert (file.path, file.at) == ("conf/a.yaml", "x.y")
    assert file_at("file:a${env:DYNCONF_TEST_EMPTY}b").path == "ab"
    assert file_at("file:a?at=${env:DYNCONF_TEST_UNSET:-}").at == ""


def test_variable_is_never_taken_for_syntax(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a variable holds cannot end a path, add an option, or be decoded or replaced again."""
    monkeypatch.setenv("DYNCONF_TEST", "a?b&c=%20${env:HOME}")
    file = file_at("file:${env:DYNCONF_TEST}?at=${env:DYNCONF_TEST}")
    assert file.path == file.at == "a?b&c=%20${env:HOME}"


def test_variable_may_be_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then, and only then, it is an address itself, options included."""
    monkeypatch.setenv("DYNCONF_TEST", "file:app.yaml?optional=true")
    assert file_at("${env:DYNCONF_TEST}").optional
    monkeypatch.delenv("DYNCONF_TEST")
    assert file_at("${env:DYNCONF_TEST:-file:other.yaml}").path == "other.yaml"
    monkeypatch.setenv("DYNCONF_TEST", "hunter2")
    assert "hunter2" not in complaint("${env:DYNCONF_TEST}")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("file:${env:DYNCONF_TEST}", "the environment variable DYNCONF_TEST is not set"),
        ("${env:DYNCONF_TEST}", "the environment variable DYNCONF_TEST is not set"),
        ("file:${DYNCONF_TEST}", "expected ${env:NAME} or ${env:NAME:-default}"),
        ("file:${env:DYNCONF-TEST}", "expected ${env:NAME} or ${env:NAME:-default}"),
        ("file:${env:DYNCONF_TEST", "expected ${env:NAME} or ${env:NAME:-default}"),
    ],
)
def test_wrong_reference(monkeypatch: pytest.MonkeyPatch, address: str, message: str) -> None:
    """A variable that is not set, or one that is written otherwise, is an error that says so."""
    monkeypatch.delenv("DYNCONF_TEST", raising=False)
    assert message in complaint(address)


def test_dollar_can_be_written() -> None:
    """Two dollar signs make a brace plain; a dollar sign elsewhere is nothing special."""
    assert file_at("file:$${env:X}$a$$.yaml").path == "${env:X}$a$$.yaml"


def test_config_takes_addresses() -> None:
    """An address does wherever a source does, and names it again."""
    config = Config("file:no-such-file.yaml?optional=true", "env:DYNCONF_TEST_NONE_")
    config.remove("env:DYNCONF_TEST_NONE_")
    assert repr(config) == "<Config dynconf of file:no-such-file.yaml>"
    with pytest.raises(BootstrapError, match="no scheme"):
        config.add("nowhere:x")
