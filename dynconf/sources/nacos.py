"""Nacos's configurations as a source: each data id is a document of its own, in the order given."""

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from dynconf._addresses import Address, Mistake
from dynconf._values.snapshot import Update
from dynconf._values.source import Feed, Source
from dynconf.errors import UsageError
from dynconf.protocols.nacos.identity import DEFAULT_GROUP, PUBLIC
from dynconf.protocols.nacos.watched import Answered, News
from dynconf.sources._content import PROFILE, check_options, known_format, mount_point
from dynconf.sources._nacos_hub import NacosHub
from dynconf.sources._standing import Standing
from dynconf.sources.nacos_server import NacosServer

__all__ = ["Nacos"]

_NAMED: Final = 8
"""Data ids that a source's name shows at most: it is in every line of a log that is about it."""


class Nacos(Source):
    """Configurations of Nacos, followed with its long poll, or looked at now and then where it has none.

    Args:
        *data_ids: their names, lowest priority first; `{profile}` stands for each of the profiles.
        server: where Nacos is, as an address or a `NacosServer`; else environment variables say.
        group: the group that they are in.
        namespace: the id (not the name) of the namespace, if not the server's; `{profile}` stands
            for the profile. A mapping is keyed by profile.
        format: what they are written in, if neither their extension, nor the server's type, nor the
            content says so.
        optional: whether a start may go on without them.
        at: the dotted path that they are mounted at.
        on_missing: what becomes of one that is removed: `"keep"` its content or `"drop"` it.
        allow_empty: whether one without content is taken as an empty document.
        settle: seconds of quiet that a change waits for.

    Raises:
        UsageError: an option is not what it can be.
    """

    remote = True

    def __init__(
        self,
        *data_ids: str,
        server: NacosServer | str | None = None,
        group: str = DEFAULT_GROUP,
        namespace: str | Mapping[str, str] | None = None,
        format: str | None = None,
        optional: bool = False,
        at: str = "",
        on_missing: Literal["keep", "drop"] = "keep",
        allow_empty: bool = False,
        settle: float = 0.0,
    ) -> None:
        check_options(on_missing, settle)
        if not data_ids or not all(data_ids):
            raise UsageError("expected a data id")
        if not group:
            raise UsageError("group is a name; without one it is DEFAULT_GROUP")
        self.server: NacosServer = (
            server if isinstance(server, NacosServer) else NacosServer(*([] if server is None else [server]))
        )
        self.data_ids: tuple[str, ...] = tuple(dict.fromkeys(data_ids))
        self.group = group
        self.namespace = namespace
        self.name: str = self._name()
        self.format: str | None = known_format(format)
        self.optional = optional
        self.at: str = mount_point(at)
        self.on_missing: Literal["keep", "drop"] = on_missing
        self.allow_empty = allow_empty
        self.settle = settle

    @classmethod
    def from_address(cls, address: Address, **options: Any) -> "Nacos":
        """The source that a one-line address stands for: `nacos:app.yaml`, `nacos://host:8848/app.yaml`."""
        if address.server:
            if options.get("server"):
                raise Mistake("the server is given twice, after '//' and as an option")
            options["server"] = address.server
        data_ids = [data_id for data_id in address.path.removeprefix("/").split(",") if data_id]
        if not data_ids:
            raise Mistake("expected a data id, as in 'nacos:app.yaml' or 'nacos://host:8848/app.yaml'")
        return cls(*data_ids, **options)

    def resolve(self, profiles: tuple[str, ...]) -> Sequence[Source]:
        """The source with the profiles put in; one for each, if they choose the namespace or the group.

        Raises:
            UsageError: it asks for a profile, has to be there, and there is none; or a profile has
                no namespace.
        """
        chooses = isinstance(self.namespace, Mapping) or PROFILE in f"{self.namespace}{self.group}"
        if not chooses and not any(PROFILE in data_id for data_id in self.data_ids):
            return (self,)
        if not profiles:
            if self.optional:
                return ()
            raise UsageError(
                f"{self.name}: it asks for a profile and none is chosen;"
                " give Config(profile=...) or set DYNCONF_PROFILE"
            )
        if chooses:
            return tuple(self._for((profile,)) for profile in profiles)
        return (self._for(profiles),)

    def place(self) -> str:
        """See `Source`."""
        namespace = None if isinstance(self.namespace, Mapping) else self.namespace
        keys = (self.server.name(data_id, self.group, namespace) for data_id in self.data_ids)
        return f"{self.server.access()} {'; '.join(map(str, keys))}"

    async def run(self, feed: Feed) -> None:
        """Report each configuration, then whatever becomes of it."""
        if isinstance(self.namespace, Mapping) or PROFILE in f"{self.namespace}{self.group}{self.data_ids}":
            raise UsageError(f"{self.name}: it asks for a profile and none is chosen")
        hub = self.server.connect(feed)
        run = _Run(self, feed, hub)
        with hub.follow(list(run.keys), run.report) as broken:
            if not feed.watching:
                await asyncio.wait({broken, run.read}, return_when=asyncio.FIRST_COMPLETED)
            if feed.watching or broken.done():
                await broken

    def _for(self, profiles: tuple[str, ...]) -> "Nacos":
        """The same source with profiles that are settled."""
        source = copy.copy(self)
        source.data_ids = tuple(
            dict.fromkeys(
                data_id.replace(PROFILE, profile) for data_id in self.data_ids for profile in profiles
            )
        )
        (first, *_) = profiles
        source.group = self.group.replace(PROFILE, first)
        if isinstance(self.namespace, Mapping):
            if first not in self.namespace:
                known = ", ".join(sorted(self.namespace)) or "none"
                raise UsageError(
                    f"{self.name}: namespace= has nothing for the profile '{first}'; known are {known}"
                )
            source.namespace = self.namespace[first]
        elif self.namespace is not None:
            source.namespace = self.namespace.replace(PROFILE, first)
        source.name = source._name()
        return source

    def _name(self) -> str:
        """As its address would be, so that one data id's places are told apart; short, if there are many."""
        said = [] if self.group == DEFAULT_GROUP else [f"group={self.group}"]
        if isinstance(self.namespace, str):
            said.append(f"namespace={self.namespace or PUBLIC}")
        more = len(self.data_ids) - _NAMED
        shown = self.data_ids if more <= 1 else (*self.data_ids[:_NAMED], f"({more} more)")
        return f"nacos:{','.join(shown)}{'?' if said else ''}{'&'.join(said)}"


class _Run:
    """One run of a Nacos source: what has been told of each of its configurations.

    Attributes:
        keys: those that are asked for, each with its place.
        read: done when each has been read.
    """

    def __init__(self, source: Nacos, feed: Feed, hub: NacosHub) -> None:
        assert not isinstance(source.namespace, Mapping)
        self._hub = hub
        self._source = source
        self._feed = feed
        self._standing = Standing(feed, lambda key: [key.data_id])
        self.keys = {
            source.server.name(data_id, source.group, source.namespace): order
            for order, data_id in enumerate(source.data_ids)
        }
        self.read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = dict.fromkeys(self.keys)
        self._where = str(source.server.access())
        self._say_what_is_awaited()

    def report(self, news: News | Answered) -> None:
        """Tell the feed what the hub has found."""
        self._feed.transport = self._hub.transport(self.report)
        if isinstance(news, Answered):
            for key in news.keys:
                self._standing.answered(key)
            return
        if news.error is not None:
            self._standing.failed(news.key, news.error)
            return
        if news.changed:
            self._standing.found(news.key, self._update(news))
        self._standing.answered(news.key)
        if news.key in self._unread:
            del self._unread[news.key]
            self._say_what_is_awaited()
            if not self._unread:
                self._feed.loaded()
                self.read.set_result(None)

    def _say_what_is_awaited(self) -> None:
        first, more = next(iter(self._unread), None), len(self._unread) - 1
        others = f", and {more} more" if more > 0 else ""
        self._feed.awaited = f"{self._where} has yet to give {first}{others}" if first else ""

    def _update(self, news: News) -> Update:
        key, config = news.key, news.config
        order = self.keys[key]
        if config is not None:
            return Update(key.data_id, config.md5, config.content, self._source.format, config.type, order)
        likely = news.hint or "publish it, or check the group, and that the namespace is given by its id"
        note = f"there is no {key} at {self._source.server.access()}: {likely}"
        return Update(key.data_id, "", None, order=order, note=note)
