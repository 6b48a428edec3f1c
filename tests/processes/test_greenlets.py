"""gevent and eventlet, under which it does not run, and says so instead of hanging."""

import subprocess
from collections.abc import Callable

import pytest

from tests.processes.running import LOOK, PYTHON, ROOT, Program
from tests.servers.process import ServerFailed

GEVENT = "gevent has replaced Python's own (threading, queue, select, selectors, socket)"
GUNICORN = ["-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--no-control-socket"]
WORKER = ["--worker-class", "gevent", "tests.processes.programs.wsgi:application"]


def run(arguments: str) -> str:
    """What the program prints that patches; its warnings are errors, and its end is awaited."""
    done = subprocess.run(
        [*PYTHON, "-W", "error", "-m", "tests.processes.programs.patched", *arguments.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LOOK,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "who"),
    [
        ("gevent start", GEVENT),
        ("gevent load", GEVENT),
        ("gevent astart", GEVENT),
        ("gevent start thread", "gevent has replaced Python's own (queue, select, selectors, socket)"),
        ("eventlet start", "eventlet has replaced Python's own (thread, select, socket)"),
    ],
)
def test_patched(arguments: str, who: str) -> None:
    """Each way to run one is refused where what it is made of is replaced, and the error names that."""
    assert f" which it cannot where {who}; run it with threads or asyncio" in run(arguments)


@pytest.mark.parametrize(
    "arguments", ["gevent start thread queue select socket", "neither start"], ids=["in part", "not at all"]
)
def test_not_patched(arguments: str) -> None:
    """Where what it is made of is left alone, it works, though the library is there."""
    assert run(arguments) == "it works\n"


@pytest.mark.parametrize(
    ("preload", "who"),
    [([], GEVENT), (["--preload"], "gunicorn's gevent workers replace Python's own")],
    ids=["gunicorn", "gunicorn --preload"],
)
def test_gunicorn(start: Callable[..., Program], preload: list[str], who: str) -> None:
    """With gevent workers it does not start, as soon as a worker or the master would, and says why."""
    with pytest.raises(ServerFailed, match=r"ended before it was ready \(exit status [13]\)") as caught:
        start(*GUNICORN, *preload, *WORKER)
    assert who in str(caught.value)
