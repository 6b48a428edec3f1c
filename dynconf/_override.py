"""Values laid over everything for a while, as tests do."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from pydantic import BaseModel

from dynconf._lifecycle import Lifecycle
from dynconf._merge import merged
from dynconf._models import Invalid, build, unknown_step
from dynconf._origin import Problem
from dynconf._schema import canonical
from dynconf._state import Plan
from dynconf._tree import MISSING, Path, Tree, dotted, find, nested
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
        self._number = next(_numbers)

    def __enter__(self) -> None:
        self._change(self._tree)

    def __exit__(self, *_: object) -> None:
        self._change(None)

    async def __aenter__(self) -> None:
        await self._achange(self._tree)

    async def __aexit__(self, *_: object) -> None:
        await self._achange(None)

    def _plan(self, tree: Tree | None) -> Plan:
        return self._lifecycle.publisher.store.plan_override(self._number, tree)

    def _change(self, tree: Tree | None) -> None:
        if self._lifecycle.running:
            form = "async with binding.override(...)"
            self._lifecycle.call(lambda manager: manager.change(lambda: self._plan(tree)), instead=form)
        else:
            self._change_at_rest(tree)

    async def _achange(self, tree: Tree | None) -> None:
        if self._lifecycle.running:
            await self._lifecycle.acall(lambda manager: manager.change(lambda: self._plan(tree)))
        else:
            self._change_at_rest(tree)

    def _change_at_rest(self, tree: Tree | None) -> None:
        publisher = self._lifecycle.publisher
        plan = self._plan(tree)
        if plan.refused:
            raise ChangeRefused([problem for group in plan.refused.values() for problem in group])
        if publisher.snapshot is None:
            # Nothing is loaded: the defaults and the overrides alone make a model, where they can.
            publisher.preview(self._binding, self._preview([one.tree for one in plan.state.overrides]))
        publisher.commit(plan)

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
