"""Follows links to the real files, and keeps note of each folder where a change would matter."""

import errno
import os
import stat
from typing import TypeAlias

from dynconf._values.lazily import lazily

Identity: TypeAlias = tuple[int, int]
"""Device and inode: what tells a folder from a later one of the same name."""

# As many as Linux follows.
_MAX_LINKS = 40


class Links:
    """One pass over some paths, in which every link is read only once.

    So all files of the pass are seen through the same links: in a folder that Kubernetes mounts,
    where one link is swapped for all of them at once, they are all old or all new.

    Args:
        thorough: whether what looks unchanged is to be read all the same.
    """

    def __init__(self, *, thorough: bool = False) -> None:
        self.thorough = thorough
        self.unsettled = False
        """Set when something was changing while it was read: look again at once, and then soon."""
        self.fresh = False
        """Set when something was written just now, and was not read therefore: look again soon."""
        self._targets: dict[str, str | None] = {}
        self._real: dict[str, str] = {}
        self._watched: set[str] = set()

    def resolve(self, path: str) -> str:
        """The real path of an absolute one; what does not exist is its own real path.

        Raises:
            OSError: the links run in a circle.
        """
        real = self._resolve(path, _MAX_LINKS)
        self._watched.add(os.path.dirname(real))
        return real

    def enter(self, folder: str) -> str:
        """The real path of a folder of which every entry matters."""
        real = self.resolve(folder)
        self._watched.add(real)
        return real

    def hold(self) -> bool:
        """Whether every link that was followed still leads where it did."""
        return all(_target(path) == target for path, target in self._targets.items() if target is not None)

    def folders(self) -> dict[str, Identity]:
        """The folders to watch: of every link and file, or the nearest one that exists."""
        found: dict[str, Identity] = {}
        for folder in self._watched:
            while (identity := _identity(folder)) is None and folder != os.path.dirname(folder):
                folder = os.path.dirname(folder)
            if identity is not None:
                found[folder] = identity
        return found

    @lazily
    def mounts(self) -> frozenset[str]:
        """What something is mounted on, files among them; known on Linux only."""
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
                return frozenset(line.split(" ", 5)[4].replace("\\040", " ") for line in lines)
        except OSError:
            return frozenset()

    def _resolve(self, path: str, left: int) -> str:
        head, name = os.path.split(path)
        if head == path:
            return path
        folder = self._folder(head, left)
        if name in {"", os.curdir}:
            return folder
        if name == os.pardir:
            return os.path.dirname(folder)
        path = os.path.join(folder, name)
        if path not in self._targets:
            self._targets[path] = _target(path)
        target = self._targets[path]
        if target is None:
            return path
        self._watched.add(folder)
        if not left:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return self._resolve(os.path.join(folder, target), left - 1)

    def _folder(self, path: str, left: int) -> str:
        if path not in self._real:
            self._real[path] = self._resolve(path, left)
        return self._real[path]


def _target(path: str) -> str | None:
    """Where a link leads; nothing if it is none. What else is wrong there, reading it will tell."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def _identity(folder: str) -> Identity | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
