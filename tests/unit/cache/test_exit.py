"""What the cache holds of a program that ends without a stop."""

from pathlib import Path

import pytest

from dynconf._cache.archive import unpack
from tests.unit.host_props import run

HOUSE = """
from dynconf import Config, Memory, Settings

class Numbers(Settings):
    a: int = 0

memory = Memory({{"a": 1}}, name="remote", remote=True)
config = Config(memory, cache={folder!r})
numbers = config.bind(Numbers)

def kept(number):
    "Wait until that is written; what comes then is due a second later."
    deadline = time.monotonic() + LOOK
    while not any(b'{{"a":%d}}' % number in one.read_bytes() for one in folder.glob("*.cache")):
        assert time.monotonic() < deadline
        time.sleep(0.005)

def change(number):
    memory.set({{"a": number}})
    numbers.until(lambda now: now.a == number, LOOK)

from pathlib import Path
folder = Path({folder!r})
"""

ENDS = {
    "the program's end": """
config.start()
kept(1)
change(2)
""",
    "an exit": """
config.start()
kept(1)
change(2)
sys.exit()
""",
    "a loop's end": """
async def main():
    await config.astart()
    await asyncio.to_thread(kept, 1)
    memory.set({"a": 2})
    await numbers.auntil(lambda now: now.a == 2, LOOK)
asyncio.run(main())
""",
    "a worker's end": """
config.start()
kept(1)
pid = os.fork()
if pid:
    config.stop()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
else:
    change(3)
    kept(3)
    change(2)
""",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_is_due_is_written(end: str, tmp_path: Path) -> None:
    """The last change is there for the next start, though it came within a second of the last write."""
    run(HOUSE.format(folder=str(tmp_path / "cache")) + end)
    [file] = (tmp_path / "cache").iterdir()
    [kept] = unpack(file.read_bytes())
    assert kept.update.content == {"a": 2}


def test_a_disk_that_hangs(tmp_path: Path) -> None:
    """The program ends, and says what it did not wait for; the cache holds what was there before."""
    run(
        HOUSE.format(folder=str(tmp_path / "cache"))
        + """
config.start()
kept(1)
os.fsync = lambda _: threading.Event().wait()
change(2)
""",
        stderr="closing Cache took too long; it is left behind\n"
        "dynconf: stopped without waiting for writing the cache\n",
    )
    [file] = (tmp_path / "cache").glob("*.cache")
    [kept] = unpack(file.read_bytes())
    assert kept.update.content == {"a": 1}
