"""Workers of gunicorn and of uvicorn: each reads at once, follows, and is replaced when it dies."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.processes.running import Document, Program, alive
from tests.servers.process import until

WORKERS = 2
GUNICORN = ["-m", "gunicorn", "--workers", str(WORKERS), "--bind", "127.0.0.1:{port}", "--no-control-socket"]
PRELOADED = [*GUNICORN, "--preload"]
UVICORN = [
    "-m",
    "uvicorn",
    "--workers",
    str(WORKERS),
    "--port",
    "{port}",
    "--timeout-worker-healthcheck",
    "30",
]
WSGI = "tests.processes.programs.wsgi:application"
ASGI = "tests.processes.programs.asgi:application"
BUFFERING = "tests.processes.programs.buffering:application"
KINDS = {
    "sync": ["--worker-class", "sync", WSGI],
    "gthread": ["--worker-class", "gthread", "--threads", "4", WSGI],
    "uvicorn": ["--worker-class", "uvicorn_worker.UvicornWorker", ASGI],
}

pytestmark = pytest.mark.timeout(180)

Start = Callable[..., Program]


def follow_and_replace(program: Program, document: Document) -> None:
    """All processes follow; a worker that is killed is replaced by one that reads at once and follows."""
    everyone = program.noted("first", 1)
    workers = everyone - {program.pid}
    assert len(workers) == WORKERS
    program.all_serve(1, workers)

    document.save(2)
    program.all_note("told", 2, everyone)
    program.all_serve(2, workers)

    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    new = until(lambda: program.noted("first") - everyone, "a new worker", 60)
    assert program.noted("first", 2) == new
    everyone = (everyone | new) - {victim}
    workers = (workers | new) - {victim}
    program.all_serve(2, workers)

    document.save(3)
    program.all_note("told", 3, everyone)
    program.all_serve(3, workers)
    assert all(map(alive, everyone))
    program.ends()


@pytest.mark.parametrize("command", [GUNICORN, PRELOADED], ids=["gunicorn", "gunicorn --preload"])
@pytest.mark.parametrize("kind", KINDS)
def test_gunicorn(start: Start, document: Document, kind: str, command: list[str]) -> None:
    """Started by the import, it follows a file in each worker, and with --preload in the master as well."""
    processes = WORKERS + (command is PRELOADED)
    follow_and_replace(start(*command, *KINDS[kind], processes=processes), document)


@pytest.mark.parametrize(
    ("document", "kind"),
    [("consul", "sync"), ("consul", "uvicorn"), ("nacos2", "sync")],
    indirect=["document"],
)
def test_gunicorn_with_a_server(start: Start, document: Document, kind: str) -> None:
    """Preloaded, each worker follows a server on connections of its own, and the master keeps its own."""
    follow_and_replace(start(*PRELOADED, *KINDS[kind], processes=WORKERS + 1), document)


@pytest.mark.parametrize("command", [GUNICORN, PRELOADED], ids=["gunicorn", "gunicorn --preload"])
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_what_a_worker_has_accepted(start: Start, kind: str, command: list[str]) -> None:
    """When it all ends, each worker closes what it has built: a buffer passes on whatever it accepted."""
    processes = WORKERS + (command is PRELOADED)
    program = start(*command, *KINDS[kind][:-1], BUFFERING, processes=processes)
    accepted: dict[int, int] = {}

    def visit() -> bool:
        if page := program.page():
            accepted.update([page])
        return len(accepted) == WORKERS

    until(visit, "an answer of each worker")
    program.ends()
    assert all(worker in program.noted("flushed", number) for worker, number in accepted.items())


def test_lifespan_after_preload(start: Start, document: Document) -> None:
    """A Config that is only made before the fork is started by each worker, in the loop of that."""
    follow_and_replace(
        start(*PRELOADED, *KINDS["uvicorn"], processes=WORKERS, life="lifespan"),
        document,
    )


@pytest.mark.parametrize("life", ["import", "lifespan"])
def test_uvicorn(start: Start, document: Document, life: str) -> None:
    """The workers of uvicorn itself, which it spawns: the import or the lifespan starts it in each."""
    follow_and_replace(start(*UVICORN, ASGI, processes=WORKERS, life=life), document)
