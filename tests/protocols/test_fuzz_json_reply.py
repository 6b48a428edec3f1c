"""JSON in replies that is made to exhaust or to crash is refused before anything is built of it."""

import json
import subprocess
import sys
import textwrap

import pytest

from dynconf.errors import LimitExceeded, UnexpectedReply
from dynconf.protocols.consul import kv
from dynconf.protocols.exchange import Reply
from dynconf.protocols.json_reply import json_in
from dynconf.protocols.nacos.replies import json_of
from tests.protocols.canned import SERVER, raw

# Each is an expression, so that the body is made in the child only.
BOMBS = {
    "arrays in arrays": "b'[' * 100_000 + b']' * 100_000",
    "objects in objects": "b'{\"a\":' * 100_000 + b'1' + b'}' * 100_000",
    "empty objects": "b'[' + b'{},' * 20_000_000 + b'{}]'",
    "small objects": "b'[' + b'{\"a\":1},' * 8_000_000 + b'1]'",
    "empty arrays": "b'[' + b'[],' * 20_000_000 + b'[]]'",
    "empty texts": "b'[' + b'\"\",' * 20_000_000 + b'\"\"]'",
    "numbers": "b'[' + b'1.5,' * 16_000_000 + b'1]'",
    "keys": "b'{' + b','.join(b'\"%d\":1' % i for i in range(5_000_000)) + b'}'",
}

CHILD = textwrap.dedent(r"""
    import json, pathlib, re, resource, sys, threading
    from dynconf.errors import LimitExceeded, UnexpectedReply
    from dynconf.protocols.exchange import Reply
    from dynconf.protocols.consul.replies import data_of
    from dynconf.protocols.nacos.replies import json_of

    def memory(name):
        text = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(name + r":\s+(\d+) kB", text)[1]) // 1024

    reply = Reply(200, {}, eval(sys.argv[1]))
    sys.setrecursionlimit(10**6)  # some programs do
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    outcome = []

    def run():
        for read in (data_of, json_of):
            try:
                read(reply)
                outcome.append("taken")
            except (LimitExceeded, UnexpectedReply):
                outcome.append("refused")

    threading.stack_size(128 * 1024)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    print(*outcome, memory("VmHWM") - before)
""")


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    """In a thread of little room, and whatever the recursion limit, it is the limit's error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, BOMBS[name]],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *outcome, megabytes = done.stdout.split()
    assert outcome == ["refused", "refused"]
    assert int(megabytes) < 300


def test_as_much_as_was_asked_for() -> None:
    """A folder of as many keys as are allowed is read, and of the error it is known what is too much."""
    keys = 2000
    body = json.dumps([raw(f"app/{number}", b"") for number in range(keys)]).encode()
    reply = Reply(200, {"x-consul-index": "1"}, body, SERVER, 512 * keys)
    assert len(kv.entries(reply, "")) == keys
    with pytest.raises(LimitExceeded, match="of more than 2048 values"):
        kv.entries(Reply(200, {"x-consul-index": "1"}, body, SERVER, 102_400), "")
    with pytest.raises(UnexpectedReply, match="is no Nacos"):
        json_of(Reply(200, {}, b"[" * 33 + b"]" * 33, SERVER))
    assert json_in(Reply(200, {}, b"[" * 32 + b"]" * 32, SERVER))
