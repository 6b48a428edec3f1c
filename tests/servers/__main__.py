"""`python -m tests.servers` makes every server's program; with a name it runs that server until Ctrl-C."""
# ruff: noqa: T201 - it reports to the terminal

import argparse
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.servers.builds import Build, Unavailable
from tests.servers.consul import CONSUL, ConsulAgent
from tests.servers.nacos2 import NACOS2, Nacos2
from tests.servers.nacos3 import NACOS3, Nacos3
from tests.servers.nacos_sdk import SDK_1, SDK_3
from tests.servers.process import Process, ServerFailed
from tests.servers.redis import REDIS, RedisServer
from tests.servers.toxiproxy import TOXIPROXY, Toxiproxy

BUILDS = [CONSUL, REDIS, TOXIPROXY, NACOS3, NACOS2, SDK_3, SDK_1]  # the longest first
AT_ONCE = 2
SERVERS: dict[str, tuple[Build, Callable[..., Process]]] = {
    "consul": (CONSUL, ConsulAgent),
    "nacos2": (NACOS2, Nacos2),
    "nacos3": (NACOS3, partial(Nacos3, console=True)),
    "redis": (REDIS, RedisServer),
    "toxiproxy": (TOXIPROXY, Toxiproxy),
}


def make_all() -> None:
    """Make what is not there yet, two at a time. What cannot be had is told here and by the tests."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, BUILDS))


def make(build: Build) -> None:
    """Make one program, and say what became of it."""
    began = time.monotonic()
    try:
        program = build.ensure(lambda what: print(f"{build.name}: {what}", flush=True))
    except (Unavailable, OSError) as error:
        print(f"{build.name}: MISSING, and its tests will be skipped: {error}", flush=True)
    else:
        print(f"{build.name}: {program} ({time.monotonic() - began:.0f} s)", flush=True)


def run(build: Build, server: Process) -> None:
    """Run one server in the foreground, empty, until it is told to end."""
    try:
        build.ensure(lambda what: print(f"{build.name}: {what}", flush=True))
        server.start()
        print(f"{build.name}: at {server.address}, its log is {server.log}; Ctrl-C ends it", flush=True)
        while server.running:
            time.sleep(0.2)
    except (Unavailable, ServerFailed) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument(
        "server", nargs="?", choices=SERVERS, help="the one to run; without, all programs are made"
    )
    parser.add_argument("--port", type=int, help="where the server is to be; a free port unless given")
    arguments = parser.parse_args()
    if arguments.server is None:
        make_all()
        return
    build, server_type = SERVERS[arguments.server]
    with tempfile.TemporaryDirectory(prefix=f"dynconf-{build.name}-") as folder:
        run(build, server_type(Path(folder), port=arguments.port))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
