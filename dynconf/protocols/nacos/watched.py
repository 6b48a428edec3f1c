"""The configurations that are followed, what is known of each, and what is told of them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Literal

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Busy, Reply, UnderWay
from dynconf.protocols.nacos.api import ABSENCES, V1_API, Api
from dynconf.protocols.nacos.either import BETWEEN
from dynconf.protocols.nacos.identity import NacosConfig, NacosKey
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.replies import BeingChanged
from dynconf.protocols.pacing import pause_after

__all__ = ["Answered", "News", "Sent", "Transport", "Watched"]

Transport = Literal["long poll", "polling"]

_EAGER: Final = 8
"""Reads in a row, each a little later, that what is missing is given until it is looked for like the rest."""


@dataclass(frozen=True, slots=True)
class News:
    """What was read of one configuration: its content, that it is not there, or why that is not known.

    With `config` and `error` both `None` it is not there. `changed` says whether that is another
    state than the last one that was told, `hint` why it may not be there.
    """

    key: NacosKey
    config: NacosConfig | None = None
    error: SourceError | None = None
    changed: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered, and these are what they were."""

    keys: frozenset[NacosKey]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to read one: by which API, and with which token."""

    key: NacosKey
    api: Api
    token: str


@dataclass(slots=True)
class _State:
    """What is known of one: the server's md5, empty if it is not there, `None` if nothing is.

    A dirty one is to be read from the moment `due` on; `failures` is how often in a row that was in vain, and
    `absences` how often in a row it was said not to be there; where whoever starts waits to know whether
    that is so, it is `doubted`. One that is just being read, and takes long, is `awaited`.
    """

    md5: str | None = None
    dirty: bool = True
    due: float = 0.0
    failures: int = 0
    absences: int = 0
    doubted: bool = False
    awaited: tuple[Sent, UnderWay] | None = None
    repeated: bool = False

    def due_at(self) -> float | None:
        """The moment from which on it has to be read, or what was read told; `None` if not, or not yet."""
        if self.awaited is not None:
            return None if self.awaited[1].reply is None else 0.0
        return self.due if self.dirty else None


@dataclass(eq=False)
class Watched:
    """The configurations that are followed, and how; keys join and leave while `follow` runs.

    Args:
        login: who we are.
        wait: seconds that the server may hold a long poll.
        interval: seconds between two looks where there is no long poll.
        limit: bytes that a reply may have.
    """

    login: Login
    wait: float = 30.0
    interval: float = 15.0
    limit: int = 64 * 1024 * 1024
    api: Api | None = None
    refused: bool = False
    """Whether the long poll alone is turned away, although reading goes well."""
    silent: bool = False
    """Whether nobody answered when something was read: perhaps nobody answers anything."""
    _states: dict[NacosKey, _State] = field(default_factory=dict)
    _busy: Busy | None = None

    def __len__(self) -> int:
        return len(self._states)

    @property
    def transport(self) -> Transport | None:
        """How changes are noticed; `None` as long as that is not known."""
        if self.api is None:
            return None
        return "long poll" if self.by_poll else "polling"

    @property
    def by_poll(self) -> bool:
        """Whether there is a long poll for us."""
        return self.api is V1_API and not self.refused

    def ask_again(self) -> None:
        """Find out anew what the server has for us; by reading, so that nobody is left out meanwhile."""
        self.api, self.refused = None, False
        self.mark(self.all())

    def may_repeat(self, key: NacosKey) -> bool:
        """Whether to ask once more as the token was refused: once, until something else is answered."""
        state = self._states.get(key)
        if state is None or state.repeated:
            return False
        state.repeated = True
        return True

    def answered(self, key: NacosKey) -> None:
        """What came for it counts."""
        if key in self._states:
            self._states[key].repeated = False

    def found(self, api: Api) -> None:
        """That is the API; what is still to come by another one is not waited for."""
        self.api = api
        for state in self._states.values():
            if state.awaited is not None and state.awaited[0].api is not api:
                state.awaited = None

    def join(self, key: NacosKey) -> None:
        """Follow one more; it is read before anything else is waited for."""
        self._states[key] = _State()

    def leave(self, key: NacosKey) -> None:
        """Follow it no more."""
        self._states.pop(key, None)

    def known(self) -> dict[NacosKey, str]:
        """The md5 of each that is as it was read last, as far as is known."""
        return {
            key: state.md5 for key, state in self._states.items() if state.md5 is not None and not state.dirty
        }

    def clean(self) -> frozenset[NacosKey]:
        """Those that are as they were read last, as far as is known."""
        return frozenset(key for key, state in self._states.items() if not state.dirty)

    def due(self, now: float) -> list[NacosKey]:
        """Those that have to be read by now, last of all those that could not be before."""
        return [
            key
            for key, state in self._states.items()
            if (moment := state.due_at()) is not None and moment <= now
        ]

    def next_due(self) -> float | None:
        """The moment from which on something has to be read; `None` if nothing has to."""
        moments = (state.due_at() for state in self._states.values())
        return min((moment for moment in moments if moment is not None), default=None)

    def wait_for(self, sent: Sent, reply: UnderWay) -> None:
        """Note that the reply takes long, and read it no more until it is there."""
        if sent.key in self._states:
            self._states[sent.key].awaited = (sent, reply)

    def arrived(self) -> list[tuple[Sent, Reply | SourceError]]:
        """What was waited for and is there by now."""
        found = []
        for state in self._states.values():
            if state.awaited is not None and state.awaited[1].reply is not None:
                found.append((state.awaited[0], state.awaited[1].reply))
                state.awaited = None
        return found

    def postpone(
        self, keys: Collection[NacosKey], now: float, random: Callable[[], float], asked: float
    ) -> None:
        """Have those of them that could not be read wait, all for as long, and behind all others.

        Those that are doubted wait for a moment only, unless the server wants to be left alone.

        Args:
            keys: what was to be read.
            now: seconds.
            random: gives numbers from 0 to 1.
            asked: seconds that the server asked for.
        """
        tried = set(keys)
        left = [key for key, state in self._states.items() if key in tried and state.due_at() is not None]
        if left:
            pause = pause_after(1 + min(self._states[key].failures for key in left), random, asked)
            for key in left:
                state = self._states[key] = self._states.pop(key)
                if state.doubted and not asked:
                    state.due = now + BETWEEN * state.absences
                else:
                    state.failures += 1
                    state.due = now + pause
                state.doubted = False

    def all(self) -> list[NacosKey]:
        """All that are followed."""
        return list(self._states)

    def put_last(self, key: NacosKey) -> None:
        """Have all others read before this one."""
        if key in self._states:
            self._states[key] = self._states.pop(key)

    def mark(self, keys: Collection[NacosKey]) -> None:
        """Have them read again."""
        for key in keys:
            state = self._states.get(key)
            if state is not None and not state.dirty:
                state.dirty, state.due = True, 0.0

    def failed(self, key: NacosKey, error: SourceError) -> News:
        """Note why one could not be read."""
        if isinstance(error, Busy) and error.seconds:
            self._busy = max(error, self._busy or error, key=lambda one: one.seconds)
        return News(key, error=error)

    def busy(self) -> Busy | None:
        """That the server asked to be left alone, since this was asked last."""
        busy, self._busy = self._busy, None
        return busy

    def take(self, key: NacosKey, config: NacosConfig | None, api: Api, *, looks: int = 1) -> News:
        """Note what was read, by which API.

        Args:
            key: which.
            config: what it is; `None` if it is not there.
            api: which one said so.
            looks: how often it did, where nothing was known before.

        Raises:
            BeingChanged: it is said not to be there, and may only be being written.
        """
        md5 = config.md5 if config else ""
        state = self._states.get(key, _State())
        if not state.absences:
            state.failures = 0
        state.absences = 0 if config else state.absences + (looks if state.md5 is None else 1)
        if state.md5 != "" and 0 < state.absences < ABSENCES and api is not V1_API:
            state.doubted = state.md5 is None
            raise BeingChanged(f"{key} may just be being written")
        different = md5 != state.md5
        # Where no poll tells that it comes, whoever starts waits for it: it is looked for soon.
        polled = api is V1_API and not self.refused
        soon = not config and not polled and state.absences <= _EAGER
        state.md5, state.dirty = md5, soon
        if config or polled:
            state.failures = 0
        return News(key, config, changed=different)
