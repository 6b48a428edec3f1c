"""Declaring a resource: what is to be built of which part of a model, and how."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from dynconf._manager.lifecycle import Lifecycle
from dynconf._models.compare import field_value
from dynconf._values.secrets import Quotes
from dynconf._values.snapshot import View
from dynconf._values.tree import Path, dotted
from dynconf.errors import DynconfError, UsageError
from dynconf.resources.recipe import Recipe
from dynconf.resources.resource import Resource

R = TypeVar("R")


def declare(
    lifecycle: Lifecycle,
    binding: Any,
    at: Path,
    select: Callable[[Any], Any] | Path,
    recipe: Recipe[R],
    *,
    uses: Sequence[Resource[Any]],
    on_failure: Literal["refuse", "keep"],
    timeout: float,
    drain: float,
    grace: float,
) -> Resource[R]:
    """A resource of one Config, not asked to be there yet.

    Raises:
        UsageError: the arguments do not fit together.
    """
    if on_failure not in ("refuse", "keep"):
        raise UsageError(f"on_failure is 'refuse' or 'keep', not {on_failure!r}")
    if not (0 < timeout < float("inf") and 0 <= grace <= drain < float("inf")):
        raise UsageError("timeout, grace and drain are seconds; grace is at most drain")
    strangers = [one for one in uses if one not in lifecycle.preparers]
    if strangers:
        raise UsageError(f"uses= names what is no resource of this Config: {strangers[0]!r}")

    def pick(view: View) -> Any:
        model = view[binding]
        return field_value(model, select) if isinstance(select, tuple) else select(model)

    def seen() -> View | None:
        snapshot = lifecycle.publisher.snapshot
        return View(snapshot) if snapshot is not None else None

    return Resource(
        recipe.name,
        dotted((*at, *select)) if isinstance(select, tuple) else recipe.name,
        pick,
        recipe,
        uses=uses,
        keep=on_failure == "keep",
        limit=timeout,
        drain=drain,
        grace=grace,
        host=lambda: lifecycle.manager_here().host,
        clock=lifecycle.options.clock,
        seen=seen,
        explain=lambda error, view: _explained(error, view, timeout),
        leave=lifecycle.dismiss,
    )


def _explained(error: BaseException, view: View, timeout: float) -> str:
    """Why it could not be built: the error's text, unless that quotes what must not be shown."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"it was not built and checked within {timeout:g} s"
    name = type(error).__name__
    text = " ".join(str(error).split())
    if isinstance(error, DynconfError):
        return text
    return name if not text or Quotes(view._snapshot.secrets())(text) else f"{name}: {text[:500]}"


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
