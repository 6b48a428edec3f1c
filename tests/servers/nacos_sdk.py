"""The official Python SDK of Nacos, to agree with: each generation in an environment of its own."""

import sys
from pathlib import Path

from tests.servers.builds import RECIPES, Build, run
from tests.servers.nacos_client import NacosClient

RECIPE = RECIPES / "nacos_sdk"
SCRIPT = RECIPE / "client.py"


def _build(name: str, version: str, requirements: Path) -> Build:
    def make(folder: Path) -> None:
        run(sys.executable, "-m", "venv", folder)
        python = folder / "bin/python"
        run(python, "-m", "pip", "install", "--quiet", "--requirement", requirements)

    return Build(
        name=name,
        version=version,
        result="bin/python",
        make=make,
        recipe=[requirements],
        duration="some seconds",
    )


SDK_1 = _build("nacos-sdk-1", "1.0.0", RECIPE / "requirements-1.0.txt")
SDK_3 = _build("nacos-sdk-3", "3.2.0", RECIPE / "requirements-3.2.txt")


class SdkClient(NacosClient):
    """A process that speaks to one namespace with one generation of the SDK.

    Args:
        build: which generation.
        address: of the server, as host:port.
        namespace: its id; "" is the public one.
        folder: where the SDK may write its logs; made if need be.
    """

    def __init__(self, build: Build, address: str, namespace: str, folder: Path) -> None:
        super().__init__(build.name, [build.find(), SCRIPT, address, namespace], folder)
