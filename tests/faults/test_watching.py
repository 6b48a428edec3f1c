"""What the one watcher of all files does when the system, the process or a look at a file fails it."""
# ruff: noqa: ASYNC240 - a test may hold up its own loop while it plays the editor

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Hashable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dynconf.sources import _notify, _watch
from dynconf.sources._links import Links
from dynconf.sources._watch import WatchHub
from dynconf.sources.file import File
from tests.unit.sources.recording import RecordingFeed, StandingClock, running

ROOT = Path(__file__).parents[2]


def run(code: str, *arguments: object, first: str = "") -> "subprocess.CompletedProcess[str]":
    """Run code in a process of its own, in a namespace of its own where `first` has been done."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if first:
        command = [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-ec",
            f'{first}; exec "$@"',
            "-",
            *command,
        ]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=50)


@pytest.fixture(scope="module")
def namespaces() -> None:
    """Skip where limits cannot be set, nor anything be mounted, for one process alone."""
    if (done := run("", first="true")).returncode:
        pytest.skip(f"needs unprivileged namespaces: {done.stderr.strip()}")


def finds(outcome: Callable[[], Any]) -> Callable[[Links], Any]:
    """A look that finds whatever `outcome` gives."""
    return lambda _links: outcome()


async def hanging(test: Callable[[threading.Event], Awaitable[None]]) -> None:
    """Run a test with an event for looks to hang on; it is set at the end, come what may."""
    released = threading.Event()
    try:
        await test(released)
    finally:
        released.set()


def watchers() -> list[str]:
    """The threads that wait for events."""
    return [thread.name for thread in threading.enumerate() if thread.name == "dynconf-watch"]


def test_one_thread_for_a_thousand_files(tmp_path: Path) -> None:
    """A thousand sources in a hundred folders have one watcher, and at the end none."""
    paths = [tmp_path / str(number % 100) / f"{number}.yaml" for number in range(1000)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("a: 0")

    async def main() -> None:
        async with running(*map(File, paths), clock=StandingClock()) as feeds:
            assert {feed.content() for feed in feeds} == {b"a: 0"}
            for number in (0, 499, 999):
                paths[number].write_text("a: 1")
                await feeds[number].until_content(b"a: 1")
            assert watchers() == ["dynconf-watch"]
        assert watchers() == []

    asyncio.run(main())


def test_hanging_look_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one folder's file system hangs, other folders are looked at, more than once."""
    monkeypatch.setattr(_watch, "_PATIENCE", 0.01)

    async def main(released: threading.Event) -> None:
        hub, feed = WatchHub(), RecordingFeed(clock=StandingClock())
        with hub.follow("/hanging", feed, finds(released.wait)) as hanging:
            numbers = itertools.count(1)
            for _ in range(3):
                with hub.follow("/other", feed, finds(lambda: next(numbers))) as other:
                    assert await other.next()
            released.set()
            assert await hanging.next() is True
        await hub.close()

    asyncio.run(hanging(main))


def test_joining_during_a_look() -> None:
    """What comes up in a folder while it is being looked at is looked at after that."""

    async def main(released: threading.Event) -> None:
        hub, feed = WatchHub(), RecordingFeed(clock=StandingClock())
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def look(links: Links) -> bool:
            loop.call_soon_threadsafe(begun.set)
            return released.wait()

        with hub.follow("/a", feed, look):
            await begun.wait()
            with hub.follow("/a", feed, finds(lambda: "found")) as other:
                released.set()
                assert await other.next() == "found"
        await hub.close()

    asyncio.run(hanging(main))


def test_thorough_now_and_then() -> None:
    """Everything is looked at every five seconds, and thoroughly once a minute."""

    async def main() -> None:
        hub, clock = WatchHub(), StandingClock()
        with hub.follow("/a", RecordingFeed(clock=clock), lambda links: (links.thorough,)) as follower:
            found = [await follower.next()]
            for _ in range(24):
                clock.advance(5.0)
                found.append(await follower.next())
            assert [number for number, (thorough,) in enumerate(found) if thorough] == [12, 24]
        await hub.close()

    asyncio.run(main())


def test_every_second_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be watched the first look comes after a second already, as the warning says."""

    class Refused:
        def __init__(self, *_: object) -> None:
            raise OSError("too many open files")

    monkeypatch.setattr(_notify, "rust_notify", lambda: Refused)

    async def main() -> None:
        hub, clock = WatchHub(), StandingClock()
        soon = asyncio.create_task(clock.until_sleep(1.0))
        looks = itertools.count()
        with hub.follow("/", RecordingFeed(clock=clock), lambda links: (links.enter("/"), next(looks))) as it:
            await soon
            while await it.next() != ("/", 1):  # the one after arming
                pass
            clock.advance(1.0)
            assert await it.next() == ("/", 2)
        await hub.close()

    asyncio.run(main())


def test_watcher_of_another_process_is_left_alone(tmp_path: Path) -> None:
    """At the exit of a forked child, what it inherited is not touched."""

    async def main() -> None:
        armed = asyncio.Event()
        notifier = _notify.Notifier(lambda _trouble: armed.set(), lambda _folders, _moved: None)
        notifier.watch({str(tmp_path)})
        await armed.wait()
        notifier.pid = 0
        _notify._halt_all()
        assert watchers() == ["dynconf-watch"]
        notifier.pid = os.getpid()
        _notify._halt_all()
        assert watchers() == []

    asyncio.run(main())


def test_hanging_looks_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many folders hang, four threads at most hang with them; in the end all are looked at."""
    monkeypatch.setattr(_watch, "_PATIENCE", 0.001)
    running_now, most, wait = set[int](), 0, asyncio.wait

    async def main(released: threading.Event) -> None:
        hub, feed = WatchHub(), RecordingFeed(clock=StandingClock())
        decided, loop = asyncio.Event(), asyncio.get_running_loop()

        async def telling_wait(jobs: Any, **options: Any) -> Any:
            if "return_when" in options:  # for a thread that is free
                decided.set()
            return await wait(jobs, **options)

        monkeypatch.setattr(asyncio, "wait", telling_wait)

        def look(links: Links) -> str:
            nonlocal most
            running_now.add(threading.get_ident())
            most = max(most, len(running_now))
            if len(running_now) > 4:
                loop.call_soon_threadsafe(decided.set)
            released.wait()
            running_now.discard(threading.get_ident())
            return "well"

        with ExitStack() as stack:
            followers = [stack.enter_context(hub.follow(f"/{number}", feed, look)) for number in range(8)]
            await decided.wait()
            released.set()
            assert [await follower.next() for follower in followers] == ["well"] * 8
        await hub.close()

    asyncio.run(hanging(main))
    assert most == 4


def test_only_what_answers_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are watched while they are followed, and not while looking at them hangs."""
    monkeypatch.setattr(_watch, "_PATIENCE", 0.01)
    folders = [str(tmp_path / name) for name in "ab"]
    for folder in folders:
        Path(folder).mkdir()
    hangs = threading.Event()

    async def main(released: threading.Event) -> None:
        armed = asyncio.Event()

        class TellingHub(WatchHub):
            def _on_armed(self, trouble: str) -> None:
                super()._on_armed(trouble)
                armed.set()

        hub, feed = TellingHub(), RecordingFeed(clock=StandingClock())

        async def until_watched(*expected: str) -> None:
            while hub._watched.keys() != set(expected):
                armed.clear()
                await armed.wait()

        def look(links: Links) -> str:
            links.enter(folders[0])
            if hangs.is_set():
                released.wait()
            return "well"

        with hub.follow(folders[0], feed, look):
            await until_watched(str(tmp_path), folders[0])
            hangs.set()
            Path(folders[0], "app.yaml").touch()
            with hub.follow(folders[1], feed, lambda links: links.enter(folders[1])):
                Path(folders[1], "app.yaml").touch()
                await until_watched(str(tmp_path), folders[1])
                released.set()
                await until_watched(str(tmp_path), *folders)
        await until_watched()
        await hub.close()

    asyncio.run(hanging(main))


def test_closing_while_a_look_hangs() -> None:
    """The hub closes although a look has not come back."""

    async def main(released: threading.Event) -> None:
        hub, feed = WatchHub(), RecordingFeed(clock=StandingClock())
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def look(links: Links) -> None:
            loop.call_soon_threadsafe(begun.set)
            released.wait()

        with hub.follow("/hanging", feed, look):
            await begun.wait()
            await hub.close()
            assert not released.is_set()
        released.set()

    asyncio.run(hanging(main))


def test_error_in_a_look() -> None:
    """An error that no look should raise reaches the source, and the hub goes on."""

    async def main() -> None:
        hub, feed = WatchHub(), RecordingFeed(clock=StandingClock())
        with hub.follow("/a", feed, finds([].pop)) as broken, pytest.raises(IndexError):
            await broken.next()
        with hub.follow("/a", feed, finds(lambda: "well")) as whole:
            assert await whole.next() == "well"
        await hub.close()

    asyncio.run(main())


def test_error_in_the_hub() -> None:
    """If looks cannot even be made, the source hears of it, and its next run works again."""

    class RefusingFeed(RecordingFeed):
        def blocking(self, function: Any) -> Any:
            raise OSError("no thread to be had")

    async def main() -> None:
        hub, clock = WatchHub(), StandingClock()
        feed = RefusingFeed(clock=clock)
        with hub.follow("/a", feed, finds(str)) as refused, pytest.raises(OSError, match="no thread"):
            await refused.next()
        with hub.follow("/a", RecordingFeed(clock=clock), finds(lambda: "well")) as whole:
            assert await whole.next() == "well"
        await hub.close()

    asyncio.run(main())


def test_links_swapped_during_a_look(tmp_path: Path) -> None:
    """A look during which a link is swapped is made anew, so that none sees both sides of the swap."""
    for name in "123":
        (tmp_path / name).mkdir()
    link = tmp_path / "..data"
    link.symlink_to("1")

    def swap(target: str) -> None:
        link.unlink()
        link.symlink_to(target)

    async def main() -> None:
        hub, feed = WatchHub(), RecordingFeed(watching=False)
        targets = iter("23")

        def first(links: Links) -> str:
            return links.resolve(str(link / "a"))

        def second(links: Links) -> str:
            if target := next(targets, None):
                swap(target)
            return links.resolve(str(link / "b"))

        with hub.follow("/mount", feed, first) as one, hub.follow("/mount", feed, second) as other:
            assert await one.next() == str(tmp_path / "3" / "a")
            assert await other.next() == str(tmp_path / "3" / "b")
        await hub.close()

    asyncio.run(main())


def test_file_name_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that cannot be read costs nothing but the look that follows; the next one arrives."""
    monkeypatch.setattr(_notify, "_PAUSE", 0.0)
    path = tmp_path / "app.yaml"
    path.write_text("a: 0")

    async def main() -> None:
        async with running(File(path), clock=StandingClock()) as [feed]:
            for number in range(1, 4):
                Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff%d" % number)).touch()
                path.write_text(f"a: {number}")
                await feed.until_content(f"a: {number}".encode())

    asyncio.run(main())


def test_run_again_on_the_same_hub(tmp_path: Path) -> None:
    """A source that is run again, as on `reload()`, reports everything anew and is followed on."""
    path = tmp_path / "app.yaml"
    path.write_text("a: 0")
    source = File(path)

    async def main() -> None:
        shared: dict[Hashable, Any] = {}
        for number in range(3):
            feed = RecordingFeed(clock=StandingClock(), shared=shared)
            task = asyncio.create_task(source.run(feed))
            await feed.until(feed.has_begun)
            assert feed.content() == f"a: {number}".encode()
            path.write_text(f"a: {number + 1}")
            await feed.until_content(f"a: {number + 1}".encode())
            task.cancel()
            await asyncio.wait({task})
        await shared["files"].close()

    asyncio.run(main())


LIMITED = """
import asyncio, logging, sys
from pathlib import Path
from dynconf.sources.file import File
from tests.unit.sources.recording import StandingClock, running

async def main(path):
    path.write_text("a: 0")
    clock = StandingClock()
    async with running(File(path), clock=clock) as [feed]:
        for number in range(1, 4):
            path.write_text(f"a: {number}")
            while feed.content() != f"a: {number}".encode():
                clock.advance(1.0)
                await asyncio.sleep(0.001)
    print(feed.content())

logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_limits_of_the_system(tmp_path: Path, limit: str) -> None:
    """Where no folder can be watched, files are looked at every second, and one warning says so."""
    done = run(LIMITED, tmp_path / "app.yaml", first=f"echo 0 > /proc/sys/user/{limit}")
    assert (done.stdout, done.returncode) == ("b'a: 3'\n", 0)
    [warning] = done.stderr.splitlines()
    assert warning.startswith("dynconf.files WARNING changes of files may be noticed only every 1 s")


MOUNTED = """
import asyncio, logging, sys
from dynconf.sources.file import File
from tests.unit.sources.recording import RecordingFeed

logging.basicConfig(format="%(levelname)s %(message)s", level="INFO")
feed = RecordingFeed(watching=False)
asyncio.run(File(sys.argv[1]).run(feed))
print(feed.content())
"""


@pytest.mark.usefixtures("namespaces")
def test_file_mounted_on_its_own(tmp_path: Path) -> None:
    """A mount of one file, as a `subPath` is, is read, and a line says that it may never change."""
    path, other = tmp_path / "the app.yaml", tmp_path / "other.yaml"
    path.write_text("a: 0")
    other.write_text("a: 1")
    done = run(MOUNTED, path, first=f"mount --bind '{other}' '{path}'")
    assert done.stdout == "b'a: 1'\n"
    assert done.stderr == f"INFO {path} is mounted on its own; such a mount may never show a change\n"
    assert run(MOUNTED, other).stderr == ""


EXITING = """
import asyncio, atexit, os, sys, threading

def left():
    print([thread.name for thread in threading.enumerate() if thread.name == "dynconf-watch"])

atexit.register(left)  # what is registered first is called last
from dynconf.sources.file import File
from tests.unit.sources.recording import RecordingFeed

loaded = threading.Event()

async def main():
    feed = RecordingFeed()
    task = asyncio.create_task(File(sys.argv[1]).run(feed))
    await feed.until(lambda: feed.alive_count or len(feed.updates) > 1)  # it is being watched by now
    loaded.set()
    await task

threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
loaded.wait()
if sys.argv[2] == "fork":
    if child := os.fork():
        print(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize("way", ["exit", "fork"])
def test_exit_without_stopping(tmp_path: Path, way: str) -> None:
    """A program that ends without stopping anything ends well, and so does a forked child of it."""
    path = tmp_path / "app.yaml"
    path.write_text("a: 0")
    done = run(EXITING, path, way)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.split() == (["[]", "0", "[]"] if way == "fork" else ["[]"])
