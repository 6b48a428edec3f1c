"""Servers that answer to do harm: whatever they send is refused by a limit, in little room, and is no change.

What asks them is a process of its own, whose memory is measured and bounded.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import chain, repeat
from pathlib import Path

import pytest

from dynconf import Config, Consul, ConsulServer, Limits, Settings
from tests.servers.process import until

ROOT = Path(__file__).parents[2]
MOST = 200  # megabytes that a client may need besides

CHILD = textwrap.dedent(r"""
    import json, pathlib, re, resource, sys, time
    from dynconf import ConsulServer, NacosServer
    from dynconf.errors import DynconfError

    def memory(name):
        text = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(name + r":\s+(\d+) kB", text)[1]) // 1024

    def ask(server):
        try:
            return f"{server.get('a')}"
        except DynconfError as error:
            return f"{type(error).__name__}: {error}"

    ask(ConsulServer("127.0.0.1:1"))  # so that everything is imported
    most = (memory("VmSize") + 1000) << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for name, address in json.load(sys.stdin).items():
        for kind in (ConsulServer, NacosServer):
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before, began = memory("VmRSS"), time.monotonic()
            said = ask(kind(address))
            figures = round(time.monotonic() - began, 2), memory("VmHWM") - before
            print(json.dumps([name, kind.__name__, said, *figures]), flush=True)
""")


@contextmanager
def hostile(answer: Callable[[], Iterable[bytes]]) -> Iterator[str]:
    """The address of a server that says the same to whoever asks, as long as somebody listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    speaking: list[threading.Thread] = []

    def speak(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(65536)
            for part in answer():
                client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass

    def listen() -> None:
        with suppress(OSError):  # until it is closed
            while True:
                client, _ = listening.accept()
                speaking.append(threading.Thread(target=speak, args=(client,)))
                speaking[-1].start()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for one in speaking:
            one.join()


def head(*headers: str, status: str = "200 OK") -> bytes:
    """How an answer begins."""
    return "\r\n".join(
        [f"HTTP/1.1 {status}", "X-Consul-Index: 7", "Content-MD5: x", *headers, "", ""]
    ).encode()


def chunks(content: bytes) -> bytes:
    """A part of a body whose length is not said before."""
    return b"%x\r\n%s\r\n" % (len(content), content)


@cache
def bomb(layers: int) -> bytes:
    """Ten megabytes that unpack to ten gigabytes, or a hundred bytes that do so in layers."""
    if layers == 1:
        pack = zlib.compressobj(9, wbits=31)
        megabyte = bytes(1 << 20)
        # A thousandth of it, again and again: members of one file may follow each other.
        part = b"".join(pack.compress(megabyte) for _ in range(100)) + pack.flush()
        return part * 100
    return gzip.compress(bomb(1), 9)


FILL = b" " * 65536
ENDLESS: dict[str, tuple[Callable[[], Iterable[bytes]], str]] = {
    "a gzip bomb": (
        lambda: [head("Content-Encoding: gzip", f"Content-Length: {len(bomb(1))}"), bomb(1)],
        "compressed",
    ),
    "a gzip bomb in another": (
        lambda: [head("Content-Encoding: gzip, gzip", f"Content-Length: {len(bomb(2))}"), bomb(2)],
        "compressed",
    ),
    "a compressed transfer": (
        lambda: [head("Transfer-Encoding: gzip, chunked"), chunks(bomb(1))],
        "does not speak HTTP",
    ),
    "a body without an end": (lambda: chain([head()], repeat(FILL)), "more than 67108864 bytes"),
    "a body that is said to be huge": (
        lambda: chain([head(f"Content-Length: {10**15}")], repeat(FILL)),
        "more than 67108864 bytes",
    ),
    "chunks without an end": (
        lambda: chain([head("Transfer-Encoding: chunked")], repeat(chunks(FILL))),
        "more than 67108864 bytes",
    ),
    "tiny chunks": (
        lambda: chain([head("Transfer-Encoding: chunked")], repeat(chunks(b"xy") * 8000)),
        "tiny parts",
    ),
    "tiny chunks with words": (
        lambda: chain([head("Transfer-Encoding: chunked")], repeat(b"2;" + b"x" * 3000 + b"\r\nxy\r\n")),
        "tiny parts",
    ),
    "one huge chunk": (
        lambda: chain([head("Transfer-Encoding: chunked"), b"ffffffffffffffff\r\n"], repeat(FILL)),
        "more than 67108864 bytes",
    ),
    "a chunk's size without an end": (
        lambda: chain([head("Transfer-Encoding: chunked")], repeat(b"1" * 65536)),
        "does not speak HTTP",
    ),
    "a chunk's words without an end": (
        lambda: chain([head("Transfer-Encoding: chunked"), b"1;"], repeat(b"x" * 65536)),
        "does not speak HTTP",
    ),
    "trailers without an end": (
        lambda: chain([head("Transfer-Encoding: chunked"), b"0\r\n"], repeat(b"a: b\r\n" * 10_000)),
        "does not speak HTTP",
    ),
    "headers without an end": (
        lambda: chain([b"HTTP/1.1 200 OK\r\n"], repeat(b"a: b\r\n" * 10_000)),
        "does not speak HTTP",
    ),
    "one header without an end": (
        lambda: chain([b"HTTP/1.1 200 OK\r\na: "], repeat(FILL)),
        "does not speak HTTP",
    ),
    "a status line without an end": (lambda: chain([b"HTTP/1.1 200 "], repeat(FILL)), "does not speak HTTP"),
    "blank lines without an end": (lambda: repeat(b"\r\n" * 30_000), "does not speak HTTP"),
    "something else without an end": (lambda: repeat(os.urandom(65536)), "does not speak HTTP"),
}


def measure() -> dict[tuple[str, str], tuple[str, float, int]]:
    """What one process that asks all of these servers in turn says of each, and what it took."""
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(hostile(answer)) for name, (answer, _) in ENDLESS.items()}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD],
            input=json.dumps(addresses),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=55,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    found = {}
    for name, kind, said, seconds, megabytes in map(json.loads, done.stdout.splitlines()):
        found[name, kind] = (said, seconds, megabytes)
    return found


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], tuple[str, float, int]]:
    """The same, of one run for all tests."""
    return measure()


@pytest.mark.parametrize("kind", ["ConsulServer", "NacosServer"])
@pytest.mark.parametrize("name", ENDLESS)
def test_endless(
    name: str,
    kind: str,
    outcomes: dict[tuple[str, str], tuple[str, float, int]],
    record_property: Callable[[str, object], None],
) -> None:
    """What has no end, or a hidden size, is given up at a limit, and the error says which."""
    said, seconds, megabytes = outcomes[name, kind]
    record_property("seconds", seconds)
    record_property("megabytes", megabytes)
    assert ENDLESS[name][1] in said
    assert megabytes < MOST


class App(Settings):
    n: int = 0


GOOD = head("Content-Length: 63") + b'[{"Key": "app", "Value": "eyJuIjogMX0=", "ModifyIndex": 1}]    '
NASTY: dict[str, tuple[Callable[[], Iterable[bytes]], str]] = {
    "a web page": (
        lambda: [head("Content-Type: text/html", "Content-Length: 20"), b"<html>welcome</html>"],
        "is no Consul (HTTP 200, text/html)",
    ),
    "a gzip bomb": ENDLESS["a gzip bomb"],
    "a body without an end": (ENDLESS["a body without an end"][0], "bytes"),
    "headers without an end": ENDLESS["headers without an end"],
    "tiny chunks": ENDLESS["tiny chunks"],
    "nested JSON": (
        lambda: [head("Content-Length: 3000"), b"[" * 3000],
        "is no Consul",
    ),
}


@pytest.mark.parametrize("name", NASTY)
def test_running_program(name: str) -> None:
    """A program whose server turns hostile reads on, is told why, and goes on when it is mended."""
    nasty, said = NASTY[name]
    answers: list[Callable[[], Iterable[bytes]]] = [lambda: [GOOD]]
    with hostile(lambda: answers[-1]()) as address:  # noqa: PLW0108 - the last one by then
        config = Config(Consul("app", server=ConsulServer(address)), limits=Limits(bytes=100_000, keys=1000))
        settings = config.bind(App)
        with config:
            answers.append(nasty)
            until(lambda: said in str(config.status()), said, 30)
            assert config.status().sources[0].state == "stale"
            assert settings.current.n == 1
            answers.append(lambda: [GOOD.replace(b"eyJuIjogMX0=", b"eyJuIjogMn0=")])
            settings.until(lambda app: app.n == 2, timeout=30)
            until(lambda: config.status().sources[0].state == "live", "live", 30)
