"""What happens to real files: however they are saved, swapped, lost or blocked, the final content arrives.

The clock stands still unless a test lets it go on, so what arrives does so because of an event, and
not because everything is looked at now and then.
"""
# ruff: noqa: ASYNC240 - a test may hold up its own loop while it plays the editor

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dynconf import Config, Settings
from dynconf._values.limits import Limits
from dynconf._values.source import Source
from dynconf.errors import DocumentMissing, SourceUnavailable
from dynconf.sources._links import Links
from dynconf.sources.file import File, _Following
from dynconf.testing import ManualClock
from tests.servers.process import until
from tests.unit.core_props import Told
from tests.unit.sources.recording import RecordingFeed, StandingClock, running

ROOT = Path(__file__).parents[2]


class Counted(Settings):
    a: int = 0


def follow(source: Source, test: Callable[[RecordingFeed, StandingClock], Awaitable[None]]) -> RecordingFeed:
    """Run a test while the source is followed; the feed has begun when the test does."""

    async def main() -> RecordingFeed:
        clock = StandingClock()
        async with running(source, clock=clock) as [feed]:
            await test(feed, clock)
        return feed

    return asyncio.run(main())


def contents(feed: RecordingFeed) -> list[object]:
    """Everything that was reported, in order, without what was reported again."""
    found: list[object] = []
    for update in feed.updates:
        if not found or found[-1] != update.content:
            found.append(update.content)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder of its own."""
    folder = tmp_path / "etc"
    folder.mkdir()
    path = folder / "app.yaml"
    path.write_text("a: 0")
    return path


def save_by_renaming(path: Path, text: str) -> None:
    """Save as most programs do: write another file, then put it in place."""
    new = path.with_name(".new")
    new.write_text(text)
    new.replace(path)


def test_saved_by_renaming(path: Path) -> None:
    """Each of several saves by renaming arrives, and nothing but whole contents."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 1", "a: 2", "a: 3"]:
            save_by_renaming(path, text)
            await feed.until_content(text.encode())

    assert contents(follow(File(path), test)) == [b"a: 0", b"a: 1", b"a: 2", b"a: 3"]


def test_saved_in_place(path: Path) -> None:
    """A save that empties the file first and writes it later ends with what was written."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 1", "a: 2", "a: 3"]:
            with path.open("w") as file:
                await feed.until_content(b"")
                file.write(text)
            await feed.until_content(text.encode())

    follow(File(path), test)


def test_written_in_pieces(path: Path) -> None:
    """Half a file that is seen is followed by the whole."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        with path.open("w") as file:
            file.write("a: 1\n")
            file.flush()
            await feed.until_content(b"a: 1\n")
            file.write("b: 2\n")
        await feed.until_content(b"a: 1\nb: 2\n")

    follow(File(path), test)


def test_rewritten_with_times_kept(path: Path) -> None:
    """A change that leaves size and time of modification as they were is found."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 1", "a: 2"]:
            status = path.stat()
            path.write_text(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            await feed.until_content(text.encode())

    follow(File(path), test)


def test_saved_with_backup(path: Path) -> None:
    """An editor that renames the old file away and then writes a new one never makes it gone."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 1", "a: 2", "a: 3"]:
            path.replace(f"{path}~")
            await clock.until_sleep(1.0)
            path.write_text(text)
            await feed.until_content(text.encode())
            clock.advance(1.0)

    assert None not in contents(follow(File(path), test))


def test_deleted_and_back(path: Path) -> None:
    """A file is gone after a second's grace, not before, and its return is seen; twice."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 1", "a: 2"]:
            path.unlink()
            await clock.until_sleep(1.0)
            assert feed.content() is not None
            clock.advance(1.0)
            await feed.until_content(None)
            assert str(path) in feed.updates[-1].note
            path.write_text(text)
            await feed.until_content(text.encode())

    follow(File(path), test)


def test_members_that_go_are_forgotten(path: Path) -> None:
    """Files that come and go for years, as in a folder of jobs, leave nothing behind."""
    clock = ManualClock()
    feed = RecordingFeed(clock=clock)
    asked: list[float] = []
    following = _Following(File(path.parent / "*.yaml"), feed)

    def look() -> None:
        found = following.look(Links())
        if found is not None:
            following.take(found, asked.append)

    look()
    for number in range(3):
        member = path.with_name(f"{number}.yaml")
        member.write_text("b: 1")
        look()
        member.unlink()
        look()
        clock.advance(1.0)
        look()
        assert (feed.updates[-1].document, feed.updates[-1].content) == (str(member), None)
    assert asked == [1.0] * 3
    assert not following._gone


def test_missing_at_start(path: Path) -> None:
    """A file that is not there is reported so at once; its coming is seen."""
    path.unlink()

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        assert contents(feed) == [None]
        assert feed.is_loaded
        path.write_text("a: 1")
        await feed.until_content(b"a: 1")

    follow(File(path), test)


def test_folder_missing_at_start(tmp_path: Path) -> None:
    """Folders that come one after the other are followed down to the file."""
    path = tmp_path / "a" / "b" / "c" / "app.yaml"

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        (tmp_path / "a").mkdir()
        path.parent.mkdir(parents=True)
        path.write_text("a: 1")
        await feed.until_content(b"a: 1")
        save_by_renaming(path, "a: 2")
        await feed.until_content(b"a: 2")

    follow(File(path), test)


@pytest.mark.parametrize("way", ["removed", "renamed"])
def test_folder_replaced(path: Path, way: str) -> None:
    """The folder that is watched goes and another takes its name: what is in that one is followed."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for number in range(1, 4):
            if way == "removed":
                shutil.rmtree(path.parent)
            else:
                path.parent.rename(path.parent.with_name(f"old{number}"))
            path.parent.mkdir()
            path.write_text(f"a: {number}")
            await feed.until_content(f"a: {number}".encode())
            save_by_renaming(path, f"b: {number}")
            await feed.until_content(f"b: {number}".encode())

    assert None not in contents(follow(File(path), test))


def test_empty_folder_replaced_while_somebody_is_in_it(path: Path) -> None:
    """A folder that goes without a word, as somebody still has it open, is missed from the one above."""
    path.unlink()
    held = os.open(path.parent, os.O_RDONLY)

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        path.write_text("a: 0")
        await feed.until_content(b"a: 0")
        path.unlink()
        await clock.until_sleep(1.0)
        clock.advance(1.0)
        await feed.until_content(None)
        path.parent.rmdir()
        path.parent.mkdir()
        path.write_text("a: 1")
        await feed.until_content(b"a: 1")

    try:
        follow(File(path), test)
    finally:
        os.close(held)


def test_change_without_event(tmp_path: Path) -> None:
    """What no event tells of, here a folder further up being replaced, is found by looking now and then."""
    path = tmp_path / "a" / "b" / "c" / "app.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("a: 0")

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        new = tmp_path / "new"
        shutil.copytree(tmp_path / "a", new)
        (new / "b" / "c" / "app.yaml").write_text("a: 1")
        (tmp_path / "a").rename(tmp_path / "old")
        new.rename(tmp_path / "a")
        clock.advance(5.0)
        await feed.until_content(b"a: 1")
        path.write_text("a: 2")
        await feed.until_content(b"a: 2")

    follow(File(path), test)


class Mount:
    """A folder as Kubernetes mounts it: `app.yaml -> ..data/app.yaml`, `..data -> ..1/`."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.names = names
        self.count = 0
        folder.mkdir()
        self.swap("a: 0")
        for name in names:
            (folder / name).symlink_to(f"..data/{name}")

    def swap(self, text: str) -> None:
        """Put new contents in place of all at once, and remove the old ones."""
        old, self.count = self.folder / f"..{self.count}", self.count + 1
        new = self.folder / f"..{self.count}"
        new.mkdir()
        for name in self.names:
            (new / name).write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(new.name)
        link.replace(self.folder / "..data")
        if old.exists():
            shutil.rmtree(old)


def test_kubernetes_mount(tmp_path: Path) -> None:
    """Every swap arrives, in every file, whole and never as a file that is gone."""
    mount = Mount(tmp_path / "mount", ["a.yaml", "b.yaml"])

    async def main() -> None:
        files = [File(mount.folder / name) for name in mount.names]
        async with running(*files, clock=StandingClock()) as feeds:
            for number in range(1, 6):
                mount.swap(f"a: {number}")
                for feed in feeds:
                    await feed.until_content(f"a: {number}".encode())
            for feed in feeds:
                assert contents(feed) == [f"a: {number}".encode() for number in range(6)]

    asyncio.run(main())


def test_kubernetes_swaps_in_a_row(tmp_path: Path) -> None:
    """Of swaps that follow each other at once, the last one is what stays."""
    mount = Mount(tmp_path / "mount", ["app.yaml"])

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for number in range(1, 30):
            mount.swap(f"a: {number}")
        await feed.until_content(b"a: 29")

    assert None not in contents(follow(File(mount.folder / "app.yaml"), test))


def test_link_retargeted(tmp_path: Path) -> None:
    """A link to another folder's file is followed where it leads, and edits there are seen."""
    path = tmp_path / "app.yaml"

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for number in range(1, 4):
            real = tmp_path / f"real{number}"
            real.mkdir()
            (real / "x.yaml").write_text(f"a: {number}")
            link = tmp_path / ".link"
            link.symlink_to(real / "x.yaml")
            link.replace(path)
            await feed.until_content(f"a: {number}".encode())
            (real / "x.yaml").write_text(f"b: {number}")
            await feed.until_content(f"b: {number}".encode())

    path.write_text("a: 0")
    follow(File(path), test)


def test_linked_folder_retargeted(tmp_path: Path) -> None:
    """A link further up the path, as in `current -> releases/5`, is followed as well."""
    releases = [tmp_path / "releases" / name for name in "123"]
    for release in releases:
        (release / "etc").mkdir(parents=True)
        (release / "etc" / "app.yaml").write_text(f"a: {release.name}")
    current = tmp_path / "current"
    current.symlink_to(releases[0])

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for release in releases[1:]:
            link = tmp_path / ".link"
            link.symlink_to(Path("releases", "..", "releases", release.name))
            link.replace(current)
            await feed.until_content(f"a: {release.name}".encode())

    follow(File(current / "etc" / "app.yaml"), test)


def put_folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def put_pipe(path: Path) -> None:
    """A pipe, which whoever opens it waits for."""
    os.mkfifo(path)


def put_socket(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def put_circle(path: Path) -> None:
    """Links that lead in a circle."""
    path.symlink_to(f"{path.name}.other")
    path.with_name(f"{path.name}.other").symlink_to(path.name)


BLOCKERS = [
    (put_folder, "folder"),
    (put_pipe, "regular file"),
    (put_socket, "regular file"),
    (put_circle, "circle"),
]


@pytest.mark.parametrize(("put", "reason"), BLOCKERS)
def test_blocked(path: Path, put: Callable[[Path], None], reason: str) -> None:
    """What cannot be read is a failure, not a file that is gone; when it can be again, it is."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        for text in ["a: 0", "a: 1"]:
            path.rename(path.with_name("aside"))
            put(path)
            await feed.until(lambda: feed.failing)
            assert isinstance(feed.failing, SourceUnavailable)
            assert str(path) in str(feed.failing)
            assert reason in feed.failing.reason
            for blocker in path.parent.glob("app.yaml*"):
                blocker.rmdir() if blocker.is_dir() else blocker.unlink()
            path.write_text(text)
            await feed.until(lambda: feed.failing is None)
            await feed.until_content(text.encode())

    assert contents(follow(File(path), test)) == [b"a: 0", b"a: 1"]


@pytest.mark.parametrize(("put", "reason"), BLOCKERS)
def test_blocked_from_the_start(path: Path, put: Callable[[Path], None], reason: str) -> None:
    """A source that begins blocked is failing and not loaded, until it can be read."""
    path.unlink()
    put(path)

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        assert feed.failing is not None
        assert reason in feed.failing.reason
        assert not feed.is_loaded
        save_by_renaming(path.with_name("new.yaml"), "a: 1")
        for blocker in path.parent.glob("app.yaml*"):
            blocker.rmdir() if blocker.is_dir() else blocker.unlink()
        path.with_name("new.yaml").rename(path)
        await feed.until(lambda: feed.is_loaded)
        assert feed.content() == b"a: 1"

    follow(File(path), test)


def test_blocked_and_then_missing(path: Path) -> None:
    """A file that was blocked from the start and then is not there at all is missing at once."""
    path.unlink()
    put_pipe(path)

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        path.unlink()
        await feed.until(lambda: feed.is_loaded)

    assert contents(follow(File(path), test)) == [None]


def test_file_in_place_of_folder(path: Path) -> None:
    """A file where the path has a folder is a failure that mends, too."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        path.parent.rename(path.parent.with_name("aside"))
        path.parent.touch()
        await feed.until(lambda: feed.failing)
        path.parent.unlink()
        path.parent.with_name("aside").rename(path.parent)
        await feed.until(lambda: feed.failing is None)

    assert contents(follow(File(path), test)) == [b"a: 0"]


WITHOUT_RIGHTS = """
import asyncio, os, tempfile
from pathlib import Path
from dynconf.sources.file import File
from tests.unit.sources.recording import StandingClock, running

async def main(path):
    async with running(File(path), clock=StandingClock()) as [feed]:
        print(type(feed.failing).__name__, feed.is_loaded)
        path.chmod(0o600)
        await feed.until(lambda: feed.is_loaded)
        print(feed.content())
        path.chmod(0)
        await feed.until(lambda: feed.failing)
        print(type(feed.failing).__name__, feed.content())

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "app.yaml")
    path.write_text("a: 1")
    path.chmod(0)
    asyncio.run(main(path))
"""


def drop_rights() -> None:
    """Let root be refused like everybody else: take away what goes beyond a file's mode, from `exec` on."""
    capability_bounding_set_drop, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(capability_bounding_set_drop, capability, 0, 0, 0)


def test_no_permission() -> None:
    """A file that may not be read is refused access; a change of its mode mends and breaks that."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=drop_rights,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["AccessDenied False", "b'a: 1'", "AccessDenied b'a: 1'"]


def test_members_come_and_go(tmp_path: Path) -> None:
    """Files that match are added, changed and removed while others stay as they are."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "10.yaml").write_text("a: 10")
    first, second = str(folder / "10.yaml"), str(folder / "20.yaml")

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        (folder / "20.yaml").write_text("a: 20")
        await feed.until_content(b"a: 20", second)
        (folder / "20.yaml").write_text("a: 21")
        await feed.until_content(b"a: 21", second)
        orders = {update.document: update.order for update in feed.updates}
        assert orders == {first: "10.yaml", second: "20.yaml"}
        for document in [first, second]:
            Path(document).unlink()
            await clock.until_sleep(1.0)
            clock.advance(1.0)
            await feed.until_content(None, document)
        (folder / "10.yaml").write_text("a: 11")
        await feed.until_content(b"a: 11", first)
        assert feed.failures == []

    follow(File(folder / "*.yaml"), test)


def test_unreadable_member(tmp_path: Path) -> None:
    """One member that cannot be read is a failure that keeps no other from being followed."""
    (tmp_path / "10.yaml").write_text("a: 10")
    (tmp_path / "20.yaml").write_text("a: 20")

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        (tmp_path / "20.yaml").unlink()
        put_pipe(tmp_path / "20.yaml")
        await feed.until(lambda: feed.failing)
        (tmp_path / "10.yaml").write_text("a: 11")
        await feed.until_content(b"a: 11", str(tmp_path / "10.yaml"))
        await feed.until(lambda: feed.failing)
        assert "20.yaml" in str(feed.failing)
        assert feed.content(str(tmp_path / "20.yaml")) == b"a: 20"

    follow(File(tmp_path / "*.yaml"), test)


def test_unreadable_member_is_told_once(tmp_path: Path) -> None:
    """Edits of others neither tell of it anew nor make up for it, and serve; each further one is told of."""
    one, two, three = (tmp_path / f"{name}.yaml" for name in ("one", "two", "three"))
    for path in (one, two, three):
        path.write_text("{}")
    config = Config(File(tmp_path / "*.yaml"))
    errors = Told()
    config.on_error(errors)
    counted = config.bind(Counted)

    def edit(text: str) -> None:
        one.write_text(f"a: {text}")
        counted.until(lambda now: now.a == int(text), 20)

    with config:
        two.unlink()
        put_pipe(two)
        errors.wait(1)
        for text in ("1", "2", "3"):
            edit(text)
        three.unlink()
        put_pipe(three)
        errors.wait(2)
        edit("4")
        [source] = config.status().sources
        states = {Path(one.document).stem: one.state for one in source.documents}
        assert (source.state, states) == ("stale", {"one": "live", "two": "stale", "three": "stale"})
        for path in (two, three):
            path.unlink()
            path.write_text("{}")
        until(lambda: config.status().healthy, "its recovery")
    assert [("two.yaml" in text, "three.yaml" in text) for text in errors.texts()] == [
        (True, False),
        (False, True),
    ]


def test_folder_of_members_blocked(tmp_path: Path) -> None:
    """When the folder of a glob cannot be listed, its files are not gone, however long it takes."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "10.yaml").write_text("a: 10")

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        folder.rename(tmp_path / "aside")
        folder.touch()
        await feed.until(lambda: feed.failing)
        count = len(feed.failures)
        clock.advance(5.0)
        await feed.until(lambda: len(feed.failures) > count)
        folder.unlink()
        (tmp_path / "aside").rename(folder)
        await feed.until(lambda: feed.failing is None)

    assert contents(follow(File(folder / "*.yaml"), test)) == [b"a: 10"]


def test_no_member_at_start(tmp_path: Path) -> None:
    """Nothing that matches is a missing document, said with folder and pattern, until something does."""
    folder = tmp_path / "conf.d"

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        assert isinstance(feed.failing, DocumentMissing)
        assert str(folder) in str(feed.failing)
        assert "*.yaml" in str(feed.failing)
        assert not feed.is_loaded
        folder.mkdir()
        (folder / "10.yaml").write_text("a: 1")
        await feed.until(lambda: feed.is_loaded)
        assert feed.content() == b"a: 1"

    follow(File(folder / "*.yaml"), test)


def test_no_optional_member_at_start(tmp_path: Path) -> None:
    """For an optional source it is no fault that nothing matches."""

    async def test(feed: RecordingFeed, clock: StandingClock) -> None:
        assert (feed.is_loaded, feed.updates, feed.failing) == (True, [], None)
        (tmp_path / "10.yaml").write_text("a: 1")
        await feed.until_content(b"a: 1")

    follow(File(tmp_path / "*.yaml", optional=True), test)


@pytest.mark.parametrize("pattern", ["app.yaml", "*.yaml"])
def test_one_pass(path: Path, pattern: str) -> None:
    """Without watching there is one report, or the error, and no thread that watches."""

    async def main() -> RecordingFeed:
        async with running(File(path.with_name(pattern)), watching=False) as [feed]:
            return feed

    assert asyncio.run(main()).content() == b"a: 0"
    path.unlink()
    put_pipe(path)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert caught.group_contains(SourceUnavailable)


def test_too_large(path: Path) -> None:
    """Of a file over the limit one byte more than that is reported, so that its parser refuses it."""

    async def main() -> None:
        async with running(File(path), limits=Limits(bytes=10)) as [feed]:
            for size in [10, 11, 5000]:
                path.write_bytes(b"#" * size)
                await feed.until_content(b"#" * min(size, 11))

    asyncio.run(main())
