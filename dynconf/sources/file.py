"""Local files, followed while they are edited, swapped and replaced."""

import copy
import fnmatch
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dynconf._origin import Origin, on_one_line
from dynconf._values.snapshot import Update
from dynconf._values.source import Feed, Source
from dynconf.errors import DocumentMissing, SourceError, UsageError
from dynconf.sources._content import PROFILE, check_options, for_profiles, known_format, mount_point
from dynconf.sources._links import Links
from dynconf.sources._reading import UNREADABLE, Reading, explain, read
from dynconf.sources._watch import WatchHub

__all__ = ["File"]

# Seconds that a file may be away, as it is while some programs save it.
_GRACE = 1.0

_WILDCARDS = frozenset("*?[")

_logger = logging.getLogger("dynconf.files")


class File(Source):
    """A local file, or with wildcards in its name all files that match, in the order of their names.

    It follows saves in place and by renaming, swapped links (as Kubernetes mounts have them), and
    folders that come later or are replaced. A path that exists is taken as it stands, wildcards or
    not; `~` is the user's home, and `{profile}` each of the profiles in turn.

    Args:
        path: where; its folders have no wildcards.
        optional: whether a start may go on without it.
        at: the dotted path that its content is mounted at.
        format: what it is written in, if its extension does not say so.
        on_missing: what becomes of a required file that goes: `"keep"` its content or `"drop"` it.
        allow_empty: whether a file without content is taken as an empty document.
        settle: seconds of quiet that a change waits for, after the 25 ms that the watcher waits.

    Raises:
        UsageError: an option is not what it can be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        optional: bool = False,
        at: str = "",
        format: str | None = None,
        on_missing: Literal["keep", "drop"] = "keep",
        allow_empty: bool = False,
        settle: float = 0.003,
    ) -> None:
        self._place(os.fspath(path))
        check_options(on_missing, settle)
        self.optional = optional
        self.at: str = mount_point(at)
        self.format: str | None = known_format(format)
        self.on_missing: Literal["keep", "drop"] = on_missing
        self.allow_empty = allow_empty
        self.settle = settle

    def resolve(self, profiles: tuple[str, ...]) -> Sequence[Source]:
        """One file for each profile, if the path asks for it; else the file itself.

        Raises:
            UsageError: a required file asks for a profile and there is none, or there are wildcards
                in a folder's name.
        """
        return tuple(map(self._for, for_profiles(self.name, self.path, profiles, optional=self.optional)))

    async def run(self, feed: Feed) -> None:
        """Report each file, then whatever becomes of it."""
        following = _Following(self, feed)
        with feed.shared("files", WatchHub).follow(following.folder, feed, following.look) as follower:
            while True:
                following.take(await follower.next(), follower.again)
                if not feed.watching:
                    return

    def _place(self, path: str) -> None:
        self.path = path
        self.name: str = f"file:{path}"
        # Settled now: the program may change its working folder later.
        self._absolute = os.path.abspath(os.path.expanduser(path))
        self.members: bool = not _WILDCARDS.isdisjoint(os.path.basename(path))

    def _for(self, path: str) -> "File":
        """The same source for a path that is settled, wildcards or not."""
        file = copy.copy(self)
        file._place(path)
        real = os.path.expanduser(path)
        if os.path.lexists(real):
            file.members = False
        elif "**" in real:
            raise UsageError(f"{file.name}: '**' is not supported; name each folder in a File of its own")
        elif not (_WILDCARDS.isdisjoint(folder := os.path.dirname(real)) or os.path.isdir(folder)):
            raise UsageError(f"{file.name}: only a file's name may have wildcards, not its folders")
        return file


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a look found: each document that is there, why some cannot be read, or none is known."""

    readings: dict[str, Reading]
    unread: dict[str, SourceError]
    fault: SourceError | None

    @property
    def answers(self) -> bool:
        """Whether all that is there could be read."""
        return not self.unread and self.fault is None


class _Following:
    """One run of a file source: what it found last, and what it tells its feed of what it finds now."""

    def __init__(self, source: File, feed: Feed) -> None:
        if PROFILE in source.path:
            raise UsageError(f"{source.name}: the path asks for a profile and none is chosen")
        self._source = source
        self._feed = feed
        self._path = source._absolute
        self.folder = os.path.dirname(self._path)
        self._seen: dict[str, Reading] = {}
        self._gone: dict[str, float] = {}
        self._loaded = False
        self._answers = True
        # Something serves already, after a reload or a fork: it is no worse than half a file.
        self._patient = not feed.starting

    def look(self, links: Links) -> _Found | None:
        """Read what changed; runs on a thread and alters nothing."""
        seen, fault = self._seen, None
        readings: dict[str, Reading] = {}
        unread: dict[str, SourceError] = {}
        try:
            for document, path in self._paths(links):
                before = seen.get(document, UNREADABLE)
                try:
                    readings[document] = read(
                        links, path, self._feed.limits.bytes, before, patient=self._patient
                    )
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if isinstance(error, IsADirectoryError) and self._source.members:
                        continue
                    readings[document] = before
                    unread[document] = explain(error, Origin(self._source.name, document))
        except FileNotFoundError:
            pass
        except OSError as error:
            readings, unread = seen, {}
            fault = explain(error, Origin(self._source.name, os.path.dirname(self._source.path)))
        same = readings.keys() == seen.keys() and all(readings[name] is seen[name] for name in readings)
        found = _Found(readings, unread, fault)
        return None if same and found.answers and self._answers and self._loaded else found

    def take(self, found: _Found, again: Callable[[float], None]) -> None:
        """Tell the feed; on its loop.

        Raises:
            SourceError: something could not be read, and there is no watching that would see it mend.
        """
        feed, before, now = self._feed, self._seen, dict(found.readings)
        for document, reading in now.items():
            self._gone.pop(document, None)
            if reading is not before.get(document) and reading.content is not None:
                feed.update(self._update(document, reading), answers=found.answers)
                if reading.mounted and not self._loaded:
                    _logger.info(
                        "%s is mounted on its own; such a mount may never show a change",
                        on_one_line(document),
                    )
        for document in before.keys() - now.keys():
            if self._is_away(document, again):
                now[document] = before[document]
            else:
                self._gone.pop(document, None)
                feed.update(self._no_file(document), answers=found.answers)
        self._seen = now
        fault = found.fault
        if not (now or fault or self._loaded):
            fault = self._nothing_there()
        self._stand(found.unread, fault)

    def _stand(self, unread: dict[str, SourceError], fault: SourceError | None) -> None:
        """Tell whether all could be read; of members that could not, why not, each reason once."""
        feed, told = self._feed, self._feed.unread
        feed.unread = unread
        errors = unread if fault is None else {"": fault}
        for document, error in errors.items():
            if not feed.watching:
                raise error
            feed.failed(error, again=str(error) == str(told.get(document)))
        if not (errors or self._answers):
            feed.alive()
        self._answers = not errors
        if not (errors or self._loaded):
            self._loaded = True
            feed.loaded()

    def _paths(self, links: Links) -> Iterator[tuple[str, str]]:
        """Each document's name, and the absolute path of its file."""
        if not self._source.members:
            yield self._source.path, self._path
            return
        given, pattern = os.path.split(self._source.path)
        for name in sorted(fnmatch.filter(os.listdir(links.enter(self.folder)), pattern)):
            if pattern.startswith(".") or not name.startswith("."):
                yield os.path.join(given, name), os.path.join(self.folder, name)

    def _update(self, document: str, reading: Reading) -> Update:
        order = os.path.basename(document) if self._source.members else 0
        return Update(document, reading.revision, reading.content, self._source.format, order=order)

    def _no_file(self, document: str) -> Update:
        place = os.path.abspath(os.path.expanduser(document))
        return Update(document, "", None, note=f"there is no file at {place}")

    def _is_away(self, document: str, again: Callable[[float], None]) -> bool:
        """Whether a file that is not there may be back in a moment."""
        now = self._feed.clock.monotonic()
        if document not in self._gone and self._loaded:
            self._gone[document] = now
            again(_GRACE)
        return self._gone.get(document, -_GRACE) + _GRACE > now

    def _nothing_there(self) -> SourceError | None:
        """What it means that a run finds no file."""
        if not self._source.members:
            self._feed.update(self._no_file(self._source.path))
            return None
        if self._source.optional or not self._feed.starting:
            return None
        folder, pattern = os.path.split(self._source.path)
        reason = f"no file in '{folder or os.curdir}' matches '{pattern}'"
        return DocumentMissing(reason, Origin(self._source.name))
