"""Values laid over everything for a while, as tests do."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Any

from pydantic import BaseModel

from dynconf._manager.lifecycle import Lifecycle
from dynconf._manager.manager import Manager
from dynconf._models.build import Invalid, build, unknown_step
from dynconf._models.schema import canonical
from dynconf._origin import Problem
from dynconf._store.state import Plan
from dynconf._store.store import Store
from dynconf._values.merge import merged
from dynconf._values.tree import MISSING, Path, Tree, dotted, find, nested
from dynconf.errors import ChangeRefused, UsageError

_numbers = count(1)


class Overriding:
    """A context manager, `with` or `async with`, that ranks above every source while it is open.

    Raises:
        ChangeRefused: on entry, if the settings would not be valid.
    """

    def __init__(
        self, lifecycle: Lifecycle, binding: Any, cls: type[BaseModel], at: Path, values: Mapping[str, Any]
    ) -> None:
        for name in values:
            unknown = unknown_step(cls, (name,))
            if unknown and name not in canonical(cls, dict.fromkeys(unknown[1])):
                raise UsageError(f"{cls.__name__} has no field '{name}'; it has {', '.join(unknown[1])}")
        self._lifecycle = lifecycle
        self._binding = binding
        self._cls = cls
        self._at = at
        self._tree: Tree = nested(at, canonical(cls, _plain(values)))
        self._entered: list[int] = []

    def __enter__(self) -> None:
        self._change(self._entry())

    def __exit__(self, *_: object) -> None:
        step = self._exit()
        while True:
            host = self._lifecycle.host
            try:
                self._change(step)
            except UsageError as error:
                self._raise_unless_stopped(error, step, host)
            else:
                return

    async def __aexit__(self, *_: object) -> None:
        step = self._exit()
        while True:
            host = self._lifecycle.host
            try:
                await self._achange(step)
            except UsageError as error:
                self._raise_unless_stopped(error, step, host)
            else:
                return

    async def __aenter__(self) -> None:
        step = self._entry()
        try:
            await self._achange(step)
        except BaseException:  # it may be carried out all the same, and nobody would end it
            host = self._lifecycle.host
            if host is not None:
                host.post(self._give_up, step.number)
            raise

    def _give_up(self, number: int) -> None:
        """On the core's loop: end it if it was begun."""
        step = _Step(number, None, self._entered)
        manager = self._lifecycle.manager_here()
        try:
            manager.host.spawn(step.carry_out(manager), "end of an override that was given up")
        except UsageError:  # everything is being stopped
            manager.publisher.commit(step.plan(manager.publisher.store))
        with suppress(ValueError):
            self._entered.remove(number)

    def _raise_unless_stopped(self, error: UsageError, step: "_Step", host: object) -> None:
        """If everything was stopped, and perhaps started anew, meanwhile, it is to be tried again."""
        if self._lifecycle.running and self._lifecycle.host is host:
            self._entered.append(step.number)
            raise error

    def _entry(self) -> "_Step":
        return _Step(next(_numbers), self._tree, self._entered)

    def _exit(self) -> "_Step":
        if not self._entered:
            raise UsageError("this override is not open")
        return _Step(self._entered.pop(), None, self._entered)

    def _change(self, step: "_Step") -> None:
        if self._lifecycle.running:
            form = "async with binding.override(...)"
            self._lifecycle.call(step.carry_out, instead=form)
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
            preview = self._preview([one.tree for one in over])
            publisher.preview(self._binding, preview)
        self._lifecycle.at_rest(lambda: step.plan(publisher.store))
        step.done()

    def _preview(self, trees: list[Tree]) -> Any:
        if not trees:
            return None
        tree = merged(trees)
        try:
            return build(self._cls, find(tree, self._at), self._at, _nobody_higher)
        except Invalid as error:
            ours = [fault for fault in error.faults if find(tree, fault.path) is not MISSING]
            if ours:
                name = self._cls.__name__
                raise ChangeRefused(
                    [Problem(dotted(f.path), f.expected, f.actual, name) for f in ours]
                ) from None
            return None


class _Step:
    """Laying one tree over everything, or taking it away, which always succeeds."""

    def __init__(self, number: int, tree: Tree | None, entered: list[int]) -> None:
        self.number = number
        self._tree = tree
        self._entered = entered

    def plan(self, store: Store) -> Plan:
        """What it would give; where what is left is not valid, what was laid over later goes too."""
        plan = store.plan_override([self.number], self._tree)
        if self._tree is None and plan.refused:
            later = [one.number for one in store.state.overrides if one.number >= self.number]
            plan = store.plan_override(later, None)
            if plan.refused:
                plan = store.plan_override([one.number for one in store.state.overrides], None)
        return plan

    async def carry_out(self, manager: Manager) -> None:
        """Do it, on the core's loop."""
        store = manager.publisher.store
        if self._tree is None:
            await manager.leave(lambda: self.plan(store))
        else:
            await manager.change(lambda: self.plan(store))
            self.done()

    def done(self) -> None:
        """Note that it is open now."""
        if self._tree is not None:
            self._entered.append(self.number)


def _nobody_higher(_: Path, __: Path) -> bool:
    return False


def _plain(value: Any) -> Any:
    """Models as the mappings that they were made from."""
    if isinstance(value, BaseModel):
        fields = {name: _plain(getattr(value, name)) for name in value.model_fields_set}
        return canonical(type(value), fields)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
