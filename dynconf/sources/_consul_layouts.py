"""Which keys to follow for a source, and which documents they make."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dynconf._values.snapshot import Folder, Update
from dynconf.protocols.consul.kv import ConsulEntry
from dynconf.protocols.consul.spring import EXTENSIONS, Spring
from dynconf.protocols.consul.watch import revision_of

_ORDERS: Final = 10  # documents that one watch may tell apart by name


class Layout(ABC):
    """How keys become documents. Each followed key or folder is one number, from 0 on."""

    members: bool = False
    """See `Source`."""
    recurse: bool = True
    """Whether it is all keys that begin so that are followed."""

    @abstractmethod
    def followed(self) -> Sequence[str]:
        """The keys, or how keys begin."""

    @abstractmethod
    def documents(self, number: int, found: Sequence[ConsulEntry], *, first: bool) -> Iterator[Update]:
        """The documents among what was found; one that it does not name is gone.

        Args:
            number: of what is followed.
            found: all of it, in the order of names.
            first: whether nothing has been found yet, since the start.
        """

    def how_to_make(self) -> str:
        """The command that makes what is missing."""
        return ""


@dataclass(frozen=True)
class Document(Layout):
    """One key that holds a document."""

    key: str
    format: str | None
    recurse = False

    def followed(self) -> Sequence[str]:
        return (self.key,)

    def documents(self, number: int, found: Sequence[ConsulEntry], *, first: bool) -> Iterator[Update]:
        for entry in found:
            yield Update(self.key, revision_of(found), entry.value, self.format)

    def how_to_make(self) -> str:
        return f"consul kv put {self.key} @file"


@dataclass(frozen=True)
class Keys(Layout):
    """A folder of keys that is one document."""

    folder: str

    def followed(self) -> Sequence[str]:
        return (self.folder,)

    def documents(self, number: int, found: Sequence[ConsulEntry], *, first: bool) -> Iterator[Update]:
        if found or not first:
            yield Update(self.folder, revision_of(found), Folder(_below(self.folder, found)))

    def how_to_make(self) -> str:
        return f"consul kv put {self.folder}name value"


@dataclass(frozen=True)
class SpringContexts(Layout):
    """The folders, or documents, that a Spring application reads."""

    spring: Spring
    profiles: tuple[str, ...]
    members = True

    def followed(self) -> Sequence[str]:
        return tuple(self.spring.contexts(self.profiles))

    def documents(self, number: int, found: Sequence[ConsulEntry], *, first: bool) -> Iterator[Update]:
        context = self.followed()[number]
        order = number * _ORDERS
        if self.spring.format == "files":
            for entry in found:
                extension = entry.key.removeprefix(context)
                if extension in EXTENSIONS:
                    place = order + EXTENSIONS.index(extension)
                    yield Update(entry.key, revision_of([entry]), entry.value, order=place)
        elif self.spring.format == "key_value":
            values = _below(context, found)
            if values:
                content = Folder(values, delimiters="/.", indexed=True)
                yield Update(context, revision_of(found), content, order=order)
        else:
            for entry in found:
                if entry.key == context + self.spring.data_key:
                    format = self.spring.format
                    yield Update(entry.key, revision_of([entry]), entry.value, format, order=order)


def _below(folder: str, found: Sequence[ConsulEntry]) -> dict[str, bytes]:
    """The keys' names within the folder, without those that only mark a folder."""
    names = ((entry.key.removeprefix(folder), entry.value) for entry in found)
    return {name: value for name, value in names if value or not (name.endswith("/") or not name)}
