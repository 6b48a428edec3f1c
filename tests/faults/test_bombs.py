"""Documents made to exhaust, in a running program: each is refused by its limit; the last good one serves.

The program is a process of its own, whose memory is measured and bounded; what makes the documents is in it.
"""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST = 200  # megabytes that a document may take besides

CHAIN = (
    r"b'a0: &a0 {{x: 1}}\n' + b''.join(b'aN: &aN {link}\n'.replace(b'N', b'%d' % n)"
    ".replace(b'M', b'%d' % (n - 1)) for n in range(1, 60))"
)
GOOD = {
    ".yaml": "n: 1",
    ".json": '{"n": 1}',
    ".toml": "n = 1",
    ".xml": "<r><n>1</n></r>",
    ".properties": "n=1",
    ".env": "n=1",
    ".txt": "anything",
}
BOMBS = {
    # The name's ending is the format: the document's expression, and what the status is to say.
    "aliases.yaml": (CHAIN.format(link="[*aM, *aM, *aM, *aM, *aM, *aM]"), "nodes=500000"),
    "merges.yaml": (CHAIN.format(link="{<<: *aM, yN: *aM}"), "keys=200000"),
    "sexagesimals.yaml": ("b''.join([b'- 1' + b':1' * 2100 + b'\\n'] * 3900)", "100 characters"),
    "brackets.yaml": ("b'[' * 100_000", "depth=64"),
    "dashes.yaml": ("b'- ' * 30_000", "depth=64"),
    "keys.yaml": ("b''.join(b'k%d: 1\\n' % n for n in range(1_000_000))", "keys=200000"),
    "deep.json": ("b'[' * 100_000 + b']' * 100_000", "depth=64"),
    "keys.json": ("b'{' + b','.join(b'\"k%d\":1' % n for n in range(1_000_000)) + b'}'", "keys=200000"),
    "large.json": ("b'{\"a\": \"' + b'x' * 100_000_000 + b'\"}'", "bytes=16777216"),
    "deep.toml": ("b'a = ' + b'[' * 100_000 + b']' * 100_000", "depth=64"),
    "keys.toml": ("b''.join(b'k%d = 1\\n' % n for n in range(1_000_000))", "keys=200000"),
    "dotted.toml": ("b''.join(b'k%d.a = 1\\n' % n for n in range(200_000))", "keys=200000"),
    "large.toml": ("b'a = \"' + b'x' * 100_000_000 + b'\"'", "bytes=16777216"),
    "deep.xml": ("b'<a>' * 100_000 + b'</a>' * 100_000", "depth=64"),
    "attributes.xml": (
        "b'<r ' + b' '.join(b'a%d=\"\"' % n for n in range(1_300_000)) + b'/>'",
        "keys=200000",
    ),
    "namespace.xml": (
        "b'<r xmlns=\"' + b'u' * 1_000_000 + b'\">' + b'<a/>' * 490_000 + b'</r>'",
        "a namespace of more than 256 bytes",
    ),
    "keys.xml": (
        "b'<r>' + b''.join(b'<k%d/>' % n for n in range(1_000_000)) + b'</r>'",
        "keys=200000",
    ),
    "deep.properties": ("b'a.' * 100_000 + b'a=1'", "depth=64"),
    "keys.properties": ("b''.join(b'k%d=1\\n' % n for n in range(1_000_000))", "keys=200000|nodes=500000"),
    "lines.properties": ("b'a=1\\n' * 4_000_000", "keys=200000"),
    "indices.properties": ("b'a[999999999]=1\\n'", "has no item 0"),
    "large.properties": ("b'a=' + b'x' * 100_000_000", "bytes=16777216"),
    "keys.env": ("b''.join(b'K%d=1\\n' % n for n in range(1_000_000))", "keys=200000"),
    "lines.env": ("b'A=1\\n' * 4_000_000", "keys=200000"),
    "large.env": ("b'A=' + b'x' * 100_000_000", "bytes=16777216"),
    "deep.env": ("b'A' + b'__A' * 100_000 + b'=1'", "depth=64"),
    "steps.env": ("b''.join(b'K%d' % n + b'__AA' * 60 + b'=1\\n' for n in range(60_000))", "keys=200000"),
    "numbers.env": ("b'L=[' + b'1,' * 3_000_000 + b'1]'", "nodes=500000"),
    "objects.env": ("b'M={' + b','.join(b'\"%d\":1' % n for n in range(1_000_000)) + b'}'", "keys=200000"),
    "brackets.env": ("b'L=' + b'[' * 100_000 + b']' * 100_000", "depth=64"),
    "large.txt": ("b'x' * 100_000_000", "bytes=16777216"),
    "zeros.yaml": ("bytes(100_000_000)", "it is empty"),
}

CHILD = textwrap.dedent(r"""
    import json, logging, pathlib, re, resource, sys, threading, time
    from typing import Any
    from dynconf import Config, File, Settings
    from dynconf.errors import ChangeRefused
    from dynconf.parsers import parse
    from dynconf._values.limits import Limits

    logging.disable()

    def memory(name):
        text = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(name + r":\s+(\d+) kB", text)[1]) // 1024

    class App(Settings):
        n: int = 0
        l: list[Any] = []
        m: dict[str, Any] = {}

    bombs, good = json.load(sys.stdin)
    for suffix, text in good.items():
        parse(text.encode(), name="a" + suffix, limits=Limits())  # so that each parser is imported
    threading.stack_size(256 * 1024)
    most = (memory("VmSize") + 1000) << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    folder = pathlib.Path(sys.argv[1])
    for name, expression in bombs.items():
        path = folder / name
        path.write_text(good[path.suffix])
        config = Config(File(path, at="" if path.suffix != ".txt" else "text"))
        settings = config.bind(App)
        config.start()
        was = settings.current.n
        new = path.with_name("new")
        new.write_bytes(eval(expression))
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, began = memory("VmRSS"), time.process_time()
        new.replace(path)
        try:
            config.reload()
        except ChangeRefused:
            pass
        figures = round(time.process_time() - began, 2), memory("VmHWM") - before
        status = config.status().sources[0]
        kept = settings.current.n == was
        config.stop()
        print(json.dumps([name, status.state, kept, str(status)[:500], *figures]), flush=True)
""")


def measure(folder: Path) -> dict[str, list[object]]:
    """What one program, whose document becomes one bomb after the other, says of each, and what it took."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, folder],
        input=json.dumps([{name: expression for name, (expression, _) in BOMBS.items()}, GOOD]),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=58,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """The same, of one run for all tests."""
    return measure(tmp_path_factory.mktemp("bombs"))


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(
    name: str, outcomes: dict[str, list[object]], record_property: Callable[[str, object], None]
) -> None:
    """It is refused, the status names the limit, and what served before does so still."""
    state, kept, status, seconds, megabytes = outcomes[name]
    record_property("seconds", seconds)
    record_property("megabytes", megabytes)
    assert (state, kept) == ("refused", True)
    assert any(limit in str(status) for limit in BOMBS[name][1].split("|"))
    assert isinstance(megabytes, int)
    assert megabytes < MOST
