"""A test that fails tells what its servers said last, and whether the machine stood still."""

from pathlib import Path

from tests.meta.test_skips import run

TESTS = """
import os, signal, sys, time
from pathlib import Path
from tests.servers.process import Process, listens
from tests.witness import LONG

SERVER = '''
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("it serves", flush=True)
while True:
    server.accept()[0].close()
'''

class Server(Process):
    name = "echoless"
    def command(self):
        return [sys.executable, "-c", SERVER, str(self.port)]
    def ready(self):
        return listens(self.address)

def test_good(tmp_path):
    with Server(tmp_path):
        pass  # nobody asks about this one

def test_bad(tmp_path, watched_machine):
    with Server(tmp_path):
        os.kill(watched_machine.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, watched_machine.pid, os.WSTOPPED | os.WNOWAIT)
        time.sleep(LONG + 0.1)
        os.kill(watched_machine.pid, signal.SIGCONT)
        notes = Path(watched_machine.args[-1])
        while " after " not in notes.read_text():
            time.sleep(0.02)
        raise AssertionError
"""


def test_failure_has_witnesses(tmp_path: Path) -> None:
    """The last words of the test's own server, and how long the machine, or who watches it, was stopped."""
    lines = run(tmp_path, TESTS, ci="")
    assert "1 failed, 1 passed in" in lines[-1]
    logs = [i for i, line in enumerate(lines) if "the log of echoless at 127.0.0.1:" in line]
    assert len(logs) == 1
    assert lines[logs[0] + 1] == "it serves"
    still = next(i for i, line in enumerate(lines) if "the machine stood still until" in line)
    assert " after 1." in lines[still + 1]
