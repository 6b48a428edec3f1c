"""Has a library patch Python, but for some parts, runs a Config in some way, and says how it went."""

import asyncio
import sys
import warnings
from collections.abc import Callable
from importlib import import_module

from dynconf import Config, Memory
from dynconf.errors import UsageError

library, way, *spared = sys.argv[1:]
with warnings.catch_warnings(action="ignore"):  # of eventlet's own end
    if library == "gevent":
        import_module("gevent.monkey").patch_all(**dict.fromkeys(spared, False))
    elif library == "eventlet":
        import_module("eventlet").monkey_patch()

config = Config(Memory({"n": 1}))
ways: dict[str, Callable[[], object]] = {
    "start": config.start,
    "load": config.load,
    "astart": lambda: asyncio.run(config.astart()),
}
try:
    ways[way]()
except UsageError as error:
    sys.stdout.write(f"{error}\n")
else:
    config.stop()
    sys.stdout.write("it works\n")
