"""For your tests: a pytest plugin, a clock that a test moves by hand, and the contract of sources.

The plugin comes with the package and brings one fixture, `dynconf_config`:

    def test_greeting(dynconf_config):
        config = dynconf_config({"show_message": "hi"})
        assert config.bind(AppSettings).current.show_message == "hi"

`ManualClock` goes into `Config(clock=...)`. A source of your own is right when it passes
`SourceContract`.
"""

import threading
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from dynconf._values.source import Source
    from dynconf.config import Config
    from dynconf.testing._clock import ManualClock as ManualClock
    from dynconf.testing._contract import SourceContract as SourceContract

__all__ = ["ConfigMaker", "ManualClock", "SourceContract", "dynconf_config"]

# Every test run loads this module, also those that never use it: it imports nothing more.
_HOMES = {"ManualClock": "dynconf.testing._clock", "SourceContract": "dynconf.testing._contract"}

_numbers = count(1)


class ConfigMaker(Protocol):
    """What the fixture `dynconf_config` is: call it for a `Config` of this test's own."""

    def __call__(
        self, *sources: "Source | str | Mapping[str, Any]", start: bool = True, **options: Any
    ) -> "Config":
        """Make a Config and start it on a thread; it is stopped when the test is over.

        Args:
            *sources: lowest first; a mapping stands for a `Memory` that holds it.
            start: `False` to start it in the test, as `async with config:` does.
            **options: what `Config` takes besides.
        """
        ...


@pytest.fixture
def dynconf_config() -> Iterator[ConfigMaker]:
    """Make Configs that are started and stopped for the test.

    The test fails if it leaves something of one behind: one that runs in an event loop, an
    override, or a callback that does not end.
    """
    made: list[Config] = []

    def make(*sources: "Source | str | Mapping[str, Any]", start: bool = True, **options: Any) -> "Config":
        from dynconf.config import Config  # noqa: PLC0415 - only who asks pays for it
        from dynconf.sources.memory import Memory  # noqa: PLC0415

        # Threads bear it, and one of an earlier test's that does not end is nothing of this one's.
        options.setdefault("name", f"dynconf-test-{next(_numbers)}")
        given = [Memory(source) if isinstance(source, Mapping) else source for source in sources]
        config = Config(*given, **options)
        made.append(config)
        if start:
            config.start()
        return config

    yield make
    left = [text for config in made for text in _end(config)]
    if left:
        pytest.fail("left behind by the test: " + "; ".join(left), pytrace=False)


def _end(config: "Config") -> list[str]:
    """Stop a Config and say what the test left of it."""
    lifecycle = config._lifecycle
    name, left = lifecycle.options.name, []
    if lifecycle.publisher.store.state.overrides:
        left.append(f"{name} has an override that was never left")
    host = lifecycle.host
    if host is not None and not host.threaded:
        left.append(f"{name} runs in an event loop and was never stopped: use `async with`, or await astop()")
        host.abort()
        return left
    config.stop()
    threads = [one.name for one in threading.enumerate() if one.name.startswith(f"{name}-callback-")]
    if threads:
        left.append(f"{name} has {len(threads)} callbacks that did not end within a second of stop()")
    return left


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dynconf.testing' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
