"""What watches over planted secrets finds them: tests that show one on purpose fail, and those alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAKS = """
import asyncio, base64, logging, threading, traceback, urllib.parse, warnings
import pytest
from dynconf import Config, Memory
from dynconf.errors import DynconfError, ParseError, SourceError, StartFailed

log = logging.getLogger("dynconf.anything")

def test_log_message(canary): log.debug(f"it is {canary}")
def test_log_argument(canary): log.info("it is %r", {"a": [canary]})
def test_log_of_another(canary): logging.getLogger("httpcore.http11").debug(canary)
def test_log_in_base64(canary): log.debug(base64.b64encode(b"u:" + canary.encode()).decode())
def test_log_in_bytes(canary): log.debug("%s", canary.encode())
def test_log_in_url(): log.debug("http://a/?p=%s", urllib.parse.quote_plus("open sesame"))
def test_log_of_password(): log.debug("hunter2")
def test_print(canary): print("it is", canary)
def test_repr(canary): Config(Memory({}), name=canary).load()
def test_explain(canary): Config(Memory({"harmless": canary})).load()
def test_error_kept(canary): SourceError("wrong").reason = canary

def test_log_traceback(canary):
    try:
        raise ValueError(canary)
    except ValueError:
        log.exception("it failed")

def test_log_in_thread(canary):
    thread = threading.Thread(target=log.debug, args=(canary,))
    thread.start()
    thread.join()

def test_stderr(canary):
    try:
        raise ValueError(canary)
    except ValueError:
        traceback.print_exc()

def test_warning(canary):
    warnings.warn(canary, UserWarning, stacklevel=1)

def test_error(canary):
    with pytest.raises(ParseError):
        raise ParseError(f"it is {canary}")

def test_error_swallowed(canary):
    try:
        raise ParseError(f"it is {canary}")
    except ParseError:
        pass

def test_error_chained(canary):
    with pytest.raises(DynconfError):
        raise DynconfError("wrong") from ValueError(canary)

def test_error_in_context(canary):
    with pytest.raises(DynconfError):
        try:
            raise KeyError(canary)
        except KeyError:
            raise DynconfError("wrong")

def test_error_in_group(canary):
    with pytest.raises(DynconfError):
        raise DynconfError("wrong") from ExceptionGroup("several", [ValueError(canary)])

def test_error_with_note(canary):
    with pytest.raises(DynconfError):
        error = DynconfError("wrong")
        error.add_note(canary)
        raise error

def test_error_of_status(canary):
    with Config(Memory({})) as config:
        config._lifecycle.options = __import__("dataclasses").replace(config._lifecycle.options, name=canary)
"""
TIDY = """
import logging
import pytest
from dynconf import Config, Memory
from dynconf.errors import DynconfError

def test_masked(canary): Config(Memory({"password": canary})).load()
def test_nothing_of_it(canary): logging.getLogger("dynconf").debug("%s characters", len(canary))
def test_ordinary_value(): Config(Memory({"harmless": "hunter2"})).load()
def test_own_error(canary):
    with pytest.raises(ValueError, match=canary):
        raise ValueError(canary)
def test_not_chained(canary):
    with pytest.raises(DynconfError):
        try:
            raise ValueError(canary)
        except ValueError:
            raise DynconfError("wrong") from None
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run with the watcher says of each of these tests, with what it says was found."""
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "test_leaks.py").write_text(LEAKS)
    (folder / "test_tidy.py").write_text(TIDY)
    options = ["-p", "tests.canaries", "-p", "no:cacheprovider", "--disable-plugin-autoload", "-rA"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", folder, "-c", os.devnull, folder],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    found = dict.fromkeys(re.findall(r"^def (test_\w+)", LEAKS + TIDY, re.MULTILINE), "not run")
    # What was written is known only when the test is taken down.
    for outcome in ("PASSED", "FAILED", "ERROR"):
        for name in re.findall(rf"^{outcome} \S+::(\w+)", done.stdout, re.MULTILINE):
            found[name] = "passed" if outcome == "PASSED" else "failed"
    assert "not run" not in found.values(), done.stdout + done.stderr
    assert done.stdout.count("A planted secret is shown") >= LEAKS.count("\ndef test_"), done.stdout
    return found


@pytest.mark.parametrize("name", re.findall(r"^def (test_\w+)", LEAKS, re.MULTILINE))
def test_a_leak_is_found(outcomes: dict[str, str], name: str) -> None:
    """Whichever way a planted secret is shown, the test that shows it fails."""
    assert outcomes[name] == "failed"


@pytest.mark.parametrize("name", re.findall(r"^def (test_\w+)", TIDY, re.MULTILINE))
def test_no_false_alarm(outcomes: dict[str, str], name: str) -> None:
    """A test that shows none passes, and so does one that shows it by itself."""
    assert outcomes[name] == "passed"
