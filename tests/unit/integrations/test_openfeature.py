"""The OpenFeature provider: what the specification's evaluation scenarios ask for, states, and events.

The scenarios are those of the specification's `evaluation.feature` and of its successor, told as tables.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ProviderNotReadyError
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagEvaluationOptions
from openfeature.hook import Hook
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails
from openfeature.transaction_context import (
    ContextVarsTransactionContextPropagator,
    clear_transaction_context_propagator,
    set_transaction_context,
    set_transaction_context_propagator,
)

from dynconf import Config, File, Memory
from dynconf.errors import StartFailed
from dynconf.integrations.openfeature import DynconfProvider
from tests.unit.core_props import Told
from tests.unit.flags.definitions import COLOUR, switch

PICTURES = {"showImages": True, "title": "Check out these pics!", "imagesPerPage": 100}


def flag(variants: dict[str, Any], default: str, targeting: Any = None, **more: Any) -> dict[str, Any]:
    """A flag."""
    return {
        "state": "ENABLED",
        "variants": variants,
        "defaultVariant": default,
        "targeting": targeting or {},
        **more,
    }


def zero(nothing: Any, something: Any) -> dict[str, dict[str, Any]]:
    """A flag that is nothing, and one that is so by a rule."""
    variants = {"zero": nothing, "something": something}
    rule = {"if": [{"==": [{"var": "email"}, "ballmer@macrosoft.com"]}, "zero"]}
    return {"zero-flag": flag(variants, "zero"), "targeted-zero-flag": flag(variants, "zero", rule)}


INTERNAL = {
    "if": [
        {
            "and": [
                {"==": [{"var": "fn"}, "Sulisław"]},
                {"==": [{"var": "ln"}, "Świętopełk"]},
                {"==": [{"var": "age"}, 29]},
                {"==": [{"var": "customer"}, False]},
            ]
        },
        "internal",
    ]
}
METADATA = {"string": "1.0.2", "integer": 2, "float": 0.1, "boolean": True}
FLAGS: dict[str, Any] = {
    "boolean-flag": flag({"on": True, "off": False}, "on"),
    "string-flag": flag({"greeting": "hi", "parting": "bye"}, "greeting"),
    "integer-flag": flag({"one": 1, "ten": 10}, "ten"),
    "float-flag": flag({"tenth": 0.1, "half": 0.5}, "half"),
    "object-flag": flag({"empty": {}, "template": PICTURES}, "template"),
    "context-aware": flag({"internal": "INTERNAL", "external": "EXTERNAL"}, "external", INTERNAL),
    "wrong-flag": flag({"one": "uno", "two": "dos"}, "one"),
    "metadata-flag": flag({"on": True, "off": False}, "on", metadata=METADATA),
    "disabled-flag": flag({"on": True, "off": False}, "on") | {"state": "DISABLED"},
    **{f"boolean-{name}": one for name, one in zero(nothing=False, something=True).items()},
    **{f"string-{name}": one for name, one in zero("", "str").items()},
    **{f"integer-{name}": one for name, one in zero(0, 1).items()},
    **{f"float-{name}": one for name, one in zero(0.0, 1.0).items()},
    **{f"object-{name}": one for name, one in zero({}, {"a": 1}).items()},
}
DEFAULTS: dict[str, Any] = {"boolean": False, "string": "bye", "integer": 1, "float": 0.1, "object": {"a": 1}}


@pytest.fixture(autouse=True)
def _no_providers() -> Iterator[None]:
    """OpenFeature as if nobody had used it."""
    yield
    api.clear_providers()
    api.clear_hooks()
    api.set_evaluation_context(EvaluationContext())


@pytest.fixture
def client() -> Iterator[OpenFeatureClient]:
    """A client whose provider has the scenarios' flags."""
    with Config(Memory({"flags": FLAGS})) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        yield api.get_client()


def evaluated(
    client: OpenFeatureClient, kind: str, key: str, default: Any, context: EvaluationContext | None = None
) -> FlagEvaluationDetails[Any]:
    """What a client answers, in sync code as in async code."""
    found = getattr(client, f"get_{kind}_details")(key, default, context)
    assert getattr(client, f"get_{kind}_value")(key, default, context) == found.value
    assert asyncio.run(getattr(client, f"get_{kind}_details_async")(key, default, context)) == found
    assert isinstance(found, FlagEvaluationDetails)
    return found


@pytest.mark.parametrize(
    ("kind", "value", "variant"),
    [
        ("boolean", True, "on"),
        ("string", "hi", "greeting"),
        ("integer", 10, "ten"),
        ("float", 0.5, "half"),
        ("object", PICTURES, "template"),
    ],
)
def test_values_and_details(client: OpenFeatureClient, kind: str, value: Any, variant: str) -> None:
    """A flag of each type has its value, with the key, the variant and the reason."""
    found = evaluated(client, kind, f"{kind}-flag", DEFAULTS[kind])
    assert (found.flag_key, found.value, found.variant) == (f"{kind}-flag", value, variant)
    assert (found.reason, found.error_code) == ("STATIC", None)


def test_object_with_null_default(client: OpenFeatureClient) -> None:
    """An object may be asked for without a default."""
    found = client.get_object_details("object-flag", None)  # type: ignore[arg-type]
    assert (found.value, found.variant) == (PICTURES, "template")


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (EvaluationContext(None, {"email": "ballmer@macrosoft.com"}), "TARGETING_MATCH"),
        (EvaluationContext(None, {"email": "ballmer@none.com"}), "DEFAULT"),
        (EvaluationContext(None, {"email": None}), "DEFAULT"),  # type: ignore[dict-item]
        (None, "DEFAULT"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "value", "default"),
    [
        ("boolean", False, True),
        ("string", "", "hi"),
        ("integer", 0, 1),
        ("float", 0.0, 0.1),
        ("object", {}, {"a": 1}),
    ],
)
def test_zero_values(
    client: OpenFeatureClient,
    kind: str,
    value: Any,
    default: Any,
    context: EvaluationContext | None,
    reason: str,
) -> None:
    """False, nought and what is empty are values, not reasons to use the default."""
    assert evaluated(client, kind, f"{kind}-zero-flag", default).value == value
    found = evaluated(client, kind, f"{kind}-targeted-zero-flag", default, context)
    assert (found.value, found.reason, found.variant) == (value, reason, "zero")


def test_by_context(client: OpenFeatureClient) -> None:
    """A rule sees what the context holds, whatever its letters; without one the default variant holds."""
    who = EvaluationContext(None, {"fn": "Sulisław", "ln": "Świętopełk", "age": 29, "customer": False})
    assert evaluated(client, "string", "context-aware", "EXTERNAL", who).value == "INTERNAL"
    assert evaluated(client, "string", "context-aware", "EXTERNAL").value == "EXTERNAL"


@pytest.mark.parametrize("kind", DEFAULTS)
def test_missing_flag(client: OpenFeatureClient, kind: str) -> None:
    """A flag that is not there is the default, and the error says so."""
    found = evaluated(client, kind, "missing-flag", DEFAULTS[kind])
    assert (found.value, found.reason, found.error_code) == (DEFAULTS[kind], "ERROR", "FLAG_NOT_FOUND")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        *(("string-flag", kind) for kind in DEFAULTS if kind != "string"),
        *(("boolean-flag", kind) for kind in ("string", "integer", "object")),
        *(
            (f"{number}-flag", kind)
            for number in ("integer", "float")
            for kind in ("boolean", "string", "object")
        ),
        *(("object-flag", kind) for kind in DEFAULTS if kind != "object"),
        ("float-flag", "integer"),
        ("wrong-flag", "integer"),
    ],
)
def test_wrong_type(client: OpenFeatureClient, key: str, kind: str) -> None:
    """A flag that is asked for as another type is the default; a number loses no part of it."""
    found = evaluated(client, kind, key, DEFAULTS[kind])
    assert (found.value, found.reason, found.error_code) == (DEFAULTS[kind], "ERROR", "TYPE_MISMATCH")


def test_whole_number_as_float(client: OpenFeatureClient) -> None:
    """A whole number may be asked for as a float, with a default that is none."""
    assert evaluated(client, "float", "integer-flag", 1.5).value == 10.0
    assert client.get_float_value("float-flag", 1) == 0.5


def test_metadata_and_disabled(client: OpenFeatureClient) -> None:
    """A flag's metadata come along; a disabled flag is the default and no error."""
    assert evaluated(client, "boolean", "metadata-flag", default=True).flag_metadata == METADATA
    found = evaluated(client, "boolean", "disabled-flag", default=False)
    assert (found.value, found.reason, found.error_code) == (False, "DISABLED", None)


def heard(client: OpenFeatureClient, event: ProviderEvent) -> Told:
    """What a client is told of an event."""
    told = Told()
    client.add_handler(event, told)
    return told


def test_not_loaded_yet() -> None:
    """Set before the Config has loaded the provider is in error, and serves defaults; then it is ready."""
    config = Config(Memory({"flags": FLAGS}))
    client = api.get_client("early")
    errors, ready = heard(client, ProviderEvent.PROVIDER_ERROR), Told()
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(DynconfProvider(config.flags()), "early")
    assert "the configuration is not loaded yet" in str(errors.wait(1)[0].message)
    assert client.get_provider_status() is ProviderStatus.ERROR
    found = evaluated(client, "boolean", "boolean-flag", default=False)
    assert (found.value, found.reason, found.error_code) == (False, "ERROR", "PROVIDER_NOT_READY")
    client.add_handler(ProviderEvent.PROVIDER_READY, ready)
    with config:
        ready.wait(1)
        assert client.get_provider_status() is ProviderStatus.READY
        assert client.get_boolean_value("boolean-flag", default_value=False)


def test_start_that_failed() -> None:
    """A provider whose Config could not start is in error, not fatal: once that has started it is ready."""
    document = Memory({"flags": {"boolean-flag": {"state": "?"}}})
    config = Config(document)
    flags, client = config.flags(), api.get_client("broken")
    with pytest.raises(StartFailed):
        config.start()
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(DynconfProvider(flags), "broken")
    with pytest.raises(StartFailed):
        config.start()
    assert client.get_provider_status() is ProviderStatus.ERROR
    found = evaluated(client, "boolean", "boolean-flag", default=False)
    assert (found.value, found.error_code) == (False, "PROVIDER_NOT_READY")
    ready = heard(client, ProviderEvent.PROVIDER_READY)
    document.set({"flags": FLAGS})
    with config:
        ready.wait(1)
        assert client.get_boolean_value("boolean-flag", default_value=False)


def test_source_goes_and_comes_back() -> None:
    """While a source does not answer the provider is stale and serves on; then it is ready again."""
    document = Memory({"flags": FLAGS}, remote=True)
    with Config(document) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        client = api.get_client()
        stale = heard(client, ProviderEvent.PROVIDER_STALE)
        document.fail()
        assert stale.wait(1)[0].message == "what serves is not the newest of memory"
        assert client.get_provider_status() is ProviderStatus.STALE
        assert client.get_boolean_value("boolean-flag", default_value=False)
        ready = heard(client, ProviderEvent.PROVIDER_READY)
        document.recover()
        ready.wait(1)
        assert client.get_provider_status() is ProviderStatus.READY


def test_providers_side_by_side() -> None:
    """Each of several providers says how it stands with itself, once; none answers what another says."""
    document, away, early = Memory({"flags": {"x": 0}}), Memory({"flags": {}}, remote=True), Memory({})
    said: dict[str, list[str]] = {"ready": [], "stale": [], "early": []}

    def note(domain: str, event: ProviderEvent) -> None:
        def handler(details: EventDetails) -> None:
            if details.provider_name == "dynconf":
                said[domain].append(event.name.removeprefix("PROVIDER_"))

        api.get_client(domain).add_handler(event, handler)

    def all_said() -> dict[str, list[str]]:
        """In the order of their names: OpenFeature's handlers run on several threads."""
        return {domain: sorted(events) for domain, events in said.items()}

    for domain in said:
        for event in ProviderEvent:
            if event is not ProviderEvent.PROVIDER_CONFIGURATION_CHANGED:
                note(domain, event)
    late = Config(early)
    with Config(document) as config, Config(away) as behind:
        errors = Told()
        behind.on_error(errors)
        away.fail()
        errors.wait(1)
        stale = heard(api.get_client("stale"), ProviderEvent.PROVIDER_STALE)
        changed = heard(api.get_client("ready"), ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        api.set_provider_and_wait(DynconfProvider(behind.flags()), "stale")
        stale.wait(1)
        with pytest.raises(ProviderNotReadyError):
            api.set_provider_and_wait(DynconfProvider(late.flags()), "early")
        api.set_provider_and_wait(DynconfProvider(config.flags()), "ready")
        # Each waits in the same queue as whatever the providers would still say to one another.
        for count in range(1, 50):
            document.set({"flags": {"x": count}})
            changed.wait(count)
        assert all_said() == {"ready": ["READY"], "stale": ["READY", "STALE"], "early": ["ERROR"]}
        again = heard(api.get_client("early"), ProviderEvent.PROVIDER_READY)
        with late:
            again.wait(1)
            for count in range(50, 100):
                document.set({"flags": {"x": count}})
                changed.wait(count)
            assert all_said()["early"] == ["ERROR", "READY"]
            assert (said["ready"], len(said["stale"])) == (["READY"], 2)


def test_refused_content() -> None:
    """While a broken definition is refused the provider is stale; mended or taken back, it is ready again."""
    document = Memory({"flags": FLAGS})
    with Config(document) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        client = api.get_client()
        stale, ready = (
            heard(client, ProviderEvent.PROVIDER_STALE),
            heard(client, ProviderEvent.PROVIDER_READY),
        )
        ready.wait(1)
        for count, mended in enumerate([FLAGS, {"x": True}], 1):
            document.set({"flags": {"x": {"state": "?"}}})
            stale.wait(count)
            assert client.get_boolean_value("boolean-flag", default_value=False)
            document.set({"flags": mended})
            ready.wait(count + 1)


def test_stale_from_the_start() -> None:
    """A provider that is set while a source does not answer is stale, though OpenFeature says ready first."""
    document = Memory({"flags": FLAGS}, remote=True)
    with Config(document) as config:
        flags = config.flags()
        errors = Told()
        config.on_error(errors)
        document.fail()
        errors.wait(1)
        client = api.get_client("late")
        stale = heard(client, ProviderEvent.PROVIDER_STALE)
        api.set_provider_and_wait(DynconfProvider(flags), "late")
        stale.wait(1)
        assert client.get_provider_status() is ProviderStatus.STALE


def test_stop() -> None:
    """After a stop the provider is stale and serves on, until all is started again."""
    config = Config(Memory({"flags": FLAGS}))
    flags = config.flags()
    with config:
        api.set_provider_and_wait(DynconfProvider(flags))
        client = api.get_client()
        stale = heard(client, ProviderEvent.PROVIDER_STALE)
    assert stale.wait(1)[0].message == "the configuration is stopped"
    assert client.get_boolean_value("boolean-flag", default_value=False)
    ready = heard(client, ProviderEvent.PROVIDER_READY)
    with config:
        ready.wait(1)
        assert client.get_provider_status() is ProviderStatus.READY


def test_changes_name_their_flags() -> None:
    """A change is announced with the flags that came, went or differ; one of other settings is not."""
    document = Memory({"flags": {"same": True, "other": 1, "gone": switch()}, "greeting": "hello"})
    with Config(document) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        told = heard(api.get_client(), ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        document.set({"flags": {"same": True, "other": 1, "gone": switch()}, "greeting": "good bye"})
        document.set({"flags": {"new": COLOUR, "other": True, "same": True}})
        [event] = told.wait(1)
        assert isinstance(event, EventDetails)
        assert (event.provider_name, event.flags_changed) == ("dynconf", ["gone", "new", "other"])
        assert api.get_client().get_boolean_value("other", default_value=False)


def test_changes_of_metadata() -> None:
    """A change of what all flags' metadata say names those whose details differ, and no others."""
    own = switch(metadata={"team": "shop"})
    document = Memory({"flags": {"flags": {"x": True, "own": own}, "metadata": {"team": "all"}}})
    with Config(document) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        client = api.get_client()
        told = heard(client, ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        document.set({"flags": {"flags": {"x": True, "own": own}, "metadata": {"team": "none"}}})
        assert told.wait(1)[0].flags_changed == ["x"]
        assert client.get_boolean_details("x", default_value=False).flag_metadata == {"team": "none"}
        document.set({"flags": {"flags": {"x": True, "own": switch()}, "metadata": {"team": "none"}}})
        assert told.wait(2)[1].flags_changed == ["own"]


def test_shutdown() -> None:
    """A provider that is replaced follows nothing any more; the Config goes on."""
    with Config(Memory({"flags": {"x": 1}})) as config:
        flags = config.flags()
        provider = DynconfProvider(flags)
        api.set_provider_and_wait(provider)
        told = heard(api.get_client(), ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        followed = Told()
        flags.on_change()(followed)
        api.shutdown()
        with flags.override(x=2):
            followed.wait(1)
        provider.shutdown()
        assert config.status().running
    assert told.items == []


def test_within_another_provider() -> None:
    """A provider that OpenFeature does not know itself tells the one that it is part of how it stands."""
    document = Memory({"flags": FLAGS}, remote=True)
    with Config(document) as config:
        provider, told = DynconfProvider(config.flags()), Told()
        provider.attach(lambda _provider, event, _details: told(event))
        provider.initialize(EvaluationContext())
        document.fail()
        assert told.wait(1) == [ProviderEvent.PROVIDER_STALE]
        document.recover()
        assert told.wait(2)[1] is ProviderEvent.PROVIDER_READY
        provider.shutdown()


def test_shutdown_after_openfeature_was_cleared() -> None:
    """Replacing a provider and clearing OpenFeature at once may take its handlers before it is shut down."""
    with Config(Memory({"flags": {"x": 1}})) as config:
        provider = DynconfProvider(config.flags())
        provider.initialize(EvaluationContext())
        api.clear_providers()
        provider.shutdown()


def test_set_again() -> None:
    """A provider that was in error is set anew, and announces each change once."""
    document = Memory({"flags": {"x": 1}})
    config = Config(document)
    provider = DynconfProvider(config.flags())
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(provider)
    api.clear_providers()
    with config:
        api.set_provider_and_wait(provider)
        assert api.get_client().get_provider_status() is ProviderStatus.READY
        told = heard(api.get_client(), ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        for count in (1, 2):
            document.set({"flags": {"x": count + 1}})
            assert len(told.wait(count)) == count


def test_loaded_while_it_was_said_not_to_be() -> None:
    """If the Config loads just before OpenFeature says that the provider is in error, that is put right."""
    config = Config(Memory({"flags": {"x": 1}}))

    class Late(DynconfProvider):
        def initialize(self, evaluation_context: EvaluationContext) -> None:
            try:
                super().initialize(evaluation_context)
            finally:
                config.start()
                ready.wait(1)

    client = api.get_client()
    ready = Told()
    client.add_handler(
        ProviderEvent.PROVIDER_READY, lambda event: ready(event) if event.provider_name == "dynconf" else None
    )
    try:
        with pytest.raises(ProviderNotReadyError):
            api.set_provider_and_wait(Late(config.flags()))
        ready.wait(2)
        assert client.get_provider_status() is ProviderStatus.READY
    finally:
        config.stop()


def test_hooks_and_contexts(client: OpenFeatureClient) -> None:
    """Hooks are OpenFeature's own, as are the contexts of API, request and client, which reach the rules."""
    seen: list[Any] = []

    class Exposures(Hook):
        def after(self, hook_context: Any, details: FlagEvaluationDetails[Any], hints: Any) -> None:
            seen.append((details.flag_key, details.variant, hook_context.evaluation_context.targeting_key))

    set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
    api.set_evaluation_context(EvaluationContext(None, {"fn": "Sulisław"}))
    set_transaction_context(EvaluationContext("u1", {"ln": "Świętopełk"}))
    client.context = EvaluationContext(None, {"age": 29})
    found = client.get_string_details(
        "context-aware",
        "",
        EvaluationContext(None, {"customer": False}),
        FlagEvaluationOptions(hooks=[Exposures()]),
    )
    assert found.value == "INTERNAL"
    assert seen == [("context-aware", "internal", "u1")]
    clear_transaction_context_propagator()


def test_tracking() -> None:
    """Tracking events go to whom the program names; else nowhere."""
    tracked: list[Any] = []
    config = Config(Memory({}))
    flags = config.flags()
    config.load()
    api.set_provider_and_wait(DynconfProvider(flags, track=lambda *event: tracked.append(event)), "tracking")
    api.set_provider_and_wait(DynconfProvider(flags), "silent")
    details = TrackingEventDetails(9.5)
    for domain in ("tracking", "silent"):
        api.get_client(domain).track("bought", EvaluationContext("u1"), details)
    [(name, context, told)] = tracked
    assert (name, context.targeting_key, told) == ("bought", "u1", details)


def test_file(tmp_path: Any) -> None:
    """Flags of a file, edited while a client asks."""
    path = tmp_path / "flags.yaml"
    path.write_text("flags: {new: false}")
    with Config(File(path)) as config:
        api.set_provider_and_wait(DynconfProvider(config.flags()))
        told = heard(api.get_client(), ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        assert not api.get_client().get_boolean_value("new", default_value=True)
        path.write_text("flags: {new: true}")
        assert told.wait(1)[0].flags_changed == ["new"]
        assert api.get_client().get_boolean_value("new", default_value=False)
