"""Reads one file so that what comes out was in it at one moment."""

import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from io import BufferedReader
from typing import TypeAlias

from dynconf._origin import Origin
from dynconf.errors import AccessDenied, SourceError, SourceUnavailable
from dynconf.sources._links import Links

Stamp: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change in nanoseconds: what a new state alters."""

# Nanoseconds after which a change is sure to alter the times, on the coarsest file system (FAT).
_TICK = 2_000_000_000
# How often to read a file that is written meanwhile, before it is left for later.
_ATTEMPTS = 3

_REASONS = {
    errno.EISDIR: "there is a folder in its place",
    errno.ELOOP: "its links lead in a circle",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.ENXIO: "it is not a regular file",
}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A file as it was read.

    `stamp` is given if another one is needed for other content; `revision` is the start of the
    content's SHA-256; `content` is `None` if the file is there but has never been readable;
    `mounted` says that something is mounted on the very file.
    """

    stamp: Stamp | None
    revision: str = ""
    content: bytes | None = None
    mounted: bool = False


UNREADABLE = Reading(None)

# Nanoseconds that a known file must have been left alone for. Events bring a look only after that;
# looks that have another reason may come in the middle of a save.
_QUIET = 15_000_000


def read(links: Links, path: str, limit: int, before: Reading, *, patient: bool = False) -> Reading:
    """Read a file, or give back what it was `before` if its stamp is the same.

    Args:
        links: the look that this is part of.
        path: an absolute path.
        limit: bytes that a document may have; of a larger file, one more than that are read.
        before: the last reading of this path.
        patient: whether to wait for a file that is just being written, though there is no reading before.

    Raises:
        FileNotFoundError: it is not there.
        IsADirectoryError: it is a folder.
        OSError: it cannot be read.
    """
    real = links.resolve(path)
    for _ in range(_ATTEMPTS):
        stamp = _stamp(real)
        if stamp == before.stamp and not links.thorough:
            return before
        age = time.time_ns() - stamp[3]
        if 0 <= age < _QUIET:  # perhaps half of it; a time in the future says nothing
            if before.content is not None:
                links.fresh = True
                return before
            if patient:
                time.sleep((_QUIET - age) / 1e9)
                continue
        reading = _read(links, real, stamp, limit, before)
        if _stamp(real) == stamp:
            return reading
    links.unsettled = True
    return before if before.content is not None else _read(links, real, _stamp(real), limit, before)


def explain(error: OSError, origin: Origin) -> SourceError:
    """What an error of the operating system means for a source."""
    if isinstance(error, PermissionError):
        return AccessDenied("no permission to read it", origin)
    reason = _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__
    return SourceUnavailable(reason, origin)


def _stamp(real: str) -> Stamp:
    status = os.stat(real)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(links: Links, real: str, stamp: Stamp, limit: int, before: Reading) -> Reading:
    moment = time.time_ns()
    with open(real, "rb", opener=_open) as file:
        content = _content(file, stamp[2], limit)
    revision = hashlib.sha256(content).hexdigest()[:12]
    if revision == before.revision and before.content is not None:
        content = before.content  # one copy is enough
    distinct = moment - max(stamp[3:]) > _TICK
    return Reading(stamp if distinct else None, revision, content, mounted=real in links.mounts)


def _open(path: str, flags: int) -> int:
    # Should it have become a pipe by now, opening it must not wait for somebody to write.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _content(file: BufferedReader, size: int, limit: int) -> bytes:
    content = file.read(min(size, limit) + 1)
    if size < len(content) <= limit:  # it has grown, or it is of a kind that does not know its size
        content += file.read(limit + 1 - len(content))
    return content
