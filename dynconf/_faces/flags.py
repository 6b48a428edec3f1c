"""Feature flags as an application sees them: a binding whose model is the set of flags that holds."""

from typing import Any

from dynconf._faces.binding import Binding
from dynconf._faces.explain import Explanation, explain
from dynconf._faces.override import Overriding
from dynconf._manager.lifecycle import Lifecycle
from dynconf._store.state import laid_over, place_in
from dynconf._values.secrets import masked
from dynconf._values.snapshot import View
from dynconf._values.tree import MISSING, Path, dotted, find
from dynconf.errors import NotStarted, UsageError
from dynconf.flags.definition import is_a_value
from dynconf.flags.document import OVER, FlagDocument, Laid, RootFlagDocument
from dynconf.flags.evaluating import Evaluating
from dynconf.flags.evaluation import Evaluation
from dynconf.flags.flag_set import FlagSet

_TOO_EARLY = "flags are asked for before they are loaded: use `with config:`, start() or load() first"


class Flags(Evaluating, Binding[FlagSet]):
    """Feature flags, always the current version; made by `Config.flags`.

    What is asked of it before the first load raises `NotStarted`. It is a `Binding`: `current` is the set of
    all flags, and what `on_change("name")` tells is the flag's old and new `Flag`, or `None` for none.
    """

    __slots__ = ()

    def __init__(self, owner: object, lifecycle: Lifecycle, at: Path) -> None:
        # What is bound is the document; validating it gives the set of its flags.
        document: Any = FlagDocument if at else RootFlagDocument
        super().__init__(owner, lifecycle, document, at)

    def __repr__(self) -> str:
        return f"<Flags{f' at {dotted(self._at)}' if self._at else ''}>"

    def at(self, view: View) -> FlagSet:
        """All flags of one version: that of a view, such as `change.view`."""
        return view[self]

    def explain(self, flag: str = "") -> Explanation:
        """Every layer's answer for a flag's definition, the winner, and where each stands; masked.

        Args:
            flag: its name; without one, all flags.

        Raises:
            NotStarted: nothing is loaded yet.
        """
        publisher = self._lifecycle.publisher
        publisher.seen()
        state = publisher.store.state
        below = (*self._at, "flags", flag)
        path = below if find(state.tree, below) is not MISSING else (*self._at, flag)
        found = explain(state, path if flag else self._at, self._index)
        if not flag:
            return found
        trees = reversed(laid_over(state.overrides, state.specs[self._index]))
        over = [find(tree, (*self._at, OVER, flag)) for tree in trees]
        place = place_in(state.specs, path)
        return found.below([masked(laid.value, place) for laid in over if laid is not MISSING])

    def override(self, **flags: Any) -> Overriding:
        """Have flags be these values, for everybody, while a `with` (or `async with`) block runs; for tests.

        It nests, and works before the first load as well. A flag need not be defined anywhere.

        Args:
            **flags: values by name.

        Raises:
            UsageError: a value is none that a flag can have.
        """
        for name, value in flags.items():
            if not is_a_value(value):
                raise UsageError(f"the flag '{name}' cannot be a {type(value).__name__}")
        values = {OVER: {name: Laid(value) for name, value in flags.items()}}
        return Overriding(self._lifecycle, self._cls, self._at, values, alone=True)  # type: ignore[arg-type]

    def _evaluation(self) -> Evaluation:
        try:
            return self.current._made  # not by way of a method: a flag is read all the time
        except NotStarted:
            raise NotStarted(_TOO_EARLY) from None

    def _field_path(self, text: str) -> Path:
        return ("flags", text)
