"""Sources that other packages bring, by an entry point of a package that is really there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dynconf.bootstrap import source_from_address
from dynconf.config import Config
from dynconf.errors import BootstrapError, MissingExtra

Install = Callable[..., None]

STEPS = """
from dataclasses import dataclass
from typing import Literal
from dynconf import Feed, Source, Update
from dynconf.errors import UsageError

class Steps(Source):
    def __init__(
        self, path: str, *, count: int, way: "Literal['up', 'down']" = "up", share: float = 0.5,
        json: dict[str, int] | None = None, optional: bool = False, model_x=None,
    ) -> None:
        self.name = f"steps:{path}"
        self.said = (path, count, way, share, json, model_x)
        self.optional = optional
        if count < 0:
            raise UsageError("count backwards otherwise")

    async def run(self, feed: Feed) -> None:
        feed.update(Update("steps", "1", {"count": self.said[1]}))
        feed.loaded()

class Distant(Steps):
    @classmethod
    def from_address(cls, address, **options):
        found = cls(f"{address.server} {address.path}", **options)
        return found

@dataclass(kw_only=True)
class Placeless(Source):
    name: str = "placeless"
    speed: int = 1
    async def run(self, feed: Feed) -> None:
        feed.loaded()

NO_CLASS = 1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with entry points where Python finds installed ones."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(package: str, code: str, **sources: str) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{scheme} = {package}:{name}\n" for scheme, name in sources.items()]
        (info / "entry_points.txt").write_text("[dynconf.sources]\n" + "".join(lines))

    return installed


@pytest.fixture
def steps(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package `steps`, with a source for each way of being made."""
    install(
        "dynconf_steps", STEPS, steps="Steps", distant="Distant", placeless="Placeless", broken="NO_CLASS"
    )
    monkeypatch.delitem(sys.modules, "dynconf_steps", raising=False)


def said(address: str) -> object:
    """What the source at the address was made with."""
    return vars(source_from_address(address))["said"]


@pytest.mark.usefixtures("steps")
def test_options_are_converted() -> None:
    """Keyword-only arguments are the options, as their annotations say; others keep their defaults."""
    assert said("steps:a/b?count=3") == ("a/b", 3, "up", 0.5, None, None)
    assert said("steps:a?count=3&way=down&share=2&model_x=y") == ("a", 3, "down", 2.0, None, "y")


@pytest.mark.usefixtures("steps")
def test_source_works() -> None:
    """It serves a Config as any other source does."""
    config = Config("steps:a?count=3")
    config.load()
    assert config.get("count") == 3


@pytest.mark.usefixtures("steps")
def test_from_address() -> None:
    """A class that needs more than a path makes itself from the address."""
    assert said("distant://a:1,b:2/x?count=1") == ("a:1,b:2 /x", 1, "up", 0.5, None, None)


@pytest.mark.usefixtures("steps")
def test_no_place() -> None:
    """A class without a positional argument takes options only."""
    assert vars(source_from_address("placeless:?speed=3"))["speed"] == 3
    with pytest.raises(BootstrapError, match="nothing may follow 'placeless:' but options"):
        source_from_address("placeless:x")


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("steps:a", "count: required, but missing"),
        ("steps:a?count=x", "count: expected a valid integer, got str"),
        ("steps:a?count=-1", "address 'steps:a': count backwards otherwise"),
        ("steps:a?count=1&json=x", "json: expected a mapping"),
        (
            "steps:a?count=1&wya=up",
            "wya: no option of 'steps:'; known are count, json, model_x, optional, share, way",
        ),
        (
            "step:a",
            "'step' is no scheme; known are broken, consul, distant, env, file, nacos, placeless, steps; did",
        ),
        (
            "broken:a",
            "'dynconf_steps:NO_CLASS', which brings 'broken:', is no subclass of dynconf.Source",
        ),
    ],
)
def test_mistake_is_explained(address: str, message: str) -> None:
    """Mistakes about a source of another package read like those about ours."""
    with pytest.raises(BootstrapError) as caught:
        source_from_address(address)
    assert message in str(caught.value)


@pytest.mark.usefixtures("steps")
def test_bootstrap_file(tmp_path: Path) -> None:
    """A bootstrap file takes it in both forms; the long one passes data that no text could be."""
    file = tmp_path / "dynconf.yaml"
    file.write_text(
        "sources:\n- steps:a?count=1\n- steps: b\n  count: 2\n  json: {x: 1}\n- distant: //h/x\n  count: 3\n"
    )
    assert repr(Config.from_file(file)) == "<Config dynconf of steps:a, steps:b, steps:h /x>"


def test_package_that_fails_to_import(install: Install, tmp_path: Path) -> None:
    """It is named, with the error as the cause, in both forms; no other address has to do with it."""
    install("dynconf_fails", "raise RuntimeError('no')", fails="Fails")
    file = tmp_path / "dynconf.yaml"
    file.write_text("sources: ['fails:x']")
    for ask in (lambda: source_from_address("fails:x"), lambda: Config.from_file(file)):
        with pytest.raises(BootstrapError, match="'dynconf_fails:Fails', which brings 'fails:'") as caught:
            ask()
        assert isinstance(caught.value.__cause__, RuntimeError)
    assert source_from_address("file:x").name == "file:x"


def test_missing_extra_is_told(install: Install) -> None:
    """A package that says which extra to install is heard."""
    install(
        "dynconf_extra", "from dynconf.errors import MissingExtra\nraise MissingExtra('x', 'y')", extra="E"
    )
    with pytest.raises(MissingExtra, match="pip install"):
        source_from_address("extra:x")


def test_two_packages_with_one_scheme(install: Install) -> None:
    """Which of them is meant cannot be known."""
    install("dynconf_one", STEPS, same="Steps")
    install("dynconf_two", STEPS, same="Steps")
    with pytest.raises(
        BootstrapError, match=r"several installed packages .* dynconf_one:Steps, dynconf_two:Steps"
    ):
        source_from_address("same:x")


def test_ours_cannot_be_replaced(install: Install) -> None:
    """A package cannot take over a scheme of dynconf's own."""
    install("dynconf_thief", STEPS, file="Steps")
    assert source_from_address("file:x").name == "file:x"
