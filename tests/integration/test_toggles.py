"""A toggle reaches running applications from a file, from Consul and from Nacos, without a restart."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.servers.fixtures import ConsulSpace, NacosSpace
from tests.servers.process import Process, until

ROOT = Path(__file__).parents[2]
FLASK = ["flask", "--app", "tests.integration.toggles.flask_site", "run", "--port", "{port}"]
FASTAPI = ["uvicorn", "tests.integration.toggles.fastapi_site:app", "--port", "{port}"]


@dataclass(frozen=True)
class Document:
    """What an application is configured by: its address, and what writes it."""

    address: str
    write: Callable[[str], object]

    def save(self, field: object, flag: object) -> None:
        """Have it hold a toggle of each kind."""
        toggles = {"new_dashboard": field, "beta_feature": False}
        self.write(json.dumps({"feature_flags": toggles, "flags": {"new_checkout": flag}}))


@pytest.fixture(params=["file", "consul", "nacos2", "nacos3"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> Document:
    """A document in each place in turn, with both toggles off."""
    if request.param == "file":
        file = tmp_path / "app.json"
        document = Document(f"file:{file}", file.write_text)
    elif request.param == "consul":
        consul: ConsulSpace = request.getfixturevalue("consul")
        address = f"consul://{consul.agent.address}/{consul.prefix}app.json"
        document = Document(address, lambda text: consul.put("app.json", text.encode()))
    else:
        nacos: NacosSpace = request.getfixturevalue(request.param)
        address = f"nacos://{nacos.server.address}/app.json?namespace={nacos.namespace}"
        document = Document(address, lambda text: nacos.publish("app.json", text))
    document.save(field=False, flag=False)
    return document


class Site(Process):
    """An application in a process of its own.

    Args:
        folder: for its log.
        source: the address of what it is configured by.
        words: what to run, as a module of Python's; `{port}` stands for a free port.
    """

    name = "site"

    def __init__(self, folder: Path, source: str, words: list[str]) -> None:
        super().__init__(folder)
        self._source = source
        self._words = [word.format(port=self.port) for word in words]

    def command(self) -> list[str]:
        return [
            "env",
            f"APP_SOURCE={self._source}",
            f"PYTHONPATH={ROOT}",
            sys.executable,
            "-m",
            *self._words,
        ]

    def ready(self) -> bool:
        return bool(self.page())

    def page(self) -> dict[str, Any]:
        """What it shows."""
        with urlopen(f"http://{self.address}/", timeout=30) as reply:
            shown: dict[str, Any] = json.load(reply)
        return shown

    def shows(self, **toggles: bool) -> int:
        """Wait until it shows these; its process."""
        expected = toggles.items()
        until(lambda: expected <= self.page().items(), f"{toggles}")
        return int(self.page()["worker"])


@pytest.mark.parametrize("words", [FLASK, FASTAPI], ids=["Flask", "FastAPI"])
def test_toggle_reaches_the_application(document: Document, words: list[str], tmp_path: Path) -> None:
    """What is switched, as a field or as a flag, plain or by a rule, is seen by the process that runs."""
    with Site(tmp_path / "site", document.address, words) as site:
        first = site.shows(field=False, flag=False, client=False)
        document.save(field=True, flag=True)
        assert site.shows(field=True, flag=True, client=True) == first
        rule = {"if": [{"==": [{"var": "country"}, "DE"]}, "on", "off"]}
        german = {"state": "ENABLED", "variants": {"on": True, "off": False}, "targeting": rule}
        document.save(field=True, flag=german)
        assert site.shows(field=True, flag=True, client=False) == first
        document.save(field=False, flag=False)
        assert site.shows(field=False, flag=False, client=False) == first
