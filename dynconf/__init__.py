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
    from dynconf._dispatch.subscriptions import Subscription as Subscription
    from dynconf._faces.binding import Binding as Binding
    from dynconf._faces.explain import Explanation as Explanation
    from dynconf._faces.flags import Flags as Flags
    from dynconf._faces.reports import History as History
    from dynconf._faces.reports import UnusedKeys as UnusedKeys
    from dynconf._faces.status import Status as Status
    from dynconf._manager.publisher import Applied as Applied
    from dynconf._models.overlay import Settings as Settings
    from dynconf._origin import Origin as Origin
    from dynconf._origin import Problem as Problem
    from dynconf._values.clock import Clock as Clock
    from dynconf._values.limits import Limits as Limits
    from dynconf._values.merge import Merge as Merge
    from dynconf._values.snapshot import Change as Change
    from dynconf._values.snapshot import Folder as Folder
    from dynconf._values.snapshot import Names as Names
    from dynconf._values.snapshot import Update as Update
    from dynconf._values.snapshot import View as View
    from dynconf._values.source import Feed as Feed
    from dynconf._values.source import Source as Source
    from dynconf.config import Config as Config
    from dynconf.errors import DynconfError as DynconfError
    from dynconf.errors import NotStarted as NotStarted
    from dynconf.errors import Veto as Veto
    from dynconf.flags.definition import Flag as Flag
    from dynconf.flags.evaluating import FlagDetails as FlagDetails
    from dynconf.flags.flag_set import FlagSet as FlagSet
    from dynconf.resources.resource import Resource as Resource
    from dynconf.sources.consul import Consul as Consul
    from dynconf.sources.consul_server import ConsulEntry as ConsulEntry
    from dynconf.sources.consul_server import ConsulOperation as ConsulOperation
    from dynconf.sources.consul_server import ConsulServer as ConsulServer
    from dynconf.sources.env import Env as Env
    from dynconf.sources.file import File as File
    from dynconf.sources.memory import Memory as Memory
    from dynconf.sources.nacos import Nacos as Nacos
    from dynconf.sources.nacos_server import NacosConfig as NacosConfig
    from dynconf.sources.nacos_server import NacosKey as NacosKey
    from dynconf.sources.nacos_server import NacosRevision as NacosRevision
    from dynconf.sources.nacos_server import NacosServer as NacosServer

_HOMES = {
    "Applied": "dynconf._manager.publisher",
    "Binding": "dynconf._faces.binding",
    "Clock": "dynconf._values.clock",
    "Change": "dynconf._values.snapshot",
    "Config": "dynconf.config",
    "Consul": "dynconf.sources.consul",
    "ConsulEntry": "dynconf.sources.consul_server",
    "ConsulOperation": "dynconf.sources.consul_server",
    "ConsulServer": "dynconf.sources.consul_server",
    "DynconfError": "dynconf.errors",
    "Env": "dynconf.sources.env",
    "Explanation": "dynconf._faces.explain",
    "Feed": "dynconf._values.source",
    "File": "dynconf.sources.file",
    "Flag": "dynconf.flags.definition",
    "FlagDetails": "dynconf.flags.evaluating",
    "FlagSet": "dynconf.flags.flag_set",
    "Flags": "dynconf._faces.flags",
    "Folder": "dynconf._values.snapshot",
    "History": "dynconf._faces.reports",
    "Limits": "dynconf._values.limits",
    "Memory": "dynconf.sources.memory",
    "Merge": "dynconf._values.merge",
    "Nacos": "dynconf.sources.nacos",
    "NacosConfig": "dynconf.sources.nacos_server",
    "NacosKey": "dynconf.sources.nacos_server",
    "NacosRevision": "dynconf.sources.nacos_server",
    "NacosServer": "dynconf.sources.nacos_server",
    "Names": "dynconf._values.snapshot",
    "NotStarted": "dynconf.errors",
    "Origin": "dynconf._origin",
    "Problem": "dynconf._origin",
    "Resource": "dynconf.resources.resource",
    "Settings": "dynconf._models.overlay",
    "Source": "dynconf._values.source",
    "Status": "dynconf._faces.status",
    "Subscription": "dynconf._dispatch.subscriptions",
    "UnusedKeys": "dynconf._faces.reports",
    "Update": "dynconf._values.snapshot",
    "Veto": "dynconf.errors",
    "View": "dynconf._values.snapshot",
}

__all__ = [
    "Applied",
    "Binding",
    "Change",
    "Clock",
    "Config",
    "Consul",
    "ConsulEntry",
    "ConsulOperation",
    "ConsulServer",
    "DynconfError",
    "Env",
    "Explanation",
    "Feed",
    "File",
    "Flag",
    "FlagDetails",
    "FlagSet",
    "Flags",
    "Folder",
    "History",
    "Limits",
    "Memory",
    "Merge",
    "Nacos",
    "NacosConfig",
    "NacosKey",
    "NacosRevision",
    "NacosServer",
    "Names",
    "NotStarted",
    "Origin",
    "Problem",
    "Resource",
    "Settings",
    "Source",
    "Status",
    "Subscription",
    "UnusedKeys",
    "Update",
    "Veto",
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
