"""Typed settings that stay live: layered sources, merged, validated, reloaded, subscribers told.

    from dynconf import Config, File, Settings

    class AppSettings(Settings):
        show_message: str = "hello"

    config = Config(File("app.yaml"))
    settings = config.bind(AppSettings)
    with config:
        print(settings.current.show_message)

Names are imported when they are first used, so that importing the package costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynconf._binding import Binding as Binding
    from dynconf._explain import Explanation as Explanation
    from dynconf._limits import Limits as Limits
    from dynconf._merge import Merge as Merge
    from dynconf._origin import Origin as Origin
    from dynconf._origin import Problem as Problem
    from dynconf._overlay import Settings as Settings
    from dynconf._publisher import Applied as Applied
    from dynconf._snapshot import Change as Change
    from dynconf._snapshot import Names as Names
    from dynconf._snapshot import Update as Update
    from dynconf._snapshot import View as View
    from dynconf._source import Feed as Feed
    from dynconf._source import Source as Source
    from dynconf._status import Status as Status
    from dynconf._subscriptions import Subscription as Subscription
    from dynconf.config import Config as Config
    from dynconf.errors import DynconfError as DynconfError
    from dynconf.errors import NotStarted as NotStarted
    from dynconf.sources.env import Env as Env
    from dynconf.sources.file import File as File
    from dynconf.sources.memory import Memory as Memory

_HOMES = {
    "Applied": "dynconf._publisher",
    "Binding": "dynconf._binding",
    "Change": "dynconf._snapshot",
    "Config": "dynconf.config",
    "DynconfError": "dynconf.errors",
    "Env": "dynconf.sources.env",
    "Explanation": "dynconf._explain",
    "Feed": "dynconf._source",
    "File": "dynconf.sources.file",
    "Limits": "dynconf._limits",
    "Memory": "dynconf.sources.memory",
    "Merge": "dynconf._merge",
    "Names": "dynconf._snapshot",
    "NotStarted": "dynconf.errors",
    "Origin": "dynconf._origin",
    "Problem": "dynconf._origin",
    "Settings": "dynconf._overlay",
    "Source": "dynconf._source",
    "Status": "dynconf._status",
    "Subscription": "dynconf._subscriptions",
    "Update": "dynconf._snapshot",
    "View": "dynconf._snapshot",
}

__all__ = [
    "Applied",
    "Binding",
    "Change",
    "Config",
    "DynconfError",
    "Env",
    "Explanation",
    "Feed",
    "File",
    "Limits",
    "Memory",
    "Merge",
    "Names",
    "NotStarted",
    "Origin",
    "Problem",
    "Settings",
    "Source",
    "Status",
    "Subscription",
    "Update",
    "View",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dynconf' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
