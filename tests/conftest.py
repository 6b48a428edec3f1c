"""What every run of the tests has in common: skips are loud, and in CI a missing server is a failure."""

import signal
from collections import defaultdict
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.skips import MISSING_SERVER, servers_are_required

pytest_plugins = ["dynconf.testing", "tests.canaries", "tests.servers.fixtures", "tests.witness"]

# A shell that starts this in the background has it ignored, and some tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on the machine; pytest's own timeout catches what hangs.
settings.register_profile("dynconf", settings.get_profile("default"), deadline=None)
settings.load_profile("dynconf")


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test or a module was skipped; nothing if it was not."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return ""


def refuse_missing_server(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip for want of a server into a failure where every server has to be there."""
    reason = skip_reason(report)
    if reason.startswith(MISSING_SERVER) and servers_are_required():
        report.outcome = "failed"
        report.longrepr = f"{reason} (CI is set: a missing server is a failure)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at every test's report."""
    report = yield
    refuse_missing_server(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at the report of every module collected."""
    report = yield
    refuse_missing_server(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, which, and why, right above the closing line."""
    skipped = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        skipped[skip_reason(report)].append(report.nodeid)
    count = sum(map(len, skipped.values()))
    terminalreporter.section(f"SKIPPED: {count}" if count else "nothing was skipped", yellow=count > 0)
    for reason, tests in sorted(skipped.items()):
        terminalreporter.line(f"{len(tests)} x {reason}")
        for test in tests:
            terminalreporter.line(f"    {test}")
