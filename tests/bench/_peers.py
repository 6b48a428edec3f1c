"""The libraries that dynconf is measured against.

They are there for `make bench` only, so the type checkers must do without them.
"""

from importlib import import_module
from typing import Any

DynamicConfig: Any = import_module("dynamic_config").DynamicConfig
Dynaconf: Any = import_module("dynaconf").Dynaconf
ConsulClient: Any = import_module("consul").Consul
