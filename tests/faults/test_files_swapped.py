"""Files of a running program, mistreated: only what was whole and valid ever serves, and the last of it does.

`test_files.py` shows what a source reports; here it is what a program sees, read all the time by a thread,
while the clock goes on by itself.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from dynconf import Change, Config, File, Settings
from tests.faults.reading import running
from tests.faults.test_files import drop_rights
from tests.servers.process import until

ROOT = Path(__file__).parents[2]


class Pair(Settings):
    """Two numbers that are always the same, so that half of a document would show."""

    n: int
    m: int


def text(n: int) -> str:
    """A document of some size; its beginning is a document as well, but no valid one."""
    return f"n: {n}\n# {'x' * 20_000}\nm: {n}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder of its own."""
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "app.yaml"
    path.write_text(text(0))
    return path


class Watching:
    """A program that is told of each change, and notes what it is told."""

    def __init__(self, path: Path) -> None:
        self.config = Config(File(path))
        self.settings = self.config.bind(Pair)
        self.seen: list[tuple[int, int]] = []

        @self.settings.on_change
        def note(change: Change[Pair]) -> None:
            self.seen.append((change.new.n, change.new.m))

    def ends_at(self, n: int) -> None:
        """Wait for the last document: nothing that was told is a mix, comes twice, or out of turn."""
        until(lambda: self.seen and self.seen[-1] == (n, n), f"document {n}", 20)
        until(lambda: self.config.status().sources[0].state == "live", "live", 20)
        assert all(one == other for one, other in self.seen)
        assert [one for one, _ in self.seen] == sorted({one for one, _ in self.seen})


def emptied_and_written(path: Path, n: int) -> None:
    """Save as a shell's `>` does: empty the file first, write it then."""
    with path.open("w") as file:
        file.flush()
        file.write(text(n))


def written_in_halves(path: Path, n: int) -> None:
    """Write one half, and the other a tenth of a second later."""
    whole = text(n)
    with path.open("w") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        Event().wait(0.1)  # that is how long it is half
        file.write(whole[len(whole) // 2 :])


def renamed_by_an_editor(path: Path, n: int) -> None:
    """Save as vim does: the old file is renamed away, a new one written, the old one removed."""
    backup = path.with_name("app.yaml~")
    path.rename(backup)
    path.write_text(text(n))
    backup.unlink()


def renamed_into_place(path: Path, n: int) -> None:
    """Save as most programs do: write another file, then put it in place."""
    new = path.with_name(".new")
    new.write_text(text(n))
    new.replace(path)


@pytest.mark.parametrize(
    ("save", "times"),
    [
        (emptied_and_written, 100),
        (written_in_halves, 10),
        (renamed_by_an_editor, 100),
        (renamed_into_place, 100),
    ],
)
def test_saved_again_and_again(path: Path, save: Callable[[Path, int], None], times: int) -> None:
    """Of many saves, ten in a row as fast as can be, no half is ever served, and the last one arrives."""
    it = Watching(path)
    with it.config:
        for n in range(1, times + 1):
            save(path, n)
            if n % 10 == 0:
                it.ends_at(n)


@pytest.mark.parametrize("save", [emptied_and_written, written_in_halves, renamed_by_an_editor])
def test_each_save_arrives(path: Path, save: Callable[[Path, int], None]) -> None:
    """Of saves that each wait for the one before, none is missed and none told twice."""
    it = Watching(path)
    with it.config:
        for n in range(1, 11):
            save(path, n)
            it.ends_at(n)
    assert [n for n, _ in it.seen] == list(range(1, 11))


def test_kubernetes_mount_swapped_while_read(tmp_path: Path) -> None:
    """A hundred swaps of `..data` while two files are read: each is whole, and in the end both are new."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def swap(n: int) -> None:
        folder = mount / f"..{n}"
        folder.mkdir()
        (folder / "n.yaml").write_text(f"n: {n}\n# {'x' * 20_000}\n")
        (folder / "m.yaml").write_text(f"m: {n}\n# {'x' * 20_000}\n")
        link = mount / "..data_tmp"
        link.symlink_to(folder.name)
        link.replace(mount / "..data")
        if n:
            shutil.rmtree(mount / f"..{n - 1}")

    swap(0)
    for name in ("n.yaml", "m.yaml"):
        (mount / name).symlink_to(f"..data/{name}")
    config = Config(File(mount / "n.yaml"), File(mount / "m.yaml"))
    settings = config.bind(Pair)
    states: set[str] = set()
    with config:
        for n in range(1, 101):
            swap(n)
            states |= {source.state for source in config.status().sources}
        settings.until(lambda pair: (pair.n, pair.m) == (100, 100), timeout=20)
    assert states <= {"live"}, "no file was ever gone, half, or not to be read"


BAD: dict[str, tuple[bytes, str]] = {
    "latin-1": ("n: 2 # h\u00fcbsch".encode("latin-1"), "is not UTF-8"),
    "utf-16 without a mark": ("n: 2\n".encode("utf-16-le"), "NUL"),
    "half a character": ("n: 2 # h\u00fc".encode()[:-1], "is not UTF-8"),
    "NUL bytes": (b"n: 2\n\0\0\0\0", "NUL"),
    "nothing but NUL bytes": (bytes(4096), "empty"),
    "no bytes": (b"", "empty"),
    "blanks": (b" \r\n\t\n", "empty"),
    "half a document": (b"n: [1, 2", "no valid YAML"),
    "another thing": (b"\x89PNG\r\n\x1a\n", "is not UTF-8"),
    "not its settings": (b"n: many", "valid integer"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_content(name: str, path: Path) -> None:
    """It is refused with the reason, the last good content serves, and what is mended is taken."""
    content, reason = BAD[name]
    path.write_text("n: 1")
    with running(File(path)) as it:
        path.write_bytes(content)
        until(lambda: reason in str(it.config.status()), reason, 20)
        it.becomes("refused")
        path.write_text("n: 3")
        it.catches_up(3)
    assert it.reader.seen == [1, 3]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfn: 2\r\n",
        "\ufeffn: 2\r\n".encode("utf-16-le"),
        "\ufeffn: 2\n".encode("utf-16-be"),
        b"# one\r\n---\r\nn: 2\r\n",
    ],
)
def test_content_of_other_systems(content: bytes, path: Path) -> None:
    """Byte order marks and the line ends of Windows are no fault."""
    path.write_text("n: 1")
    with running(File(path)) as it:
        path.write_bytes(content)
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


def folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def pipe(path: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


def long_loop(path: Path) -> None:
    """A link that leads back by way of a folder that is one, too."""
    (path.parent / "a").symlink_to("b")
    (path.parent / "b").symlink_to("a")
    path.symlink_to("a/app.yaml")


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to("nowhere.yaml")


@pytest.mark.parametrize(
    ("put", "state", "reason"),
    [
        (folder, "stale", "folder"),
        (pipe, "stale", "not a regular file"),
        (loop, "stale", "circle"),
        (long_loop, "stale", "circle"),
        (dangling, "missing", "no file"),
    ],
)
def test_something_in_its_place(put: Callable[[Path], None], state: str, reason: str, path: Path) -> None:
    """The status says what it is; the content stays, and a file in its place again is taken."""
    path.write_text("n: 1")
    with running(File(path)) as it:
        path.unlink()
        put(path)
        it.becomes(state)
        until(lambda: reason in str(it.config.status()) or state == "missing", reason)
        assert it.settings.current.n == 1
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_text("n: 2")
        it.catches_up(2)
    assert it.reader.seen == [1, 2]


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from tests.servers.process import until
from dynconf import Config, File, Settings
from dynconf.errors import StartFailed

class App(Settings):
    n: int

path = Path(sys.argv[1])
config = Config(File(path))
settings = config.bind(App)
with config:
    path.chmod(0)
    until(lambda: config.status().sources[0].state == "stale", "stale", 20)
    print("no permission" in str(config.status()), settings.current.n)
    path.chmod(0o600)
    path.write_text("n: 2")
    settings.until(lambda app: app.n == 2, timeout=20)
    until(lambda: config.status().sources[0].state == "live", "live", 20)
    print(settings.current.n)
    path.parent.chmod(0)
    until(lambda: config.status().sources[0].state == "stale", "stale", 20)
    path.parent.chmod(0o700)
    until(lambda: config.status().sources[0].state == "live", "live", 20)
path.chmod(0)
try:
    Config(File(path)).load()
except StartFailed as error:
    print("no permission" in str(error))
"""


def test_no_permission(path: Path) -> None:
    """A program that may no longer read its file, or the folder, keeps what it has; at start it says so."""
    path.write_text("n: 1")
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=drop_rights,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.stdout.splitlines() == ["True 1", "2", "True"], done.stderr
