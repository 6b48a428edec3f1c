"""What else is known of a test that failed: the servers' last words, and when the machine stood still."""

import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.servers.process import Process

# Sleeps, and notes when it slept for much longer; ends with its input, so with the tests however they end.
WATCH = """
import select, sys, time
before = time.monotonic()
while not select.select([sys.stdin], [], [], 0.25)[0]:
    now = time.monotonic()
    if now - before > float(sys.argv[1]):
        with open(sys.argv[2], "a") as notes:
            notes.write(f"{time.strftime('%X')} after {now - before:.1f} s\\n")
    before = now
"""
LONG = 1.0  # seconds
NOTES = pytest.StashKey[Path]()


@pytest.fixture(scope="session", autouse=True)
def watched_machine(pytestconfig: pytest.Config) -> Iterator[subprocess.Popen[bytes]]:
    """A process that notes when it was not let run for some seconds: nobody else was then, either."""
    with tempfile.NamedTemporaryFile() as notes:
        pytestconfig.stash[NOTES] = Path(notes.name)
        command = [sys.executable, "-I", "-S", "-c", WATCH, str(LONG), notes.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as watch:
            yield watch
            watch.terminate()
        del pytestconfig.stash[NOTES]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the servers that ended with earlier tests."""
    for server in [each for each in Process.launched if not each.running]:
        Process.launched.discard(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a test that failed."""
    report = yield
    if report.failed:
        for server in sorted(Process.launched, key=lambda each: each.address):
            title = f"the log of {server.name} at {server.address} ends with"
            report.sections.append((title, server.log_tail()))
        if notes := item.config.stash.get(NOTES, None):
            report.sections.append(("the machine stood still until", notes.read_text() or "never"))
    return report
