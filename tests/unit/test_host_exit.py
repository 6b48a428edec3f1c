"""The end of a program that does not stop its host."""

import pytest

from tests.unit.host_props import run

FORGOTTEN = {
    "idle": "host = Host.in_thread('h')",
    "tasks": """
host = Host.in_thread('h')
host.post(lambda: host.spawn(asyncio.Event().wait(), 'forever'))
assert host.call(answer, instead='x()') == PARENT
""",
    "no loop yet": "host = Host.in_thread('h', delay=LOOK)",
    "idle callback threads": """
host = Host.in_thread('h')
async def callback():
    await host.run_callback('quick', bool)
host.call(callback, instead='x()')
""",
    "in a loop that was closed": """
async def main():
    host = Host.in_loop('h')
    host.spawn(asyncio.Event().wait(), 'forever')
    await host.run_callback('quick', bool)
    return host
host = asyncio.run(main())
""",
    "a caller that waits": """
host = Host.in_thread('h')
began = threading.Event()
async def wait():
    began.set()
    await asyncio.Event().wait()
def call():
    with contextlib.suppress(UsageError):
        host.call(wait, instead='x()')
thread = threading.Thread(target=call, daemon=True)
thread.start()
began.wait()
""",
}


@pytest.mark.parametrize("script", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_forgotten_stop_is_silent(script: str) -> None:
    """A program that ends without stopping its host ends cleanly."""
    run(script)


HANGING = {
    "a callback that waits": (
        "host.post(host.run_callback, 'waiter', lambda: (began.set(), threading.Event().wait()))",
        "h: stopped without waiting for waiter",
    ),
    "a callback that sleeps": (
        "host.post(host.run_callback, 'sleeper', lambda: (began.set(), time.sleep(3600)))",
        "h: stopped without waiting for sleeper",
    ),
    "a task that won't be cancelled": (
        "host.post(lambda: host.spawn(stubborn(), 'stubborn'))",
        "h: stopped without waiting for stubborn",
    ),
    "a blocked loop": (
        "host.post(lambda: (began.set(), time.sleep(3600)))",
        "h: its event loop did not stop in time, a callback of it blocks it",
    ),
}


@pytest.mark.parametrize(("hang", "message"), HANGING.values(), ids=HANGING)
def test_what_hangs_does_not_hold_up_the_exit(hang: str, message: str) -> None:
    """Whatever hangs at the end of the program is named, and the program ends."""
    run(
        f"""
began = threading.Event()
async def stubborn():
    began.set()
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
host = Host.in_thread("h")
{hang}
began.wait()
""",
        stderr=message + "\n",
    )


OWNER = """
class Owner:
    def __init__(self, close, name="h", **options):
        self.end = close
        self.host = Host.in_thread(name, on_exit=self.close, **options)
    async def close(self):
        await self.end()

async def close():
    await asyncio.sleep(0)
    os.write(1, b"closed\\n")

async def hang():
    await asyncio.Event().wait()

async def fail():
    raise ValueError("hunter2")

def show(record):
    os.write(1, f"{record.getMessage().splitlines()[0]}\\n".encode())
logging.getLogger("dynconf.host").addFilter(show)
"""

LATE = "not all of it could be closed in time before the program ends\n"

OWNED = {
    "it closes": ("kept = Owner(close)", "closed\n"),
    "it was stopped": ("Owner(close).host.stop()", ""),
    "it is not there any more": ("host = Owner(close).host; gc.collect()", ""),
    "it could open nothing yet": ("kept = Owner(close, delay=LOOK)", ""),
    "another's hangs": ("kept = Owner(hang, 'slow'), Owner(close)", f"closed\nslow: {LATE}"),
    "another's fails": (
        "kept = Owner(fail, 'bad'), Owner(close)",
        "closed\nbad: closing failed: ValueError\n",
    ),
    "its loop is blocked": (
        """
kept = Owner(close)
kept.host.post(time.sleep, 3600)
""",
        f"h: {LATE}h: its event loop did not stop in time, a callback of it blocks it\n",
    ),
}


@pytest.mark.parametrize(("script", "prints"), OWNED.values(), ids=OWNED)
def test_what_the_owner_closes(script: str, prints: str) -> None:
    """A host's owner is asked to close what it has, side by side; what is left is named, without its text."""
    assert run(OWNER + script) == prints
