"""Where server programs come from: each is built or installed once, into a cache outside of the clone."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

RECIPES = Path(__file__).parent / "recipes"
LONGEST = 1800.0  # seconds that one command of a build may take
LAST_LINES = 5


class Unavailable(Exception):
    """A server's program is not there; the message says why, and what to do."""


class BuildFailed(Exception):
    """A command of a build failed; the message has its last lines."""


@dataclass(frozen=True)
class Build:
    """How to come by one server's program.

    Args:
        name: the server, as people call it.
        version: of the server.
        result: the program, relative to the folder that `make` fills.
        make: fills an empty folder.
        recipe: files that decide what is built; another content is another build.
        command: a program that will do instead, if it is on the path.
        needs: a program that has to be on the path for this one to run.
        duration: what to tell somebody who waits for it.
    """

    name: str
    version: str
    result: str
    make: Callable[[Path], None]
    recipe: Sequence[Path] = ()
    command: str = ""
    needs: str = ""
    duration: str = "some seconds"

    @property
    def folder(self) -> Path:
        """Where this version is kept."""
        parts = [self.name, self.version]
        if self.recipe:
            parts.append(sha256(b"\0".join(path.read_bytes() for path in self.recipe)).hexdigest()[:8])
        return cache() / "-".join(parts)

    def find(self) -> Path:
        """The program.

        Raises:
            Unavailable: it is not there.
        """
        if self.command and (found := shutil.which(self.command)):
            return Path(found)
        if self.needs and not shutil.which(self.needs):
            raise Unavailable(f"there is no `{self.needs}` on the path")
        program = self.folder / self.result
        if program.exists():
            return program
        if self._failure.exists():
            raise Unavailable(f"`make servers` failed: {self._failure.read_text()}")
        raise Unavailable("it is not built yet: run `make servers`")

    def ensure(self, say: Callable[[str], None]) -> Path:
        """The program, made if need be; of several runs at once one makes it and the others wait.

        Raises:
            Unavailable: it cannot be had. The reason is kept for `find`.
        """
        try:
            return self.find()
        except Unavailable:
            say(f"is not there: being made or waited for ({self.duration})")
        cache().mkdir(parents=True, exist_ok=True)
        with locked(self.folder.with_name(f"{self.folder.name}.lock")):
            if not (self.folder / self.result).exists():
                try:
                    self._make()
                except (BuildFailed, OSError) as error:
                    self._failure.write_text(str(error))
                else:
                    self._failure.unlink(missing_ok=True)
            return self.find()

    def _make(self) -> None:
        """Fill a temporary folder and rename it, so that an interrupted build leaves nothing half."""
        for left in cache().glob(f".{self.folder.name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{self.folder.name}.", dir=cache(), ignore_cleanup_errors=True
        ) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            self.make(made)
            made.rename(self.folder)

    @property
    def _failure(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.failed")


def cache() -> Path:
    """The folder that outlives clones; `DYNCONF_TEST_CACHE` names another."""
    if chosen := os.environ.get("DYNCONF_TEST_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dynconf-tests"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock, once whoever holds it has let go or ended."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run one command of a build.

    Raises:
        BuildFailed: it is not there, fails or takes too long.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST,
            check=False,
        )
    except FileNotFoundError:
        raise BuildFailed(f"there is no `{name}` on the path") from None
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"`{name}` took more than {LONGEST / 60:.0f} minutes") from None
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        raise BuildFailed(f"`{name}` said: " + " | ".join(lines[-LAST_LINES:])[-1000:])
