"""Redis: in memory only, with or without a password."""

import socket
from os import geteuid
from pathlib import Path
from shutil import which

from tests.servers.builds import Build, BuildFailed, run
from tests.servers.process import Process


def _make(folder: Path) -> None:
    """Install the distribution's package, without its service.

    Debian's `redis-server` package would start a server of its own on the default port. The program itself is
    in `redis-tools`: it is `redis-check-rdb` by another name, and goes by the name that it is called by.
    """
    prefix = [] if geteuid() == 0 else ["sudo", "-n"]
    apt = [
        *prefix,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=300",
    ]
    install = [*apt, "install", "--yes", "--no-install-recommends", "redis-tools"]
    try:
        try:
            run(*install)
        except BuildFailed:
            run(*apt, "update")  # lists may be old, or not there yet
            run(*install)
    except BuildFailed as error:
        raise BuildFailed(f"install a `redis-server` of any version from 6 on; {error}") from None
    program = which("redis-check-rdb")
    if program is None:
        raise BuildFailed("the package `redis-tools` has no `redis-check-rdb`: install a `redis-server`")
    (folder / "redis-server").symlink_to(program)
    run(folder / "redis-server", "--version")


REDIS = Build(name="redis", version="packaged", result="redis-server", make=_make, command="redis-server")


class RedisServer(Process):
    """One server that keeps nothing on disk.

    Args:
        folder: for its log and its configuration.
        password: what it requires; none by default.
        port: as for `Process`.
    """

    name = "redis"

    def __init__(self, folder: Path, *, password: str = "", port: int | None = None) -> None:
        super().__init__(folder, port)
        self.password = password

    def command(self) -> list[str]:
        config = self.folder / "redis.conf"
        lines = ["bind 127.0.0.1", f"port {self.port}", 'save ""', "appendonly no", "dir ."]
        if self.password:
            lines.append(f'requirepass "{self.password}"')
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n")
        return [str(REDIS.find()), str(config)]

    def ready(self) -> bool:
        return self.call("PING", timeout=2.0) == "+PONG"

    def call(self, *words: str, authenticate: bool = True, timeout: float = 10.0) -> str:
        """Say one command on a connection of its own; the answer's first line as it came, such as `+OK`."""
        said = [["AUTH", self.password]] if self.password and authenticate else []
        said.append(list(words))
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(b"".join(map(_encoded, said)))
            with connection.makefile("rb") as answers:
                return [answers.readline().decode().rstrip("\r\n") for _ in said][-1]


def _encoded(words: list[str]) -> bytes:
    """A command in Redis's protocol: an array of strings, each with its length."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
