"""Where the documents of a storm are, how they are written, and what becomes of the way to them."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from dynconf import Consul, ConsulServer, File, Nacos, NacosServer
from dynconf._values.source import Source
from tests.servers.fixtures import ConsulSpace, NacosSpace
from tests.servers.nacos import GROUP
from tests.servers.toxiproxy import Proxy

Kind = Literal["new", "again", "back", "delete", "unparsable", "invalid", "empty"]
"""A new number, the same one in another text, one that was before; and all that is no valid document."""

DOCUMENTS: Final = 20


class Backend(ABC):
    """Where documents are.

    Attributes:
        names: of all of them.
        empty: a document that says nothing.
    """

    names = tuple(f"d{number:02}.yaml" for number in range(DOCUMENTS))
    empty = ""

    @abstractmethod
    def source(self, name: str) -> Source:
        """What follows one of them, mounted at its name."""

    @abstractmethod
    def write(self, name: str, content: str) -> None:
        """Publish it."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete it; that there is none is no error."""

    @abstractmethod
    def worsen(self, dice: random.Random) -> str:
        """Make the way to them bad, or how they are written; gives the name of what is wrong."""

    @abstractmethod
    def calm(self) -> None:
        """Make it good again."""

    def deleted(self, name: str) -> str:
        """The state of one that is deleted."""
        return "missing"

    def do(self, name: str, kind: Kind, number: int, count: int) -> None:
        """Do one thing to a document.

        Args:
            name: which.
            kind: what.
            number: for what is valid.
            count: makes each text another.
        """
        if kind == "delete":
            self.delete(name)
        else:
            self.write(name, self._text(kind, number, count))

    def _text(self, kind: Kind, number: int, count: int) -> str:
        """A document no part of which is valid, unless it has both numbers."""
        if kind == "empty":
            return self.empty
        if kind == "unparsable":
            return f'{{"n": [{count}, '
        if kind == "invalid":
            return f'{{"n": "no number", "m": {count}}}'
        return f'{{"n": {number}, "m": {number}}}\n# {count}'


def hole(proxy: Proxy, stream: Literal["upstream", "downstream"]) -> None:
    """All that is sent in a direction vanishes."""
    proxy.add("timeout", stream, timeout=0)


FAULTS: Final[dict[str, Callable[[Proxy], Any]]] = {
    "slow": lambda proxy: proxy.add("latency", latency=500, jitter=400),
    "slow to ask": lambda proxy: proxy.add("latency", "upstream", latency=500, jitter=400),
    "1 KB/s": lambda proxy: proxy.add("bandwidth", rate=1),
    "in tiny parts": lambda proxy: proxy.add("slicer", average_size=16, size_variation=8, delay=2000),
    "black hole": lambda proxy: hole(proxy, "downstream"),
    "black hole before it": lambda proxy: hole(proxy, "upstream"),
    "black hole for half": lambda proxy: proxy.add("timeout", toxicity=0.5, timeout=0),
    "reset": lambda proxy: proxy.add("reset_peer", timeout=50),
    "half are reset": lambda proxy: proxy.add("reset_peer", toxicity=0.5, timeout=0),
    "cut in a reply": lambda proxy: proxy.add("limit_data", bytes=350),
    "slow to close": lambda proxy: proxy.add("slow_close", delay=1000),
    "down": lambda proxy: proxy.down(),
}
"""What becomes of connections; one at a time."""


class Proxied(Backend):
    """Behind a proxy; what is written goes past it."""

    proxy: Proxy

    def worsen(self, dice: random.Random) -> str:
        fault = dice.choice(list(FAULTS))
        FAULTS[fault](self.proxy)
        return fault

    def calm(self) -> None:
        self.proxy.reset()


class InConsul(Proxied):
    """Keys of Consul, each with a document; and folders, each changed by one transaction."""

    def __init__(self, space: ConsulSpace, proxy: Proxy) -> None:
        self.space = space
        self.proxy = proxy
        self.server = ConsulServer(proxy.address, wait=2)
        self.folders = {name.partition(".")[0]: name for name in self.names[::5]}
        documents = (name for name in self.names if name not in self.folders.values())
        self.names = (*documents, *self.folders)

    def source(self, name: str) -> Source:
        key = self.space.prefix + name
        if name in self.folders:
            return Consul(key, layout="keys", server=self.server, at=name)
        return Consul(key, server=self.server, at=name.partition(".")[0])

    def do(self, name: str, kind: Kind, number: int, count: int) -> None:
        if name not in self.folders or kind == "delete":
            super().do(name, kind, number, count)
            return
        bad = {"empty": "", "invalid": f"no number {count}", "unparsable": f"\xff {count}"}
        value = bad.get(kind, str(number)).encode("latin-1")
        key = f"{self.space.prefix}{name}/"
        self.space.agent.txn({"Verb": "set", "Key": key + field, "Value": value} for field in ("m", "n"))

    def write(self, name: str, content: str) -> None:
        self.space.put(name, content.encode())

    def delete(self, name: str) -> None:
        if name in self.folders:
            self.space.delete(f"{name}/", recurse=True)
        else:
            self.space.delete(name)

    def deleted(self, name: str) -> str:
        # A folder without keys is an empty document.
        return "refused" if name in self.folders else "missing"


class InNacos(Proxied):
    """Configurations of Nacos, which takes no empty one."""

    empty = "# nothing"

    def __init__(self, space: NacosSpace, proxy: Proxy) -> None:
        self.space = space
        self.proxy = proxy
        self.server = NacosServer(proxy.address, namespace=space.namespace, wait=10, interval=0.5)
        self.written: set[str] = set()

    def source(self, name: str) -> Source:
        return Nacos(name, server=self.server, at=name.partition(".")[0])

    def write(self, name: str, content: str) -> None:
        if name in self.written:  # a storm does not wait until it can be read
            self.space.server._write(name, GROUP, self.space.namespace, {"content": content})
        else:
            self.space.publish(name, content)
            self.written.add(name)

    def delete(self, name: str) -> None:
        self.space.server._delete(name, GROUP, self.space.namespace)


class InFiles(Backend):
    """Files of one folder, each saved in one of the ways in which programs do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "etc"
        self.folder.mkdir()
        self.here = self.folder
        self.save = self.renamed

    def source(self, name: str) -> Source:
        return File(self.folder / name, at=name.partition(".")[0])

    def write(self, name: str, content: str) -> None:
        self.save(self.here / name, content)

    def delete(self, name: str) -> None:
        (self.here / name).unlink(missing_ok=True)

    def worsen(self, dice: random.Random) -> str:
        worse = {
            "emptied before": self.emptied,
            "written in halves": self.halves,
            "renamed to a backup": self.backup,
        }
        name = dice.choice([*worse, "folder away"])
        self.save = worse.get(name, self.renamed)
        if name == "folder away":
            self.here = self.folder.rename(self.folder.with_name("away"))
        return name

    def calm(self) -> None:
        self.save = self.renamed
        if self.here != self.folder:
            self.here = self.here.rename(self.folder)

    def renamed(self, path: Path, content: str) -> None:
        """Save as most programs do: write another file, then put it in place."""
        new = path.with_name(".new")
        new.write_text(content)
        new.replace(path)

    def emptied(self, path: Path, content: str) -> None:
        """Save as a shell's `>` does: empty the file first, write it then."""
        with path.open("w") as file:
            file.flush()
            file.write(content)

    def halves(self, path: Path, content: str) -> None:
        """Write one half, and the other when the first may have been read."""
        with path.open("w") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(0.04)  # that is how long it is half
            file.write(content[len(content) // 2 :])

    def backup(self, path: Path, content: str) -> None:
        """Save as vim does: the old file is renamed away, a new one written, the old one removed."""
        old = path.with_name(f"{path.name}~")
        if path.exists():
            path.rename(old)
        path.write_text(content)
        old.unlink(missing_ok=True)
