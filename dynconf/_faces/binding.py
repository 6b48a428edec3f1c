"""A settings class bound to a part of the tree: what an application reads and subscribes to."""

import asyncio
import inspect
import warnings
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar, overload

from dynconf._dispatch.subscriptions import ChangeSubscription, Subscription
from dynconf._dispatch.waiting import Changes, Until
from dynconf._faces.explain import Explanation, explain
from dynconf._faces.field_path import field_path
from dynconf._faces.override import Overriding
from dynconf._faces.resource import Declaring
from dynconf._manager.lifecycle import Lifecycle
from dynconf._models.compare import field_value
from dynconf._models.keys import tree_path
from dynconf._store.seen import seen
from dynconf._store.state import place_in
from dynconf._values.secrets import masked
from dynconf._values.snapshot import Change
from dynconf._values.tree import Path, dotted
from dynconf.errors import NotStarted

T = TypeVar("T")
V = TypeVar("V")


class _NotLoaded:
    """Stands where a model will be, and says so to whoever uses it."""

    __slots__ = ()

    def _refuse(self, *_: object) -> NoReturn:
        raise NotStarted(
            "settings are read before they are loaded: use `with config:`, start() or load() first"
        )

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # debuggers and isinstance ask for it
            return _NotLoaded
        raise NotStarted(f"'{name}' is read before it is loaded: use `with config:`, start() or load() first")

    __bool__ = __iter__ = __len__ = __str__ = __repr__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __format__ = _refuse
    __call__ = __getitem__ = __contains__ = __setattr__ = __int__ = __index__ = __float__ = _refuse


NOT_LOADED: Any = _NotLoaded()


class Subscriber(Generic[V]):
    """What `on_change` gives back until it has a function: call it with one, or decorate one."""

    def __init__(
        self, looks_at: str, subscribe: Callable[[Callable[[Any], object]], Subscription[V]]
    ) -> None:
        self._looks_at = looks_at
        self._subscribe = subscribe
        self._used = False

    def __call__(self, function: Callable[[Change[V]], object]) -> Subscription[V]:
        """Have the function called from now on."""
        self._used = True
        return self._subscribe(function)

    def __del__(self) -> None:
        if not self._used:
            warnings.warn(
                f"on_change({self._looks_at}) was given no function, so nothing is called; a lambda, or"
                " another object that can be called, is a selector: write on_change(...)(function)",
                RuntimeWarning,
                stacklevel=2,
            )


class Binding(Declaring[T]):
    """A validated model over a path of the merged tree, always the current version.

    Made by `Config.bind`. `current` is a plain attribute: reading it takes no lock and does no I/O.
    """

    __slots__ = ("__weakref__", "_at", "_cls", "_index", "_lifecycle", "_owner", "current")

    current: T
    """The model that holds now; before the first load, an object that raises `NotStarted` on any use."""

    def __init__(self, owner: object, lifecycle: Lifecycle, cls: type[T], at: Path) -> None:
        self._owner = owner
        self._lifecycle = lifecycle
        self._cls = cls
        self._at = at
        self._index = -1
        self.current = NOT_LOADED

    @property
    def _house(self) -> object:
        return self._lifecycle.publisher.store.state.house

    def __repr__(self) -> str:
        return f"<Binding of {self._cls.__name__}{f' at {dotted(self._at)}' if self._at else ''}>"

    @overload
    def on_change(self, path: str, /, *, immediate: bool = False) -> Subscriber[Any]: ...
    @overload
    def on_change(  # type: ignore[overload-overlap]  # the other order makes pyright read lambdas as callbacks
        self, select: Callable[[T], V], /, *, immediate: bool = False
    ) -> Subscriber[V]: ...
    @overload
    def on_change(self, function: Callable[[Change[T]], object], /) -> Subscription[T]: ...
    @overload
    def on_change(self, what: None = None, /, *, immediate: bool = False) -> Subscriber[T]: ...
    @overload
    def on_change(
        self, what: None = None, /, *, select: Callable[[T], V], immediate: bool = False
    ) -> Subscriber[V]: ...
    def on_change(
        self, what: Any = None, /, *, select: Callable[[T], Any] | None = None, immediate: bool = False
    ) -> Any:
        """Have a function, sync or async, called with a `Change` whenever what it looks at differs.

            @settings.on_change                         # anything in the model
            @settings.on_change("redis.host")           # a path of field names
            @settings.on_change(lambda s: s.redis)      # a selector
            def moved(change): ...

            settings.on_change("redis.host")(queue.put)     # a function that is there already

        Sync functions run on callback threads, async ones on the core's loop. One function is never
        called twice at a time; while it runs, only the latest change waits. What it raises is
        logged. It is kept when the Config stops and starts again.

        Args:
            what: the function itself, if it was made with `def`; or a path; or a selector: a lambda,
                or anything else that can be called (for one made with `def`, say `select=`).
            select: a selector.
            immediate: tell it what holds now, too, as a first change with `initial` set.

        Raises:
            UsageError: the path names no field.
        """
        if (
            inspect.isroutine(what)
            and getattr(what, "__name__", "") != "<lambda>"
            and not inspect.isbuiltin(what)
        ):
            return self._subscribe((), None, immediate, what)
        if isinstance(what, str):
            return Subscriber(what, partial(self._subscribe, self._field_path(what), None, immediate))
        name = getattr(select or what, "__qualname__", "a selector") if select or what else "everything"
        return Subscriber(name, partial(self._subscribe, (), select or what, immediate))

    def _subscribe(
        self,
        path: Path,
        select: Callable[[Any], Any] | None,
        immediate: bool,
        function: Callable[[Any], object],
    ) -> Subscription[Any]:
        dispatcher = self._lifecycle.publisher.dispatcher
        subscription: ChangeSubscription[Any] = ChangeSubscription(
            dispatcher, function, self._index, path, select
        )
        subscription.begin(immediate=immediate)
        return subscription

    def _field_path(self, text: str) -> Path:
        return field_path(self._cls, text)

    def changes(self) -> Changes[T]:
        """An async iterator over the changes from now on, for one consumer in any loop.

        A slow consumer gets the latest; it ends when the Config stops.
        """
        return Changes(self._lifecycle.publisher.dispatcher, self._index)

    def until(self, condition: Callable[[T], object], timeout: float | None = None) -> T:
        """Wait until a model meets the condition, and return it; at once if the current one does.

        Args:
            condition: told of every version that is published.
            timeout: seconds.

        Raises:
            TimeoutError: the time is up.
            BlockingCall: called on the core's own loop.
            UsageError: the Config stopped meanwhile.
        """
        self._lifecycle.refuse_to_block("await auntil(...)")
        until = self._until(condition)
        try:
            return until.future.result(timeout)
        except FutureTimeoutError:
            if until.future.done():  # the condition's own
                raise
            raise TimeoutError(f"no version met the condition within {timeout:g} s") from None
        finally:
            self._lifecycle.publisher.dispatcher.discard(until)

    async def auntil(self, condition: Callable[[T], object], timeout: float | None = None) -> T:  # noqa: ASYNC109 - the twin of until
        """Do what `until` does, from whichever loop."""
        until = self._until(condition)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(until.future)
        except TimeoutError:
            if until.future.done() and not until.future.cancelled():  # the condition's own
                raise
            raise TimeoutError(f"no version met the condition within {timeout:g} s") from None
        finally:
            self._lifecycle.publisher.dispatcher.discard(until)

    def _until(self, condition: Callable[[T], object]) -> Until[T]:
        until: Until[T] = Until(self._index, condition)
        self._lifecycle.publisher.dispatcher.add(until, immediate=True)
        return until

    def explain(self, path: str = "") -> Explanation:
        """Every layer's answer for a path of field names, the winner, and where each stands; masked.

        Raises:
            UsageError: the path names no field.
            NotStarted: nothing is loaded yet.
        """
        fields = self._field_path(path)
        publisher = self._lifecycle.publisher
        model = publisher.seen().models[self._index]
        state = publisher.store.state
        keys = (*self._at, *tree_path(self._cls, fields, seen(state, self._index)))  # type: ignore[arg-type]
        found = explain(state, keys, self._index)
        if any(answer.used for answer in found.answers):
            return found
        shown = masked(field_value(model, fields), place_in(state.specs, keys))
        return Explanation(found.path, found.version, shown, found.answers, default=True)

    def override(self, **values: Any) -> Overriding:
        """Lay values over everything while a `with` (or `async with`) block runs; for tests.

        Mappings merge deeply, all else replaces. It nests. Before the first load, the defaults
        and the override alone make the model.

        Args:
            **values: fields by name, with plain values, mappings or models; of a `RootModel`, `root`.

        Raises:
            UsageError: a name is no field, here or in a nested model.
            ChangeRefused: on entry, if the settings would not be valid.
        """
        return Overriding(self._lifecycle, self._cls, self._at, values)  # type: ignore[arg-type]


set_current: Callable[[Any, Any], None] = Binding.__dict__["current"].__set__
"""Gives a binding its model, without running any Python code in between."""
