"""A parent and two children, made in the way that the arguments name; it ends them when it is ended."""

import multiprocessing
import os
import signal
import sys
from typing import NoReturn

from tests.processes.programs import app

CHILDREN = 2


def end(*_: object) -> NoReturn:
    """Take the request to end as an ordinary exit, with all that is done then."""
    sys.exit(0)


def wait() -> NoReturn:
    """Do nothing until the end."""
    while True:
        signal.pause()


def work() -> NoReturn:
    """What a child does."""
    signal.signal(signal.SIGTERM, end)
    app.note("works", app.settings.current.n)
    wait()


def fork() -> int:
    """A child that runs the rest of this program as its own."""
    pid = os.fork()
    if not pid:
        work()
    return pid


def main(method: str, *preload: str) -> None:
    """Have children until the end, which must then have ended well, but for those that were killed.

    Args:
        method: `os.fork`, or one of multiprocessing's.
        preload: modules that a fork server imports before it forks.
    """
    pids: list[int] = []
    processes: list[multiprocessing.Process] = []
    signal.signal(signal.SIGTERM, end)
    if method == "os.fork":
        pids = [fork() for _ in range(CHILDREN)]
    else:
        multiprocessing.set_start_method(method)
        multiprocessing.set_forkserver_preload([*preload])
        processes = [multiprocessing.Process(target=work) for _ in range(CHILDREN)]
        for process in processes:
            process.start()
    try:
        wait()
    finally:
        codes: list[int | None] = []
        for pid in pids:
            os.kill(pid, signal.SIGTERM)  # one that was killed is still there, as nobody has waited for it
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        for process in processes:
            process.terminate()
            process.join()
            codes.append(process.exitcode)
        assert set(codes) <= {0, -signal.SIGKILL}, codes


if __name__ == "__main__":
    main(*sys.argv[1:])
