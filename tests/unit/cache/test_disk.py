"""The file that several processes share: who may read it, and what readers see while it is written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dynconf._cache.disk import SharedFile, Unusable


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_rights(tmp_path: Path) -> None:
    """Folder and file are their owner's alone, whatever the umask; nothing is left beside the file."""
    file = SharedFile(tmp_path / "deep" / "cache", "app: one/two")
    before = os.umask(0)
    try:
        file.write(b"1")
        file.write(b"2")
    finally:
        os.umask(before)
    assert file.read() == b"2"
    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o777 == 0o700
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    assert names(tmp_path / "deep" / "cache") == ["app__one_two"]


def test_not_there(tmp_path: Path) -> None:
    """No folder or no file is nothing to complain of."""
    assert SharedFile(tmp_path / "none", "a").read() is None
    assert SharedFile(tmp_path, "a").read() is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write(tmp_path: Path, mode: int) -> None:
    """Where others may put a file, it is neither read nor written."""
    file = SharedFile(tmp_path / "cache", "a")
    file.write(b"1")
    (tmp_path / "cache").chmod(mode)
    with pytest.raises(Unusable, match="the folder may be written by other users"):
        file.read()
    with pytest.raises(Unusable, match="the folder may be written by other users"):
        file.write(b"2")


def test_a_file_that_others_may_write(tmp_path: Path) -> None:
    """Nor is a file read that somebody else can have altered."""
    file = SharedFile(tmp_path, "a")
    file.write(b"1")
    Path(file.path).chmod(0o602)
    with pytest.raises(Unusable, match="a may be written by other users"):
        file.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file(tmp_path: Path) -> None:
    """Somebody else's file is not read, nor is anything written into somebody else's folder."""
    file = SharedFile(tmp_path, "a")
    file.write(b"1")
    os.chown(file.path, 12345, -1)
    with pytest.raises(Unusable, match="a belongs to another user"):
        file.read()
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(Unusable, match="the folder belongs to another user"):
        file.write(b"2")


def test_no_link_pipe_or_folder_is_read(tmp_path: Path) -> None:
    """What is put in the file's place is refused, and holds nobody up; a write replaces it."""
    file = SharedFile(tmp_path / "cache", "a")
    file.write(b"1")
    path = Path(file.path)
    (tmp_path / "other").write_bytes(b"planted")
    plants: list[Callable[[], object]] = [
        lambda: path.symlink_to(tmp_path / "other"),
        lambda: os.mkfifo(path, 0o600),
        path.mkdir,
    ]
    for plant in plants:
        path.unlink()
        plant()
        with pytest.raises(Unusable):
            file.read()
        if path.is_dir():
            with pytest.raises(Unusable):
                file.write(b"2")
        else:
            file.write(b"2")
            assert file.read() == b"2"
    assert (tmp_path / "other").read_bytes() == b"planted"


# A name space of its own, so that mounting a small file system concerns nobody else.
OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "--mount"]


def may_mount() -> bool:
    """Whether this system lets a program mount a file system that only itself sees."""
    try:
        command = [*OF_ITS_OWN, "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_mount(), reason="no file system can be mounted here without rights")
def test_a_full_disk(tmp_path: Path) -> None:
    """On a file system without room the old content stays, and no rest; with room it goes on."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dynconf._cache.disk import SharedFile, Unusable\n"
        "file, other = SharedFile(sys.argv[1], 'a'), Path(sys.argv[1], 'other')\n"
        "file.write(b'old')\n"
        "other.write_bytes(b'x' * 60_000)\n"
        "try:\n"
        "    file.write(b'y' * 100_000)\n"
        "except Unusable as error:\n"
        "    print(error, file.read(), sorted(path.name for path in Path(sys.argv[1]).iterdir()))\n"
        "other.unlink()\n"
        "file.write(b'new')\n"
        "print(file.read())\n"
    )
    mounted = 'mount -t tmpfs -o size=100k,mode=700 none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*OF_ITS_OWN, "/bin/sh", "-c", mounted, "sh", str(tmp_path), sys.executable, program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "No space left on device b'old' ['a', 'other']\nb'new'\n"


def test_a_file_that_may_not_be_so_large(tmp_path: Path) -> None:
    """What cannot be written whole leaves the old content, and no rest."""
    program = (
        "import resource, signal, sys\n"
        "from dynconf._cache.disk import SharedFile, Unusable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "file = SharedFile(sys.argv[1], 'a')\n"
        "file.write(b'old')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    file.write(b'x' * 100_000)\n"
        "except Unusable as error:\n"
        "    print(error, file.read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "File too large b'old'\n"
    assert names(tmp_path) == ["a"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """A draft that nobody has touched for an hour goes; one that is being written stays."""
    file = SharedFile(tmp_path, "a")
    file.write(b"1")
    old, new = tmp_path / ".a.0011.tmp", tmp_path / ".a.0022.tmp"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert file.read() == b"1"
    assert names(tmp_path) == [".a.0022.tmp", "a"]


def test_many_writers(tmp_path: Path) -> None:
    """With several processes writing at once, a reader always finds one content whole."""
    program = (
        "import sys\n"
        "from dynconf._cache.disk import SharedFile\n"
        "file = SharedFile(sys.argv[1], 'a')\n"
        "for number in range(100):\n"
        "    file.write(sys.argv[2].encode() * 100_000)\n"
    )
    file = SharedFile(tmp_path, "a")
    file.write(b"0" * 100_000)
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), mark]) for mark in "12"]
    while any(writer.poll() is None for writer in writers):
        content = file.read()
        assert content is not None
        assert len(content) == 100_000
        assert len(set(content)) == 1
    assert [writer.returncode for writer in writers] == [0, 0]


def test_what_another_wrote_can_be_spared(tmp_path: Path) -> None:
    """What another has written or removed since it was read or written here is left so if asked."""
    file, other = SharedFile(tmp_path, "a"), SharedFile(tmp_path, "a")
    assert other.write(b"1", over_others=False)
    assert not file.write(b"2", over_others=False)
    assert names(tmp_path) == ["a"]
    assert file.read() == b"1"
    assert file.write(b"3", over_others=False)
    assert not other.write(b"4", over_others=False)
    assert other.read() == b"3"
    Path(file.path).unlink()
    assert not file.write(b"5", over_others=False)
    assert names(tmp_path) == []
    assert file.write(b"6")
    assert file.read() == b"6"
