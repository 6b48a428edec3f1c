"""The files as such: none too long, and none that tells of the machine or the network it was written on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 400

# Written so that they do not find themselves.
REGISTRIES = ["pyp[i].org", "pythonhoste[d].org", "registry.np[m]js", "crate[s].io", "repo.mave[n]"]
REGISTRIES += ["repo1.mave[n]", "proxy.golan[g]", "sum.golan[g]", "deb.debia[n]", "conda.anacond[a]"]
FOREIGN = re.compile("|".join(name.replace(".", r"\.") for name in REGISTRIES) + r"|/(?:work|root)/[a-z.]")

GENERATED = {"__pycache__", "build", "dist", "node_modules", "target"}


def files(folder: Path = ROOT) -> Iterator[Path]:
    """The project's own files, with what is generated and what is hidden left out (but for `.ci`)."""
    for path in sorted(folder.iterdir()):
        if path.name in GENERATED or (path.name.startswith(".") and path.name not in {".ci", ".gitignore"}):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def test_no_module_is_too_long() -> None:
    """A module of more than 400 lines has two ideas in it."""
    lengths = {
        path: len(path.read_text().splitlines()) for path in files(ROOT / "dynconf") if path.suffix == ".py"
    }
    assert [str(path) for path, length in lengths.items() if length > MAX_LINES] == []


def test_nothing_tells_of_the_machine() -> None:
    """No file names a package registry's host or a folder of the machine it was written on."""
    found = []
    for path in files():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    "parts", [("https://pyp", "i.org/simple"), ("cd /wo", "rk/here"), ("/ro", "ot/.cache")]
)
def test_mention_is_seen(parts: tuple[str, str]) -> None:
    """What must not be in a file is recognised."""
    assert FOREIGN.search("".join(parts))
