"""An OpenFeature provider whose flags are those of a dynconf configuration."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from dynconf._dispatch.standing import StandingSubscription
from dynconf._dispatch.subscriptions import Subscription
from dynconf._faces.status import sources_status
from dynconf._models.compare import equal
from dynconf._values.snapshot import Change
from dynconf.errors import MissingExtra, NotStarted

try:
    from openfeature import api
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.event import ProviderEvent, ProviderEventDetails
    from openfeature.exception import ProviderNotReadyError
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
    from openfeature.provider import AbstractProvider, FeatureProvider, Metadata, ProviderStatus
    from openfeature.track import TrackingEventDetails

    from dynconf._faces.flags import Flags
    from dynconf.flags.flag_set import FlagSet
except ImportError as _error:
    raise MissingExtra("the OpenFeature provider", "flags") from _error

__all__ = ["DynconfProvider"]

T = TypeVar("T")
_Tracker: TypeAlias = Callable[[str, EvaluationContext | None, TrackingEventDetails | None], object]
_NOT_LOADED = "the configuration is not loaded yet"
_Object: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_STATUS: Final = {
    ProviderEvent.PROVIDER_READY: ProviderStatus.READY,
    ProviderEvent.PROVIDER_STALE: ProviderStatus.STALE,
    ProviderEvent.PROVIDER_ERROR: ProviderStatus.ERROR,
}
"""What OpenFeature holds of a provider that has said so."""
_SAID_OF_INITIALIZE: Final = (ProviderEvent.PROVIDER_READY, ProviderEvent.PROVIDER_ERROR)


class _OwnClient(OpenFeatureClient):
    """A client of one provider, whatever domains that serves: only clients are told a provider's status."""

    def __init__(self, provider: FeatureProvider) -> None:
        super().__init__(None, None)
        self._own = provider

    @property
    def provider(self) -> FeatureProvider:
        """The one provider."""
        return self._own


class DynconfProvider(AbstractProvider):
    """Answers OpenFeature's clients from a Config's flags, in process, in sync and async code alike.

        api.set_provider_and_wait(DynconfProvider(config.flags()))

    It is ready once the Config has loaded, which it does not do itself: a provider that is set before that is
    in error until then. It is stale while a source's newest content does not serve, because the source does
    not answer or the content was refused, and after a stop; the last good content goes on serving then.
    It is never fatal: whatever kept the Config from loading, it may be started again. A change of flags is
    announced with the names of those that differ, if only in their metadata.

    Args:
        flags: what `config.flags(...)` gave.
        track: called with each tracking event's name, context and details, as a client's `track` gives them;
            by default they go nowhere.
    """

    def __init__(self, flags: Flags, *, track: _Tracker | None = None) -> None:
        super().__init__()
        self._flags = flags
        self._tracker = track
        self._client = _OwnClient(self)
        self._said = ProviderEvent.PROVIDER_READY
        self._subscriptions: list[Subscription[Any]] = []

    def get_metadata(self) -> Metadata:
        """The provider's name, `dynconf`."""
        return Metadata("dynconf")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Follow the flags, and how it stands with their sources.

        Raises:
            ProviderNotReadyError: the Config has not loaded yet; it says ready once it has.
        """
        self.shutdown()
        self._said, _ = self._standing()
        dispatcher = self._flags._lifecycle.publisher.dispatcher
        self._subscriptions = [
            self._flags.on_change()(self._changed),
            StandingSubscription(dispatcher, self._look),
        ]
        # Once this is over OpenFeature says ready or error, whatever happens meanwhile, and knows no stale.
        for event in _SAID_OF_INITIALIZE:
            api.add_handler(event, self._look)
        self._look()
        if self._said is ProviderEvent.PROVIDER_ERROR:
            raise ProviderNotReadyError(_NOT_LOADED)

    def shutdown(self) -> None:
        """Follow nothing any more; the Config goes on."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.close()
        if subscriptions:
            for event in _SAID_OF_INITIALIZE:
                with suppress(ValueError):  # OpenFeature was cleared meanwhile
                    api.remove_handler(event, self._look)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Hand a tracking event on."""
        if self._tracker is not None:
            self._tracker(tracking_event_name, evaluation_context, tracking_event_details)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A boolean flag."""
        return self._resolve(flag_key, default_value, evaluation_context, bool)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A flag whose values are texts."""
        return self._resolve(flag_key, default_value, evaluation_context, str)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A flag whose values are whole numbers."""
        return self._resolve(flag_key, default_value, evaluation_context, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A flag whose values are numbers."""
        return self._resolve(flag_key, default_value, evaluation_context, float)

    def resolve_object_details(
        self, flag_key: str, default_value: _Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Object]:
        """A flag whose values are mappings or lists."""
        return self._resolve(flag_key, default_value, evaluation_context, dict)

    def _resolve(
        self, flag: str, default: T, context: EvaluationContext | None, wanted: type
    ) -> FlagResolutionDetails[T]:
        try:
            evaluation = self._flags._evaluation()
        except NotStarted as error:
            raise ProviderNotReadyError(str(error)) from None
        return evaluation.resolve(flag, default, context, {}, wanted)

    def _changed(self, change: Change[FlagSet]) -> None:
        old, new = change.old, change.new
        names = [
            name
            for name in {**old.flags, **new.flags}
            if not equal(old.flags.get(name), new.flags.get(name))
            or not equal(old.metadata_of(name), new.metadata_of(name))
        ]
        if names:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(names)))

    def _look(self, _: object = None) -> None:
        """Say how it stands where OpenFeature holds something else of this provider.

        It is looked at again after that: what was said may be out of date by then, on another thread.
        """
        while self._subscriptions:
            event, why = self._standing()
            held = self._client.get_provider_status()
            if (
                held is ProviderStatus.NOT_READY
            ):  # while it is initialized, or if it is part of another provider
                held = _STATUS[self._said]
            if held is _STATUS[event]:
                return
            self._said = event
            self.emit(event, ProviderEventDetails(message=why))

    def _standing(self) -> tuple[ProviderEvent, str | None]:
        """What is to be said, and why."""
        lifecycle = self._flags._lifecycle
        if lifecycle.publisher.snapshot is None or lifecycle.manager is None:
            return ProviderEvent.PROVIDER_ERROR, _NOT_LOADED
        if not lifecycle.running:
            return ProviderEvent.PROVIDER_STALE, "the configuration is stopped"
        sources = sources_status(lifecycle.manager, running=True)
        behind = [source.source for source in sources if source.state != "live"]
        if behind:
            return ProviderEvent.PROVIDER_STALE, f"what serves is not the newest of {', '.join(behind)}"
        return ProviderEvent.PROVIDER_READY, None
