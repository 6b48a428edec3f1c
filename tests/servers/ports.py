"""Ports that nobody else takes: not the kernel for a client's socket, and not another run of the tests."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

FIRST = 10_000  # above what servers listen on by default
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")

_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that is this run's alone until it ends, also while no server listens on it."""
    candidates = list(range(FIRST, _first_ephemeral()))
    random.shuffle(candidates)
    for port in candidates:
        if port not in _given and _reserve(port) and _is_free(port):
            _given.add(port)
            return port
    raise OSError(f"no port from {FIRST} to {_first_ephemeral()} is free")


def _first_ephemeral() -> int:
    """Where the range begins that the kernel takes ports from as it likes."""
    try:
        return max(int(EPHEMERAL.read_text().split()[0]), FIRST + 1000)
    except (OSError, ValueError):
        return 32_768


def _reserve(port: int) -> bool:
    """Lock the byte that stands for the port; the kernel unlocks it when this process ends."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _reservations() -> int:
    """The file whose bytes stand for ports. It stays open: closing it would give all of them up."""
    path = Path(tempfile.gettempdir()) / f"dynconf-tests-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _is_free(port: int) -> bool:
    """Whether both kinds of sockets can be bound: Consul's gossip takes both."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
