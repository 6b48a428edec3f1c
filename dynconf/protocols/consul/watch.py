"""Following keys with blocking queries.

See https://developer.hashicorp.com/consul/api-docs/features/blocking. The rules: an index that goes
backwards begins anew from 0, and one below 1 is never sent; a return is no proof of a change, so contents
are compared; a list that ACLs have filtered is no deletion.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dynconf.errors import AccessDenied, SourceError
from dynconf.protocols.consul.kv import ConsulEntry, entries, key_right, prefix_right, read_request
from dynconf.protocols.consul.replies import DEFAULT_POLICY, FILTERED, INDEX, not_consul
from dynconf.protocols.exchange import ANSWER_TIME, Busy, ConnectionLost, Pause, Reply, Request, Steps
from dynconf.protocols.pacing import FIRST_DELAY, Backoff, TokenBucket

__all__ = [
    "Failed",
    "Found",
    "Unchanged",
    "Watch",
    "follow",
    "next_index",
    "revision_of",
]

_LONGER: Final = 17 / 16
"""Consul adds up to a sixteenth to the time that it holds a query for."""

_INDEX: Final = re.compile("[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Found:
    """The keys as they are now, in the order of their names; none if there are none.

    `revision` begins with the highest ModifyIndex among them, which may grow without any new content, as
    when flags are set; after the hyphen it is the same for the same contents. `hidden` says that there
    seems to be nothing, which may be for want of a token.
    """

    entries: tuple[ConsulEntry, ...]
    revision: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The server answered, and the keys are what they were."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody answered, or not sensibly."""

    error: SourceError


@dataclass(frozen=True, slots=True)
class Watch:
    """What to follow and how.

    Args:
        key: a key, or with `recurse` how keys begin.
        options: query parameters that every request has: `dc`, `stale` and the like.
        wait: seconds that the server is to hold a query; it caps them at 600.
        recurse: whether all keys that begin so are followed.
        partial: whether a list that ACLs have filtered is taken for all there is.
        members: whether it is usual that there are no keys.
        anonymous: whether requests carry no token. Then Consul does not say that it has filtered.
        limit: bytes that a reply may have.
    """

    key: str
    options: Mapping[str, str]
    wait: float = 60.0
    recurse: bool = False
    partial: bool = False
    members: bool = False
    anonymous: bool = False
    limit: int = 64 * 1024 * 1024

    def request(self, index: int) -> Request:
        """The query; with an index the server holds it until there is a higher one."""
        query = dict(self.options)
        if self.recurse:
            query["recurse"] = ""
        if not index:
            return read_request(self.key, query, held=True, limit=self.limit)
        query |= {"index": str(index), "wait": f"{max(1, round(self.wait * 1000))}ms"}
        timeout = self.wait * _LONGER + ANSWER_TIME
        # Only where the index is of may it be asked again with it.
        return read_request(self.key, query, timeout=timeout, held=True, repeatable=False, limit=self.limit)

    def read(self, reply: Reply, *, had: bool = False) -> tuple[ConsulEntry, ...]:
        """The keys in a reply.

        Args:
            reply: what came.
            had: whether there were keys before.

        Raises:
            SourceError: it does not tell what is there.
        """
        right = prefix_right(self.key, "read") if self.recurse else key_right(self.key, "read")
        found = entries(reply, right)
        if not _INDEX.fullmatch(reply.headers.get(INDEX, "")):
            raise not_consul(reply)
        if reply.headers.get(FILTERED) == "true" and not self.partial:
            raise AccessDenied(
                f"{reply.server} leaves out keys that the token may not read, so which are there is not"
                f" known: give it {right}, or say partial=True if the rest is enough"
            )
        if not found and (had or not self.members) and self.may_be_hidden(reply):
            raise AccessDenied(
                f"{reply.server} shows no key that begins with '{self.key}' to somebody without a token, and"
                f" its ACLs deny by default: give a token with {right}, or say partial=True if there is none"
            )
        return tuple(found)

    def may_be_hidden(self, reply: Reply) -> bool:
        """Whether there may be keys that are not shown, without Consul saying so."""
        denies = reply.headers.get(DEFAULT_POLICY) == "deny"
        return denies and self.recurse and self.anonymous and not self.partial


def follow(
    watch: Watch, *, watching: bool, now: Callable[[], float], random: Callable[[], float]
) -> Steps[None]:
    """Tell what is there, then every change; yields `Found`, `Unchanged` and `Failed` as news.

    Args:
        watch: what and how.
        watching: if not, one answer is enough, and a failure is raised.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.

    Raises:
        SourceError: without `watching` only.
    """
    index, known, had = 0, "", False
    backoff, bucket = Backoff(random), TokenBucket(now)
    while True:
        try:
            reply = yield watch.request(index)
            found = watch.read(reply, had=had)
        except SourceError as error:
            if not watching:
                raise
            # A connection that is lost while it waits, as proxies do after a time, is no failure yet. But
            # whoever answers on the next one need not be the one that the index is of.
            lost = isinstance(error, ConnectionLost) and index > 0
            index = 0  # and the next answer comes at once, and tells that somebody answers again
            if lost:  # perhaps everybody's connections are, at the same moment
                yield Pause(max(bucket.take(), random() * FIRST_DELAY))
                continue
            yield Failed(error)
            yield Pause(backoff.failed(error.seconds if isinstance(error, Busy) else 0.0))
            continue
        backoff.succeeded()
        revision = revision_of(found)
        contents = revision.partition("-")[2]
        if contents == known:
            yield Unchanged()
        else:
            yield Found(found, revision, not found and watch.may_be_hidden(reply))
        known, had = contents, bool(found)
        if not watching:
            return
        index = next_index(index, int(reply.headers[INDEX]))
        wait = bucket.take()
        if wait:
            yield Pause(wait)


def next_index(index: int, told: int) -> int:
    """The index to wait for a higher one of, given what the last request and its reply had."""
    return 0 if told < index else max(1, told)


def revision_of(found: Sequence[ConsulEntry]) -> str:
    """Tells contents apart; a ModifyIndex alone does not, as it begins anew with the server's data."""
    digest = hashlib.sha256()
    for entry in found:
        key = entry.key.encode()
        digest.update(b"%d %d " % (len(key), len(entry.value)))
        digest.update(key)
        digest.update(entry.value)
    highest = max((entry.modify_index for entry in found), default=0)
    return f"{highest}-{digest.hexdigest()[:12]}"
