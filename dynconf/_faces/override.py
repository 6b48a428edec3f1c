"""Values laid over everything for a while, as tests do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final

from pydantic import BaseModel, RootModel

from dynconf._manager.leaving import leave
from dynconf._manager.lifecycle import Lifecycle
from dynconf._manager.manager import Manager
from dynconf._models.build import Invalid, build
from dynconf._models.keys import joined
from dynconf._models.schema import canonical, unknown_key
from dynconf._origin import Problem
from dynconf._store.state import Plan, Spec, laid_over
from dynconf._store.store import Store
from dynconf._values.key_text import key_text
from dynconf._values.merge import merged
from dynconf._values.tree import MISSING, Path, Tree, dotted, find, nested
from dynconf.errors import ChangeRefused, UsageError

INSTEAD: Final = "async with binding.override(...)"

_numbers = count(1)


class Overriding:
    """A context manager, `with` or `async with`, that ranks above every source while it is open.

    With `alone`, only what is bound with that class at that path sees it.

    Raises:
        UsageError: at once, if there is no such field, or it is one item of a list.
        ChangeRefused: on entry, if the settings would not be valid.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        cls: type[BaseModel],
        at: Path,
        values: Mapping[str, Any],
        *,
        alone: bool = False,
    ) -> None:
        unknown = unknown_key(cls, values)
        if unknown:
            name, owner, known = unknown
            raise UsageError(f"{owner.__name__} has no field '{name}'; it has {', '.join(known)}")
        self._lifecycle = lifecycle
        self._tree: Tree = nested(at, _tree_of(cls, values))
        self._only = Spec(cls, at) if alone else None
        self._entered: list[int] = []

    def __enter__(self) -> None:
        step = self._entry()
        with self._given_up_whole(step):
            self._change(step)

    async def __aenter__(self) -> None:
        step = self._entry()
        with self._given_up_whole(step):
            await self._achange(step)

    def __exit__(self, *_: object) -> None:
        self._lifecycle.refuse_to_block(INSTEAD)
        step = self._exit()
        with suppress(UsageError), self._ended_whatever_comes(step):
            self._change(step)

    async def __aexit__(self, *_: object) -> None:
        step = self._exit()
        with suppress(UsageError), self._ended_whatever_comes(step):
            await self._achange(step)

    @contextmanager
    def _given_up_whole(self, step: "_Step") -> Iterator[None]:
        """Leave nothing behind of one whose caller is cancelled or interrupted while it begins."""
        try:
            yield
        except ChangeRefused:
            raise
        except BaseException:  # it may be carried out all the same, and nobody would end it
            with suppress(ValueError):
                self._entered.remove(step.number)
            self._leave_soon(_Step(step.number, None, self._entered))
            raise

    @contextmanager
    def _ended_whatever_comes(self, step: "_Step") -> Iterator[None]:
        """End it also if the caller is cancelled or interrupted, or all is stopped, perhaps started anew."""
        try:
            yield
        except BaseException:
            self._leave_soon(step)
            raise

    def _leave_soon(self, step: "_Step") -> None:
        self._lifecycle.leave_soon(step.plan)

    def _entry(self) -> "_Step":
        return _Step(next(_numbers), self._tree, self._entered, self._only)

    def _exit(self) -> "_Step":
        if not self._entered:
            raise UsageError("this override is not open")
        return _Step(self._entered.pop(), None, self._entered)

    def _change(self, step: "_Step") -> None:
        if self._lifecycle.running:
            self._lifecycle.call(step.carry_out, instead=INSTEAD)
        else:
            self._change_at_rest(step)

    async def _achange(self, step: "_Step") -> None:
        if self._lifecycle.running:
            await self._lifecycle.acall(step.carry_out)
        else:
            self._change_at_rest(step)

    def _change_at_rest(self, step: "_Step") -> None:
        publisher = self._lifecycle.publisher
        over = step.plan(publisher.store).state.overrides
        if publisher.snapshot is None:
            # Nothing is loaded: the defaults and the overrides alone make a model, where they can.
            previews = [
                (binding, _preview(spec, laid_over(over, spec))) for binding, spec in publisher.bound()
            ]
            for binding, model in previews:
                publisher.preview(binding, model)
        self._lifecycle.at_rest(lambda: step.plan(publisher.store))
        step.done()


class _Step:
    """Laying one tree over everything, or taking it away, which always succeeds."""

    def __init__(self, number: int, tree: Tree | None, entered: list[int], only: Spec | None = None) -> None:
        self.number = number
        self._tree = tree
        self._only = only
        self._entered = entered

    def plan(self, store: Store) -> Plan:
        """What it would give; where what is left is not valid, what was laid over later goes too."""
        plan = store.plan_override([self.number], self._tree, self._only)
        if self._tree is None and plan.refused:
            plan = store.plan_override_gone(self.number)
        return plan

    async def carry_out(self, manager: Manager) -> None:
        """Do it, on the core's loop."""
        publisher = manager.publisher
        if self._tree is None:
            await leave(manager, lambda: self.plan(publisher.store))
        else:
            await manager.change(lambda: self.plan(publisher.store))
            self.done()

    def done(self) -> None:
        """Note that it is open now."""
        if self._tree is not None:
            self._entered.append(self.number)


def _preview(spec: Spec, trees: list[Tree]) -> Any:
    """What the overrides and the defaults alone make of a class; `None` if they do not, or say nothing of it.

    Raises:
        ChangeRefused: what an override says is wrong.
    """
    tree = merged([{}, *trees])
    if find(tree, spec.at) is MISSING or not trees:
        return None
    try:
        said = [part for part in (find(one, spec.at) for one in trees) if part is not MISSING]
        return build(spec.cls, joined(spec.cls, said), spec.at)
    except Invalid as error:
        ours = [fault for fault in error.faults if find(tree, fault.path) is not MISSING]
        if ours:
            name = spec.cls.__name__
            raise ChangeRefused([Problem(dotted(f.path), f.expected, f.actual, name) for f in ours]) from None
        return None


def _tree_of(cls: type[BaseModel], values: Mapping[str, Any]) -> Any:
    """The values as they stand in the tree; `root` is all of what a `RootModel` holds."""
    if issubclass(cls, RootModel):
        return _plain(values["root"] if values.keys() == {"root"} else values)
    return canonical(cls, _plain(values), strict=True)


def _plain(value: Any) -> Any:
    """Models as the mappings that they were made from."""
    if isinstance(value, RootModel):
        return _plain(value.root)
    if isinstance(value, BaseModel):
        fields = {name: _plain(getattr(value, name)) for name in value.model_fields_set}
        return canonical(type(value), fields, strict=True)
    if isinstance(value, Mapping):
        return {key_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
