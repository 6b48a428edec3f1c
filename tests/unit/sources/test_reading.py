"""Reading one file so that what comes out was in it at one moment."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from dynconf.sources import _reading
from dynconf.sources._links import Links
from dynconf.sources._reading import UNREADABLE, Reading, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small file."""
    path = tmp_path / "app.yaml"
    path.write_text("a: 1")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be an hour later than the files say."""
    moment = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: moment)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a second later than the files say."""
    moment = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: moment)


def test_content_and_revision(path: Path) -> None:
    """The revision is the start of the content's SHA-256."""
    reading = read(Links(), str(path), 100, UNREADABLE)
    assert reading.content == b"a: 1"
    assert reading.revision == hashlib.sha256(b"a: 1").hexdigest()[:12]


@pytest.mark.usefixtures("soon")
def test_fresh_stamp_is_not_trusted(path: Path) -> None:
    """A file that has just been written may change again without a trace, so it is read every time."""
    first = read(Links(), str(path), 100, UNREADABLE)
    assert first.stamp is None
    second = read(Links(), str(path), 100, first)
    assert second is not first
    assert second.content is first.content


@pytest.mark.usefixtures("later")
def test_old_stamp_is_trusted(path: Path) -> None:
    """A file that has been as it is for a while is not read again, unless the look is thorough."""
    reading = read(Links(), str(path), 100, UNREADABLE)
    assert read(Links(), str(path), 100, reading) is reading
    wrong = Reading(reading.stamp, "other", b"other")
    assert read(Links(), str(path), 100, wrong) is wrong
    assert read(Links(thorough=True), str(path), 100, wrong).content == b"a: 1"


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("what", ["size", "inode", "mode", "time"])
def test_stamp_tells_states_apart(path: Path, what: str) -> None:
    """A file with another size, inode, or time of change is read again."""
    reading = read(Links(), str(path), 100, UNREADABLE)
    if what == "size":
        path.write_text("a: 11")
    elif what == "inode":
        other = path.with_name("other")
        other.write_text("a: 2")
        other.replace(path)
    elif what == "mode":
        path.chmod(0o640)
    else:
        os.utime(path, (1, 1))
    assert read(Links(), str(path), 100, reading) is not reading


def write_while_reading(monkeypatch: pytest.MonkeyPatch, path: Path, texts: list[str]) -> None:
    """Let the file be written after its content was read and before that is taken for good."""
    sha256 = hashlib.sha256

    def write(content: bytes) -> Any:
        if texts:
            path.write_text(texts.pop(0))
        return sha256(content)

    monkeypatch.setattr(hashlib, "sha256", write)


def test_written_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read while the file was being written is not taken; it is read again."""
    write_while_reading(monkeypatch, path, ["a: 22", "a: 333"])
    links = Links()
    assert read(links, str(path), 100, UNREADABLE).content == b"a: 333"
    assert not links.unsettled


@pytest.mark.usefixtures("soon")
def test_written_all_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not keep still stays what it was, and is to be looked at again soon."""
    before = Reading(None, "before", b"before")
    write_while_reading(monkeypatch, path, ["#" * size for size in range(10, 30)])
    links = Links()
    assert read(links, str(path), 100, before) is before
    assert links.unsettled


@pytest.mark.parametrize(("age", "taken"), [(0, False), (10_000_000, False), (20_000_000, True), (-1, True)])
def test_written_just_now(path: Path, monkeypatch: pytest.MonkeyPatch, age: int, taken: bool) -> None:
    """What a known file holds milliseconds after a write may be half of it: the next look takes it."""
    before = Reading(None, "before", b"before")
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_mtime_ns + age)
    links = Links()
    assert (read(links, str(path), 100, before) is not before) is taken
    assert links.fresh is not taken
    assert read(Links(), str(path), 100, UNREADABLE).content == b"a: 1"


def test_written_just_now_and_never_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something serves already, the first reading waits until nobody has written for a while."""
    saves = ["a: 1\nb: ", "a: 1\nb: 2"]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if saves:
            path.write_text(saves.pop(0))

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_mtime_ns + (5_000_000 if saves else 10**9))
    assert read(Links(), str(path), 100, UNREADABLE, patient=True).content == b"a: 1\nb: 2"
    assert waits == pytest.approx([0.01, 0.01])


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A file that becomes a pipe just before it is opened does not hold up the reader."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    os.close(_reading._open(str(pipe), os.O_RDONLY))


def test_size_that_is_not_told() -> None:
    """Files whose size the system gives as 0, as all of /proc, are read in full, up to the limit."""
    content = read(Links(), "/proc/self/status", 10_000, UNREADABLE).content
    assert content is not None
    assert content.startswith(b"Name:")
    assert len(content) > 100
    limited = read(Links(), "/proc/self/status", 20, UNREADABLE).content
    assert limited == content[:21]
