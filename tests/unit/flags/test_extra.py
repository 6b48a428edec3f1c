"""Flags need the extra that brings flagd's core; nothing else does."""

import subprocess
import sys

import pytest

BLOCKED = "import sys; sys.modules['openfeature'] = None\n"


@pytest.mark.parametrize(
    ("code", "feature"),
    [
        ("from dynconf import Config; Config().flags()", "evaluating feature flags"),
        ("from dynconf import Flags", "evaluating feature flags"),
        ("import dynconf.integrations.openfeature", "the OpenFeature provider"),
    ],
)
def test_without_the_extra(code: str, feature: str) -> None:
    """Without it, what is wanted and how to install it is said, as an ImportError that is dynconf's own."""
    done = subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert (
        last
        == f"dynconf.errors.MissingExtra: {feature} needs the extra 'flags': pip install 'dynconf[flags]'"
    )


def test_everything_else_without_the_extra() -> None:
    """Settings need none of it."""
    code = "from dynconf import Config, Settings, Memory; Config(Memory({})).bind(Settings)"
    subprocess.run([sys.executable, "-c", BLOCKED + code], check=True)
