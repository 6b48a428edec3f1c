"""Any dynconf source within an ordinary pydantic-settings class: loaded once, not watched."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from dynconf._models.build import type_name
from dynconf._models.overlay import NO_OVERLAY
from dynconf._models.schema import merges_of
from dynconf._origin import Problem
from dynconf._store.draft import Draft, Indexes
from dynconf._store.seen import seen
from dynconf._store.state import Candidate, Spec, State
from dynconf._values.merge import rules_of
from dynconf._values.source import Source
from dynconf._values.tree import MISSING, Path, copied, dotted, find, parse_path
from dynconf.config import Config
from dynconf.errors import ChangeRefused, StartFailed

__all__ = ["DynconfSettingsSource"]


class DynconfSettingsSource(PydanticBaseSettingsSource):
    """Sources for `settings_customise_sources`, merged as a `Config` would merge them.

    They are read anew, and waited for, each time that the class is instantiated; that works within
    a running event loop as well, and holds it up meanwhile.

    Args:
        settings_cls: the class that they are for; its merge policies hold, and its fields tell
            what environment variables mean.
        *sources: lowest priority first, or their one-line addresses.
        at: the dotted path whose content is wanted.
        **options: what `Config` takes besides sources, such as `profile` and `start_timeout`.

    Raises:
        BootstrapError: an address cannot be understood.
        UsageError: a source needs a profile and none is set, or two merge policies disagree.
    """

    def __init__(
        self, settings_cls: type[BaseSettings], *sources: Source | str, at: str = "", **options: Any
    ) -> None:
        super().__init__(settings_cls)
        self._config = Config(*sources, **options)
        self._at = parse_path(at)

    def __call__(self) -> dict[str, Any]:
        """Load everything once; what stands at the path, in containers of its own.

        Raises:
            StartFailed: naming each source that did not answer or was not acceptable.
        """
        self._config.load()
        return _tree_for(self.settings_cls, self._at, self._config._lifecycle.publisher.store.state)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Nothing: the whole tree is given at once."""
        return None, field_name, False


def _tree_for(cls: type[BaseSettings], at: Path, state: State) -> dict[str, Any]:
    """What the layers say to a class; not validated, as the class's other sources may complete it."""
    policies = (*state.policies, *merges_of(cls, at))
    bound = State(specs=(Spec(cls, at),), overlays=(NO_OVERLAY,), policies=policies, rules=rules_of(policies))
    draft = Draft(bound, Indexes(bound.specs))
    _, problems = draft.merge([Candidate(rank, layer) for rank, layer in state.layers.items()])
    found = find(draft.state.tree, at)
    if not (found is MISSING or isinstance(found, dict)):
        problems = (Problem(dotted(at), f"expected a mapping for {cls.__name__}", type_name(found)),)
    if problems:
        raise StartFailed([ChangeRefused(problems, "the settings are not valid")])

    return {} if found is MISSING else copied(seen(draft.state, 0))
