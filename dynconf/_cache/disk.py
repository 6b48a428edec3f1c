"""One file that several processes share: replaced whole, and read only if nobody else can have written it."""

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

LARGEST: Final = 1 << 28
"""Bytes that the file may have."""
_LEFT_BEHIND: Final = 3600.0  # seconds after which nobody is writing a file any more


class Unusable(Exception):
    """The file cannot be read or written, or is not to be trusted; the text says why."""


class SharedFile:
    """A file of its owner's alone.

    Args:
        folder: where it is; made, for its owner only, when it is written.
        name: any text; the file's name is made of it.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str) -> None:
        self.folder: str = os.fspath(folder)
        self.name: str = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".")
        self.path: str = os.path.join(self.folder, self.name)
        self._known: tuple[int, int] | None = None

    def read(self) -> bytes | None:
        """Its content, or `None` if there is no such file.

        Raises:
            Unusable: it cannot be read, or another user could have written it.
        """
        try:
            with self._opened_folder() as folder:
                self._tidy(folder)
                # A pipe in its place would hold up the open.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with os.fdopen(os.open(self.name, flags, dir_fd=folder), "rb") as file:
                    found = os.fstat(file.fileno())
                    if not stat.S_ISREG(found.st_mode):
                        raise Unusable("it is no regular file")
                    _check_owner(found, self.name, only=(os.geteuid(),))
                    if found.st_size > LARGEST:
                        raise Unusable(f"it is larger than {LARGEST} bytes")
                    self._known = _identity(found)
                    return file.read(LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unusable(_why(error)) from None

    def write(self, data: bytes, *, over_others: bool = True) -> bool:
        """Put another content in its place; whoever reads sees the old one or the new one.

        Args:
            data: the content.
            over_others: also if somebody else has written or removed the file since it was read or
                written here. If not, `False` comes back, and nothing has changed.

        Raises:
            Unusable: it cannot be written; then nothing has changed.
        """
        if len(data) > LARGEST:
            raise Unusable(f"it would be larger than {LARGEST} bytes")
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with self._opened_folder() as folder:
                draft = f".{self.name}.{secrets.token_hex(8)}.tmp"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                try:
                    with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                        written = _identity(os.fstat(file.fileno()))
                    if not over_others and self._is_anothers(folder):
                        os.unlink(draft, dir_fd=folder)
                        return False
                    os.replace(draft, self.name, src_dir_fd=folder, dst_dir_fd=folder)
                    self._known = written
                except BaseException:
                    with suppress(OSError):
                        os.unlink(draft, dir_fd=folder)
                    raise
        except OSError as error:
            raise Unusable(_why(error)) from None
        return True

    @contextmanager
    def _opened_folder(self) -> Iterator[int]:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check_owner(os.fstat(folder), "the folder", only=(os.geteuid(), 0))
            yield folder
        finally:
            os.close(folder)

    def _is_anothers(self, folder: int) -> bool:
        try:
            found = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return self._known is not None
        return _identity(found) != self._known

    def _tidy(self, folder: int) -> None:
        """Remove what processes that were killed left half-written."""
        for name in os.listdir(folder):
            if name.startswith(f".{self.name}.") and name.endswith(".tmp"):
                with suppress(OSError):
                    if time.time() - os.stat(name, dir_fd=folder).st_mtime > _LEFT_BEHIND:
                        os.unlink(name, dir_fd=folder)


def _identity(found: os.stat_result) -> tuple[int, int]:
    """What tells one content from the next: each is a file of its own."""
    return found.st_ino, found.st_mtime_ns


def _check_owner(found: os.stat_result, what: str, only: tuple[int, ...]) -> None:
    if found.st_uid not in only:
        raise Unusable(f"{what} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unusable(f"{what} may be written by other users; take that right away (chmod go-w)")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
