"""Whatever a bootstrap file holds, only its own error comes out, and it shows no value."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynconf.bootstrap import read_bootstrap
from dynconf.errors import BootstrapError, MissingExtra
from tests.canaries import plant

SECRET = plant()
KEYS = [
    *("sources", "profile", "name", "start_timeout", "limits", "merge", "callback_threads", "$schema"),
    *("file", "consul", "nacos", "env", "token", "password", "optional", "server", "settle", "at", "x"),
    *("bytes", "depth", "by"),
]
TEXTS = [
    *(
        "file:a.yaml",
        "consul:a",
        "nacos:a",
        "env:A_",
        "consul://h:1/a",
        "nacos://h/a?group=g",
        "env:",
        ":",
        "",
    ),
    *("a", "append", "${env:HOME}", "${env:NOT_SET_AT_ALL}", "${", "$${", "file:?", "file:a?optional=true"),
    *(f"consul://u:{SECRET}@h/a", f"consul:a?token={SECRET}", f"file:a?{SECRET}", f"nacos:a?wait={SECRET}"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
FILES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
SOURCES = st.fixed_dictionaries({"sources": st.lists(VALUES, min_size=1, max_size=4)})
every = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


def survive(path: Path, content: bytes) -> None:
    """Read it; that may fail."""
    path.write_bytes(content)
    try:
        read_bootstrap(path)
    except (BootstrapError, MissingExtra) as error:
        assert SECRET not in str(error)  # noqa: PT017 - it may be a good one
        assert str(error).startswith(str(path))  # noqa: PT017


@pytest.mark.parametrize("suffix", ["yaml", "json", "toml"])
@every
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_junk(suffix: str, content: bytes, tmp_path: Path) -> None:
    """Bytes and texts of any kind."""
    survive(tmp_path / f"dynconf.{suffix}", content)


@every
@given(tree=FILES | SOURCES)
def test_odd_trees(tree: dict[str, object], tmp_path: Path) -> None:
    """Known keys and addresses with values that are none of theirs."""
    survive(tmp_path / "dynconf.json", json.dumps(tree).encode())


BOMBS = {
    "yaml": b"sources: " + b"[" * 100_000,
    "yml": b"a0: &a0 x\n"
    + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 60)),
    "json": b'{"sources": ' + b"[" * 100_000,
    "toml": b"sources = " + b"[" * 100_000,
}


@pytest.mark.parametrize("suffix", BOMBS)
def test_bombs(suffix: str, tmp_path: Path) -> None:
    """It has limits as every document has."""
    path = tmp_path / f"dynconf.{suffix}"
    path.write_bytes(BOMBS[suffix])
    with pytest.raises(BootstrapError, match=r"\(limit (depth|nodes|keys)="):
        read_bootstrap(path)
