"""Consul's key-value store as a source: a key, a folder of keys, or Spring's layout of them."""

import asyncio
import copy
import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from dynconf._addresses import Address, Mistake
from dynconf._http.drive import Driver
from dynconf._values.snapshot import Update
from dynconf._values.source import Feed, Source
from dynconf.errors import AccessDenied, UsageError
from dynconf.protocols.consul.kv import path_of
from dynconf.protocols.consul.spring import Format, Spring
from dynconf.protocols.consul.watch import Failed, Found, Unchanged, Watch, follow
from dynconf.sources._consul_layouts import Document, Keys, Layout, SpringContexts
from dynconf.sources._content import PROFILE, check_options, for_profiles, known_format, mount_point
from dynconf.sources._standing import Standing
from dynconf.sources.consul_server import ConsulServer

__all__ = ["Consul"]

_SPRING_FORMATS: Final[tuple[Format, ...]] = ("key_value", "yaml", "properties", "files")

_NOTHING_SHOWN: Final = (
    "{} shows none of the application's folders to somebody without a token, and its ACLs deny by default:"
    " give a token that may read them, or say partial=True if there are none"
)


class Consul(Source):
    """Keys of Consul, followed with blocking queries.

    - `layout="document"`: the key holds a document.
    - `layout="keys"`: the key is a folder, which unfolds into a tree: `db/host` below it is `db.host`.
      All of it is one document, so what one transaction writes arrives as one change.
    - `layout="spring"`: the key is an application's name, and its folders are those of Spring Cloud
      Consul, with all profiles. They come and go freely.

    Args:
        key: the key, the folder or the name; `{profile}` stands for each of the profiles in turn.
        server: where Consul is, as an address or a `ConsulServer`; else its environment variables say.
        layout: see above.
        format: what the document is written in, if neither its extension nor its content says so.
            With `layout="spring"`: `"key_value"` (the default), `"yaml"`, `"properties"` or `"files"`.
        datacenter: whose keys, if not the server's.
        token: the ACL token; only if `server` is an address or not given.
        partial: whether a folder of which the token may read only a part is taken as it is seen.
        optional: whether a start may go on without it.
        at: the dotted path that it is mounted at.
        on_missing: what becomes of it when it is deleted: `"keep"` its content or `"drop"` it.
        allow_empty: whether a key without content is taken as an empty document.
        settle: seconds of quiet that a change waits for.
        prefix: the folder that all is in, of Spring's layout.
        default_context: what all applications read, of Spring's layout.
        profile_separator: what stands before a profile, of Spring's layout.
        data_key: the key that holds a folder's document, of Spring's layout.

    Raises:
        UsageError: an option is not what it can be.
    """

    remote = True

    def __init__(
        self,
        key: str,
        *,
        server: ConsulServer | str | None = None,
        layout: Literal["document", "keys", "spring"] = "document",
        format: str | None = None,
        datacenter: str | None = None,
        token: str | None = None,
        partial: bool = False,
        optional: bool = False,
        at: str = "",
        on_missing: Literal["keep", "drop"] = "keep",
        allow_empty: bool = False,
        settle: float = 0.0,
        prefix: str = "config",
        default_context: str = "application",
        profile_separator: str = ",",
        data_key: str = "data",
    ) -> None:
        check_options(on_missing, settle)
        _check_key(key)
        if isinstance(server, ConsulServer):
            if token is not None:
                raise UsageError("give the token to the ConsulServer")
            self.server: ConsulServer = server
        else:
            self.server = ConsulServer(*([] if server is None else [server]), token=token)
        self.name: str = f"consul:{key}"
        self.key = key
        self.layout: Literal["document", "keys", "spring"] = layout
        self.partial = partial
        self.optional = optional
        self.at: str = mount_point(at)
        self.on_missing: Literal["keep", "drop"] = on_missing
        self.allow_empty = allow_empty
        self.settle = settle
        self.datacenter = datacenter
        self._profiles: tuple[str, ...] = ()
        self._format = format
        if layout not in {"document", "keys", "spring"}:
            raise UsageError(f"layout is 'document', 'keys' or 'spring', not {layout!r}")
        self.members: bool = layout == "spring"
        spring_format = _spring_format(format if self.members else None)
        if not self.members:
            known_format(format)
        self._spring = Spring(key, spring_format, prefix, default_context, profile_separator, data_key)

    @classmethod
    def from_address(cls, address: Address, **options: Any) -> "Consul":
        """The source that a one-line address stands for: `consul:key`, `consul://host:port/key`."""
        key = address.path.removeprefix("/") if address.server else address.path
        if address.server:
            if options.get("server"):
                raise Mistake("the server is given twice, after '//' and as an option")
            options["server"] = address.server
        if not key:
            raise Mistake("expected a key, as in 'consul:app.yaml' or 'consul://host:8500/app.yaml'")
        return cls(key, **options)

    def resolve(self, profiles: tuple[str, ...]) -> Sequence[Source]:
        """One source for each profile, if the key asks for it; Spring's layout takes all of them.

        Raises:
            UsageError: a required key asks for a profile and there is none.
        """
        keys = for_profiles(self.name, self.key, profiles, optional=self.optional)
        return tuple(self._for(key, profiles) for key in keys)

    def place(self) -> str:
        """See `Source`."""
        options = self.server.options(self.datacenter)
        layout = (self._spring, self._profiles) if self.members else self.layout
        return f"{self.server.access()} {sorted(options.items())} {layout}"

    async def run(self, feed: Feed) -> None:
        """Report the documents, then whatever becomes of them."""
        if PROFILE in self.key:
            raise UsageError(f"{self.name}: the key asks for a profile and none is chosen")
        await _Run(self, self._layout(), feed).follow()

    def _for(self, key: str, profiles: tuple[str, ...]) -> "Consul":
        """The same source for a key that is settled."""
        source = copy.copy(self)
        source.key, source.name, source._profiles = key, f"consul:{key}", profiles
        return source

    def _layout(self) -> Layout:
        if self.layout == "document":
            return Document(self.key, self._format)
        if self.layout == "keys":
            return Keys(self.key.rstrip("/") + "/")
        return SpringContexts(replace(self._spring, application=self.key), self._profiles)


class _Run:
    """One run of a Consul source: what it knows of each key or folder that it follows."""

    def __init__(self, source: Consul, layout: Layout, feed: Feed) -> None:
        self._source = source
        self._layout = layout
        self._feed = feed
        self._client = source.server.connect(feed)
        self._followed = layout.followed()
        self._documents: dict[int, set[str]] = {}
        self._hidden: set[int] = set()
        self._loaded = False
        self._standing = Standing(feed, self._documents_of)

    async def follow(self) -> None:
        """Follow all of it side by side."""
        self._feed.transport = "blocking query"
        if len(self._followed) == 1:
            await self._follow(0)
            return
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(len(self._followed)):
                    group.create_task(self._follow(number), name=f"{self._source.name} {number}")
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _follow(self, number: int) -> None:
        source, feed = self._source, self._feed
        watch = Watch(
            self._followed[number],
            source.server.options(source.datacenter),
            source.server.wait,
            self._layout.recurse,
            source.partial,
            source.members,
            source.server.access().anonymous,
            # Values come in base64, each with some words around it.
            limit=2 * feed.limits.bytes + 512 * (feed.limits.keys if self._layout.recurse else 8),
        )
        steps = follow(watch, watching=feed.watching, now=feed.clock.monotonic, random=random.random)

        def report(news: Found | Unchanged | Failed) -> None:
            self._report(number, news)

        await Driver(self._client.send, feed.clock.sleep, report).run(steps)

    def _documents_of(self, number: int | str) -> Collection[str]:
        """The documents of what is followed under a number; the token is no document."""
        if isinstance(number, str):
            return ()
        return self._documents.get(number) or (() if self._layout.members else {self._followed[number]})

    def _report(self, number: int, news: Found | Unchanged | Failed) -> None:
        if isinstance(news, Failed):
            self._standing.failed(number, news.error)
            return
        if isinstance(news, Found):
            self._found(number, news)
        self._standing.answered(number)

    def _found(self, number: int, news: Found) -> None:
        known = self._documents.get(number, set())
        first = not known and (self._feed.starting or self._source.optional)
        updates = list(self._layout.documents(number, news.entries, first=first))
        present = {update.document for update in updates}
        for update in updates:
            self._standing.found(number, update)
        missing = known - present
        if not (present or known or self._layout.members):
            missing = {self._followed[number]}
        for document in sorted(missing):
            gone = Update(document, "", None, note=self._note(document))
            self._standing.found(number, gone)
        self._documents[number] = present
        (self._hidden.add if news.hidden else self._hidden.discard)(number)
        if len(self._documents) < len(self._followed):
            return
        if len(self._hidden) == len(self._followed):
            self._standing.failed("token", AccessDenied(_NOTHING_SHOWN.format(self._source.server.access())))
            return
        self._standing.answered("token")
        if not self._loaded:
            self._loaded = True
            self._feed.loaded()

    def _note(self, document: str) -> str:
        where = f"{self._source.server.access()}"
        datacenter = self._source.datacenter or self._source.server.datacenter
        where += f", datacenter {datacenter}" if datacenter else ""
        make = self._layout.how_to_make()
        return f"there is no key '{document}' at {where}" + (f"; make it with: {make}" if make else "")


def _check_key(key: str) -> None:
    if not key:
        raise UsageError("expected a key")
    path_of(key)


def _spring_format(format: str | None) -> Format:
    for known in _SPRING_FORMATS:
        if (format or "key_value").lower() == known:
            return known
    raise UsageError(f"the format of Spring's layout is one of {', '.join(_SPRING_FORMATS)}, not {format!r}")
