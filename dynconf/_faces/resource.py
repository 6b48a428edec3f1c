"""Declaring a resource: what is to be built of which part of a model, and how."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, Unpack, overload

from dynconf._host.host import Host
from dynconf._manager.lifecycle import Lifecycle
from dynconf._models.compare import field_value
from dynconf._origin import on_one_line
from dynconf._values.prepare import PrepareRefused
from dynconf._values.secrets import Quotes
from dynconf._values.snapshot import View
from dynconf._values.tree import Path, dotted
from dynconf.errors import DynconfError, ResourceUnavailable, UsageError
from dynconf.resources.options import Gives, ResourceOptions
from dynconf.resources.preparer import ResourcePreparer
from dynconf.resources.recipe import Recipe
from dynconf.resources.resource import Resource

T = TypeVar("T")
V = TypeVar("V")
R = TypeVar("R")


class Declaring(Generic[T]):
    """What a binding offers for resources."""

    __slots__ = ()

    _at: Path
    _cls: type[T]
    _lifecycle: Lifecycle

    # A lambda's parameter is typed by the second; mypy takes the forms only if `what` is alike in them.
    @overload
    def resource(
        self,
        what: Callable[[T], V],
        /,
        *,
        create: Callable[..., Gives[R]],
        **options: Unpack[ResourceOptions[R]],
    ) -> Resource[R]: ...
    @overload
    def resource(
        self, what: Callable[[T], V], /, *, create: Callable[[V], R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    def resource(
        self, what: Callable[[T], V], /, *, create: Callable[..., R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    def resource(
        self, what: str, /, *, create: Callable[..., Gives[R]], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    def resource(
        self, what: str, /, *, create: Callable[..., R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    def resource(
        self,
        what: str | Callable[[T], Any],
        /,
        *,
        create: Callable[..., Any],
        **options: Unpack[ResourceOptions[Any]],
    ) -> Resource[Any]:
        """Build something of a part of the settings, and swap it when that changes.

        A change of that part is published only once its resource is built and checked; if it cannot
        be, the change is refused, the old one serves, and it is tried again after a back-off. Before
        the start this only declares; after it, it is built at once.

            client = settings.resource(
                lambda s: s.redis,
                create=lambda r: redis.Redis(host=r.host, port=r.port),
                check=redis.Redis.ping,
                close=redis.Redis.close,
            )
            with client.lease() as r:
                r.incr("hits")

        Args:
            what: a path of field names, or a selector: the value that it is built of. A path where
                nothing stands, below a part that is `None` say, gives `None`.
            create: makes one of that value (and of what `uses` names): a function, an async one, or
                a (async) generator or context-manager function that yields it.
            **options: `check`, `close`, `uses`, `name`, `timeout`, `drain`, `grace` and `on_failure`: see
                `ResourceOptions`.

        Raises:
            ChangeRefused: it cannot be built of what holds.
            UsageError: the arguments do not fit together.
            BlockingCall: called on the core's own loop while it runs; use `aresource`.
        """
        resource = declare(self._lifecycle, self, what, create, **options)
        lifecycle = self._lifecycle
        if lifecycle.running:
            lifecycle.call(lambda manager: manager.admit(resource._preparer), instead="await aresource(...)")
        else:
            lifecycle.preparers.append(resource._preparer)
        return resource

    @overload
    async def aresource(
        self,
        what: Callable[[T], V],
        /,
        *,
        create: Callable[..., Gives[R]],
        **options: Unpack[ResourceOptions[R]],
    ) -> Resource[R]: ...
    @overload
    async def aresource(
        self, what: Callable[[T], V], /, *, create: Callable[[V], R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    async def aresource(
        self, what: Callable[[T], V], /, *, create: Callable[..., R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    async def aresource(
        self, what: str, /, *, create: Callable[..., Gives[R]], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    @overload
    async def aresource(
        self, what: str, /, *, create: Callable[..., R], **options: Unpack[ResourceOptions[R]]
    ) -> Resource[R]: ...
    async def aresource(
        self,
        what: str | Callable[[T], Any],
        /,
        *,
        create: Callable[..., Any],
        **options: Unpack[ResourceOptions[Any]],
    ) -> Resource[Any]:
        """Do what `resource` does, from whichever loop."""
        resource = declare(self._lifecycle, self, what, create, **options)
        if self._lifecycle.running:
            await self._lifecycle.acall(lambda manager: manager.admit(resource._preparer))
        else:
            self._lifecycle.preparers.append(resource._preparer)
        return resource


def declare(
    lifecycle: Lifecycle,
    binding: Any,
    what: str | Callable[[Any], Any],
    create: Callable[..., Any],
    **options: Unpack[ResourceOptions[Any]],
) -> Resource[Any]:
    """A resource of one Config, not asked to be there yet.

    Raises:
        UsageError: the arguments do not fit together.
    """
    unknown = options.keys() - ResourceOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"resource() has no option {', '.join(sorted(unknown))}")
    select = binding._field_path(what) if isinstance(what, str) else what
    if not (isinstance(select, tuple) or callable(select)):
        raise UsageError(f"it is built of a path or of what a selector picks, not of {select!r}")
    name = options.get("name", "") or name_of(what, create)
    recipe: Recipe[Any] = Recipe(name, create, options.get("check"), options.get("close"))
    on_failure = options.get("on_failure", "refuse")
    if on_failure not in ("refuse", "keep"):
        raise UsageError(f"on_failure is 'refuse' or 'keep', not {on_failure!r}")
    limit, drain = options.get("timeout", 10.0), options.get("drain", 30.0)
    grace = options.get("grace", min(1.0, drain))
    if not (0 < limit < float("inf") and 0 <= grace <= drain < float("inf")):
        raise UsageError("timeout, grace and drain are seconds; grace is at most drain")
    uses = _used(lifecycle, options.get("uses", ()))
    index = binding._index  # the running core must not hold the binding: see `Lifecycle`

    def pick(view: View) -> Any:
        model = view._snapshot.models[index]
        return field_value(model, select) if isinstance(select, tuple) else select(model)

    preparer: ResourcePreparer[Any] = ResourcePreparer(
        dotted((*binding._at, *select)) if isinstance(select, tuple) else name,
        pick,
        recipe,
        uses=uses,
        keep=on_failure == "keep",
        limit=limit,
        drain=drain,
        grace=grace,
        around=_Around(lifecycle),
    )
    return Resource(preparer, binding)


def _used(lifecycle: Lifecycle, given: Any) -> tuple[ResourcePreparer[Any], ...]:
    if not isinstance(given, (list, tuple)):
        raise UsageError(f"uses= is a tuple of resources, not {given!r}")
    for one in given:
        if not isinstance(one, Resource) or one.closed or one._preparer not in lifecycle.preparers:
            raise UsageError(f"uses= names what is no resource of this Config: {one!r}")
    return tuple([one._preparer for one in given])


class _Around:
    """See `ResourceContext`."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.clock = lifecycle.options.clock
        self._lifecycle = lifecycle

    def host(self) -> Host:
        return self._lifecycle.manager_here().host

    def here(self) -> bool:
        return self._lifecycle.here()

    def post(self, function: Callable[[], object]) -> bool:
        host = self._lifecycle.host
        return host is not None and host.post(function)

    def seen(self) -> View | None:
        snapshot = self._lifecycle.publisher.snapshot
        return View(snapshot) if snapshot is not None else None

    def retry(self, select: Callable[[View], Any]) -> None:
        self._lifecycle.manager_here().transactions.release(select)

    def refused_late(self, refusal: PrepareRefused) -> None:
        self._lifecycle.manager_here().transactions.refused_late(refusal)

    def report(self, error: ResourceUnavailable) -> None:
        self._lifecycle.manager_here().report(error)

    def explain(self, error: BaseException, view: View) -> str:
        """The error's text, unless that quotes what must not be shown."""
        name = type(error).__name__
        text = " ".join(str(error).split())
        if isinstance(error, DynconfError):
            return on_one_line(text)
        told = text and not Quotes(view._snapshot.secrets())(text)
        return f"{name}: {on_one_line(text[:500])}" if told else name

    def users(self, preparer: ResourcePreparer[Any]) -> list[ResourcePreparer[Any]]:
        others = [one for one in self._lifecycle.preparers if isinstance(one, ResourcePreparer)]
        return [one for one in others if preparer in one.uses and not one.closed]

    def dismiss(self, preparer: ResourcePreparer[Any]) -> None:
        self._lifecycle.dismiss(preparer)


def name_of(select: Any, create: Callable[..., Any]) -> str:
    """What to call a resource that has no name: the fields that it is built of, if that can be told."""
    if isinstance(select, str):
        return select
    seen: list[str] = []
    try:
        select(_Fields(seen, ()))
    except Exception:  # noqa: BLE001 - it does something with what it picks
        seen.clear()
    paths = [path for path in seen if not any(other.startswith(f"{path}.") for other in seen)]
    return ", ".join(dict.fromkeys(paths)) or str(getattr(create, "__qualname__", type(create).__name__))


class _Fields:
    """Stands for a model, and notes which fields a selector picks."""

    def __init__(self, seen: list[str], at: Path) -> None:
        self.__dict__.update({"seen of a stand-in": seen, "at of a stand-in": at})

    def __getattr__(self, name: str) -> Any:
        seen: list[str] = self.__dict__["seen of a stand-in"]
        at = (*self.__dict__["at of a stand-in"], name)
        seen.append(dotted(at))
        return _Fields(seen, at)
