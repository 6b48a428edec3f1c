"""The face of it all: a `Config` merges sources, keeps them live, and binds settings classes to them."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from pydantic import BaseModel

from dynconf._dispatch.subscriptions import ErrorSubscription, Subscription
from dynconf._faces.binding import NOT_LOADED, Binding, set_current
from dynconf._faces.explain import Explanation, explain
from dynconf._faces.reports import History, UnusedKeys, unused_keys
from dynconf._faces.status import Status, overlay_problems, resources_status, sources_status
from dynconf._manager.lifecycle import Lifecycle
from dynconf._manager.options import Options
from dynconf._manager.publisher import Applied, Publisher
from dynconf._manager.roster import Roster, profiles_of
from dynconf._manager.veto import ANSWER_TIME, BeforeChange
from dynconf._store.state import Plan, Spec
from dynconf._store.store import Store
from dynconf._values.clock import Clock, SystemClock
from dynconf._values.limits import Limits
from dynconf._values.merge import How, Merge
from dynconf._values.snapshot import Change, View
from dynconf._values.source import Source
from dynconf._values.tree import MISSING, copied, find, parse_path
from dynconf.errors import BootstrapError, DynconfError, UsageError

if TYPE_CHECKING:  # it needs an extra
    from dynconf._faces.flags import Flags

M = TypeVar("M", bound=BaseModel)

__all__ = ["Binding", "Config"]


class Config:
    """Sources, lowest priority first, merged into one tree that settings classes are bound to.

    Use it as a context manager: `with config:` runs it on a daemon thread, `async with config:`
    in the calling event loop. `start`/`stop` and `astart`/`astop` do the same, `load` loads once.

    Args:
        *sources: `File(...)`, `Env(...)`, …, or one-line addresses such as `"file:app.yaml"`.
        profile: the name, or names, that stand for `{profile}` in sources; by default the variable
            `DYNCONF_PROFILE`, comma-separated.
        merge: merge policies by path, such as `{"plugins": "append"}`.
        start_timeout: seconds that a start waits for sources that do not answer.
        limits: how large a document may be.
        name: what threads and log lines are named after.
        clock: another clock than the computer's own; for tests.
        callback_threads: how many sync callbacks may run side by side.
        cache: a folder that keeps the last good content of remote documents, secrets included, for a
            start while their server does not answer; none by default.
        cache_after: seconds that a start waits for a server before the cache stands in.

    Raises:
        UsageError: a source needs a profile and none is set, or two merge policies disagree.
        BootstrapError: an address cannot be understood.
    """

    def __init__(
        self,
        *sources: Source | str,
        profile: str | Sequence[str] | None = None,
        merge: Mapping[str, Merge | How] | None = None,
        start_timeout: float = 10.0,
        limits: Limits | None = None,
        name: str = "dynconf",
        clock: Clock | None = None,
        callback_threads: int = 16,
        cache: str | os.PathLike[str] | None = None,
        cache_after: float = 2.0,
    ) -> None:
        policies = {
            path: rule if isinstance(rule, Merge) else Merge(rule) for path, rule in (merge or {}).items()
        }
        clock = clock or SystemClock()
        publisher = Publisher(Store(policies), clock, set_current, NOT_LOADED)
        if cache is not None and not os.fspath(cache):
            raise UsageError("cache is the path of a folder")
        # Now, as the program may change into another folder.
        folder = None if cache is None else os.path.abspath(os.fsdecode(cache))  # noqa: PTH100
        options = Options(
            name, clock, limits or Limits(), start_timeout, callback_threads, folder, cache_after
        )
        self._roster = Roster(profiles_of(profile))
        for source in sources:
            self._roster.admit(source, self._roster.place(_source(source)))
        self._lifecycle = Lifecycle(publisher, options, self._roster)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> "Config":
        """A Config whose sources are listed in a bootstrap file.

        Args:
            path: the file, YAML, JSON or TOML.
            **options: what `Config` takes besides sources; these win over the file's.

        Raises:
            BootstrapError: naming file, line, and what was expected there.
        """
        from dynconf.bootstrap import read_bootstrap  # noqa: PLC0415 - only who asks pays for it

        sources, said = read_bootstrap(path)
        try:
            return cls(*sources, **{**said, **options})
        except UsageError as error:
            raise BootstrapError(f"{os.fspath(path)}: {error}") from None

    def __repr__(self) -> str:
        names = ", ".join(place.name for place in self._roster.places())
        return f"<Config {self._lifecycle.options.name} of {names or 'no sources'}>"

    # Life

    def start(self) -> None:
        """Load everything and keep it live, on a daemon thread; back when it is loaded.

        Raises:
            StartFailed: naming each source that did not answer or was not acceptable.
            UsageError: it runs already.
        """
        self._lifecycle.start(watching=True)

    async def astart(self) -> None:
        """Do what `start` does, in the calling event loop."""
        await self._lifecycle.astart(watching=True)

    def stop(self) -> None:
        """End everything within a second; what was loaded stays readable. Again is fine.

        Raises:
            BlockingCall: called on the core's own loop.
        """
        self._lifecycle.stop()

    async def astop(self) -> None:
        """Do what `stop` does, from whichever loop."""
        await self._lifecycle.astop()

    def load(self) -> None:
        """Load everything once, without watching; raises what `start` raises."""
        self._lifecycle.start(watching=False)
        self._lifecycle.stop()

    async def aload(self) -> None:
        """Do what `load` does, in the calling event loop."""
        await self._lifecycle.astart(watching=False)
        await self._lifecycle.astop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self.astart()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.astop()

    def __del__(self) -> None:
        lifecycle = getattr(self, "_lifecycle", None)
        if lifecycle is not None and lifecycle.running:
            warnings.warn(f"{self!r} was dropped without stop()", ResourceWarning, source=self, stacklevel=2)
            lifecycle.abandon()

    # Reading

    def bind(self, cls: type[M], *, at: str = "") -> Binding[M]:
        """Bind a settings class to the whole tree, or to what stands at a dotted path.

        Before or after the start; after it, the class is validated at once.

        Args:
            cls: a `dynconf.Settings`, or any pydantic `BaseModel` or `BaseSettings`.
            at: the path; what is not there counts as an empty mapping.

        Raises:
            ChangeRefused: the settings do not fit the class.
            UsageError: its merge policies contradict another class's.
            BlockingCall: called on the core's own loop, with policies that must be prepared; use `abind`.
        """
        binding = self._new_binding(cls, at)
        self._lifecycle.change(partial(self._plan, binding), instead="await abind(...)")
        return binding

    async def abind(self, cls: type[M], *, at: str = "") -> Binding[M]:
        """Do what `bind` does, from whichever loop."""
        binding = self._new_binding(cls, at)
        await self._lifecycle.achange(partial(self._plan, binding))
        return binding

    def flags(self, *, at: str = "flags") -> "Flags":
        """Feature flags of what stands at a path: flagd's own document, or definitions and values by name.

        At the root, `at=""`, it can only be flagd's own document. Raises what `bind` does, and `MissingExtra`
        without the extra `flags`.
        """
        flags = self._new_flags(at)
        self._lifecycle.change(partial(self._plan, flags), instead="await aflags(...)")
        return flags

    async def aflags(self, *, at: str = "flags") -> "Flags":
        """Do what `flags` does, from whichever loop."""
        flags = self._new_flags(at)
        await self._lifecycle.achange(partial(self._plan, flags))
        return flags

    def get(self, path: str | tuple[str | int, ...] = "", default: Any = None) -> Any:
        """The untyped value at a path of the merged tree, or `default`; a copy, yours to alter.

        Raises:
            NotStarted: nothing is loaded yet.
        """
        found = find(self._lifecycle.publisher.seen().tree, parse_path(path))
        return default if found is MISSING else copied(found)

    def view(self) -> View:
        """Several models of one version: `view[settings]`, `view[cache]`.

        Raises:
            NotStarted: nothing is loaded yet.
        """
        return View(self._lifecycle.publisher.seen())

    # Changing

    def on_error(self, function: Callable[[DynconfError], object]) -> Subscription[DynconfError]:
        """Have a function, sync or async, called with every error that costs a change or a source.

        It is told of each refused revision once, with field, expected and actual type, source,
        revision and line; of sources that stop answering; of documents and resources that are missing.
        """
        return ErrorSubscription(self._lifecycle.publisher.dispatcher, function)

    @overload
    def before_change(self, function: Callable[[Change[View]], object], /) -> BeforeChange: ...
    @overload
    def before_change(
        self, /, *, timeout: float
    ) -> Callable[[Callable[[Change[View]], object]], BeforeChange]: ...
    def before_change(self, function: Any = None, /, *, timeout: float = ANSWER_TIME) -> Any:
        """Have a function, sync or async, asked before a change is published; it refuses by raising `Veto`.

            @config.before_change
            def enough_workers(change):
                if change.new[settings].workers < 2:
                    raise Veto("one worker is not enough", path="workers")

        It takes a `Change` whose `old` and `new` are views of all the bound models; on the first load both
        are the new one, and `initial` is set. What it refuses is treated like what is not valid: the last
        good values keep serving, the status says why, what others changed gets through. What it raises
        besides refuses the change as well. It must not change the configuration itself.

        Args:
            function: what to ask; on a thread, or on the core's loop if it is async.
            timeout: seconds that it may take; a change is refused when they are over.
        """
        if function is None:
            return partial(self._before_change, timeout=timeout)
        return self._before_change(function, timeout)

    def reload(self) -> Applied:
        """Read every source anew, the environment included; try again what was refused, or not built.

        Raises:
            ChangeRefused: something is still refused; what could be taken was.
            NotStarted: it does not run.
        """
        return self._lifecycle.call(lambda manager: manager.reload(), instead="await areload()")

    async def areload(self) -> Applied:
        """Do what `reload` does, from whichever loop."""
        return await self._lifecycle.acall(lambda manager: manager.reload())

    def add(self, source: Source | str, before: Source | str | None = None) -> Applied | None:
        """Add a source, on top by default; if it runs, load it and say what that changed.

        Args:
            source: the new one.
            before: the source that is to be right above it.

        Raises:
            StartFailed: it does not answer, or cannot be read.
            ChangeRefused: the settings would not be valid with it; it is then not added.
        """
        new = _source(source)
        if not self._lifecycle.running:
            self._roster.admit(source, self._roster.place(new, before))
            return None
        adding = "await aadd(...)"
        return self._lifecycle.call(lambda manager: manager.add(source, new, before), instead=adding)

    async def aadd(self, source: Source | str, before: Source | str | None = None) -> Applied | None:
        """Do what `add` does, from whichever loop."""
        new = _source(source)
        if not self._lifecycle.running:
            self._roster.admit(source, self._roster.place(new, before))
            return None
        return await self._lifecycle.acall(lambda manager: manager.add(source, new, before))

    def remove(self, source: Source | str) -> Applied | None:
        """Remove a source, as it was given or by its name, and say what that changed.

        Raises:
            ChangeRefused: the settings would not be valid without it; it then stays.
            UsageError: there is no such source.
        """
        if not self._lifecycle.running:
            self._roster.dismiss(self._roster.find(source))
            return None
        removing = "await aremove(...)"
        return self._lifecycle.call(lambda manager: manager.remove(source), instead=removing)

    async def aremove(self, source: Source | str) -> Applied | None:
        """Do what `remove` does, from whichever loop."""
        if not self._lifecycle.running:
            self._roster.dismiss(self._roster.find(source))
            return None
        return await self._lifecycle.acall(lambda manager: manager.remove(source))

    # Telling

    def status(self) -> Status:
        """How it stands with every source and document."""
        lifecycle = self._lifecycle
        snapshot, manager = lifecycle.publisher.snapshot, lifecycle.manager
        return Status(
            name=lifecycle.options.name,
            running=lifecycle.running,
            version=snapshot.version if snapshot else 0,
            sources=sources_status(manager, running=lifecycle.running) if manager else (),
            problems=overlay_problems(manager) if manager else (),
            resources=resources_status(lifecycle.preparers),
        )

    def explain(self, path: str | tuple[str | int, ...] = "") -> Explanation:
        """Every layer's answer for a path of the merged tree, the winner, and where each stands; masked.

        Raises:
            NotStarted: nothing is loaded yet.
        """
        self._lifecycle.publisher.seen()
        return explain(self._lifecycle.publisher.store.state, parse_path(path))

    @property
    def history(self) -> History:
        """The last 20 versions, oldest first: when, from which source and revision, which paths."""
        return History(self._lifecycle.publisher.history)

    def unused(self) -> UnusedKeys:
        """The keys that no bound class reads, with where they stand and what they may have been meant to be.

        The latter is told of the first hundred of them.

        Raises:
            NotStarted: nothing is loaded yet.
        """
        self._lifecycle.publisher.seen()
        return unused_keys(self._lifecycle.publisher.store.state)

    def _new_binding(self, cls: type[M], at: str) -> Binding[M]:
        given: object = cls
        if not isinstance(given, type) or not issubclass(given, BaseModel):
            raise UsageError(f"a settings class is a pydantic model; {type(given).__name__} is none")
        return Binding(self, self._lifecycle, cls, parse_path(at))

    def _new_flags(self, at: str) -> "Flags":
        from dynconf._faces.flags import Flags  # noqa: PLC0415 - only who asks needs the extra

        return Flags(self, self._lifecycle, parse_path(at))

    def _before_change(self, function: Callable[[Change[View]], object], timeout: float) -> BeforeChange:
        lifecycle = self._lifecycle
        asked = BeforeChange(function, timeout, lambda: lifecycle.manager_here().host, lifecycle.dismiss)
        lifecycle.preparers.append(asked)
        return asked

    def _plan(self, bound: Binding[Any]) -> Plan:
        return self._lifecycle.publisher.plan_bind(Spec(bound._cls, bound._at), bound)


def _source(given: Source | str) -> Source:
    if isinstance(given, str):
        from dynconf.bootstrap import source_from_address  # noqa: PLC0415 - only who asks pays for it

        return source_from_address(given)
    if not isinstance(given, Source):
        hint = f"; for a file, write File({str(given)!r})" if isinstance(given, os.PathLike) else ""
        raise UsageError(f"a source, or the address of one, is wanted, not {type(given).__name__}{hint}")
    return given
