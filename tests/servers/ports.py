"""Ports that nobody else takes: not the kernel for a client's socket, and not another run of the tests."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FIRST = 10_000  # above what servers listen on by default
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")

_given: set[int] = set()


def free_port(beside: Iterable[int] = ()) -> int:
    """A port of 127.0.0.1 that is this run's alone until it ends, also while no server listens on it.

    Args:
        beside: offsets of further ports that go with it, such as 1000; they are this run's alone as well.
    """
    offsets = [0, *beside]
    first, end = FIRST - min(offsets), _first_ephemeral() - max(offsets)
    candidates = list(range(first, end))
    random.shuffle(candidates)
    for port in candidates:
        if _take([port + offset for offset in offsets]):
            return port
    raise OSError(f"no port from {first} to {end} is free")


def _take(ports: list[int]) -> bool:
    """Make all of them this run's, or none: what a lock refuses is another run's, and the rest is let go."""
    if not _given.isdisjoint(ports):
        return False
    if all(_reserve(port) and _is_free(port) for port in ports):
        _given.update(ports)
        return True
    for port in ports:
        fcntl.lockf(_reservations(), fcntl.LOCK_UN, 1, port)
    return False


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
