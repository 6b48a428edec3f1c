"""A start from the cache: when it stands in for what, and what is kept for the next one."""

import asyncio
import hashlib
import logging
import re
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from dynconf import Config, Feed, File, Limits, Memory, Settings, Source, Update, Veto
from dynconf._cache.disk import SharedFile
from dynconf._manager import cache as keeping
from dynconf.errors import (
    AccessDenied,
    CacheUnusable,
    SourceError,
    SourceUnavailable,
    StartFailed,
    UsageError,
)
from tests.unit.core_props import LOOK, Guard, Told, guarded

DOWN = SourceUnavailable("nobody listens")
DENIED = AccessDenied("the token is not known")


class Numbers(Settings):
    a: int = 0
    b: int = 0
    c: int = 0


class Pair(Settings):
    a: int
    b: int

    def model_post_init(self, _: object) -> None:
        if self.a != self.b:
            raise ValueError("they differ")


class Server:
    """What stands for a remote server: documents by name, or the error that it answers with."""

    def __init__(self, **documents: Any) -> None:
        self.documents: dict[str, Any] = documents
        self.error: SourceError | None = None
        self.silent = False
        self.news = asyncio.Event()

    def change(self, *, error: SourceError | None = None, **documents: Any) -> None:
        """Have it answer something else; from the loop."""
        self.documents.update(documents)
        self.error = error
        self.silent = False
        self.news.set()


class Remote(Source):
    """The documents of a `Server`."""

    remote = True

    def __init__(self, server: Server, *names: str, where: str = "here") -> None:
        self.name = f"remote:{','.join(names)}"
        self.server = server
        self.names = names
        self.where = where

    def place(self) -> str:
        return self.where

    async def run(self, feed: Feed) -> None:
        self.server.news = asyncio.Event()
        while True:
            self.server.news.clear()
            if self.server.error is not None:
                feed.failed(self.server.error)
            elif not self.server.silent:
                for name in self.names:
                    content = self.server.documents.get(name)
                    feed.update(Update(name, str(hash(str(content))), content, "yaml"))
                feed.loaded()
            if not feed.watching:
                return
            await self.server.news.wait()


@pytest.fixture
def server() -> Server:
    """A server with a number in each of two documents."""
    return Server(one=b"a: 1", two=b"b: 1")


def made(
    server: Server, folder: Path, *more: Source, names: tuple[str, ...] = ("one", "two"), **options: Any
) -> Config:
    """A Config over the server's documents, that waits for nobody longer than a moment."""
    return Config(
        Remote(server, *names),
        *more,
        **{"cache": folder, "cache_after": 0.05, "start_timeout": 1.0, **options},
    )


def filled(server: Server, folder: Path, **options: Any) -> None:
    """Have the cache hold what the server has."""
    config = made(server, folder, **options)
    config.bind(Numbers)
    config.load()


@pytest.mark.parametrize(
    "trouble", ["silent", "down", "denied", "missing", "broken", "empty", "invalid", "vetoed"]
)
def test_it_stands_in(server: Server, tmp_path: Path, trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with a server or a document, a start goes on from the cache, and then it heals."""
    filled(server, tmp_path)
    bad: dict[str, Any] = {
        "missing": None,
        "broken": b"a: [",
        "empty": b"",
        "invalid": b"a: x",
        "vetoed": b"a: 13",
    }

    async def test() -> None:
        server.silent = trouble == "silent"
        server.error = {"down": DOWN, "denied": DENIED}.get(trouble)
        if trouble in bad:
            server.documents |= {"one": bad[trouble], "two": b"b: 2"}
        config = made(server, tmp_path)
        numbers = config.bind(Numbers)

        @config.before_change
        def lucky(change: Any) -> None:
            if change.new[numbers].a == 13:
                raise Veto("not on a Friday", path="a")

        async with config:
            if trouble == "vetoed":
                await numbers.auntil(lambda now: now.b == 2, LOOK)
            assert numbers.current == Numbers(a=1, b=2 if trouble in bad else 1)
            [status] = config.status().sources
            one = next(document for document in status.documents if document.document == "one")
            wanted = {"missing": "missing", "silent": "stale", "down": "stale", "denied": "stale"}
            assert one.state == status.state == wanted.get(trouble, "refused")
            assert one.cached_at is not None
            assert "from the cache" in str(status)
            assert "served from the cache" in caplog.text
            server.change(one=b"a: 5")
            await numbers.auntil(lambda now: now.a == 5, LOOK)
            assert config.status().healthy
            assert "from the cache" not in str(config.status())

    asyncio.run(test())


def test_a_resource_that_is_down(server: Server, tmp_path: Path) -> None:
    """The start has waited for it once; the next try goes on beside it, and is taken when it is ready."""
    filled(server, tmp_path)
    server.documents |= {"one": b"a: 13"}
    go_on, tries = threading.Event(), []

    def create(number: int) -> int:
        if number == 13:
            tries.append(number)
            if len(tries) == 1:
                raise ConnectionError("it is down")
            go_on.wait(LOOK)
        return number

    async def test() -> None:
        config = made(server, tmp_path)
        numbers = config.bind(Numbers)
        resource = await numbers.aresource("a", create=create, timeout=2 * LOOK)
        async with config:
            assert numbers.current.a == resource.current == 1
            go_on.set()
            await numbers.auntil(lambda now: now.a == 13, LOOK)
            assert resource.current == 13

    asyncio.run(test())


@pytest.mark.parametrize(
    ("at_first", "then"),
    [({"one": b"a: x"}, {"one": b"a: 2", "two": b"b: 2"}), ({"one": b"a: 2"}, {"two": b"b: 2"})],
    ids=["other content", "what it needs"],
)
def test_what_was_not_valid_is_waited_for(
    server: Server, tmp_path: Path, at_first: dict[str, bytes], then: dict[str, Any]
) -> None:
    """Nobody has refused to prepare it, so once it is valid it is prepared like any change, with all else."""
    config = made(server, tmp_path)
    config.bind(Pair)
    config.load()
    server.documents |= at_first

    async def test() -> None:
        config = made(server, tmp_path)
        pair, guard = config.bind(Pair), Guard()
        guarded(config, guard)
        async with config:
            assert pair.current.a == 1
            server.change(**then)
            await pair.auntil(lambda now: now.a == 2, LOOK)
        assert guard.hurried == [False, False]  # once at the start, once for the change

    asyncio.run(test())


def test_without_a_cache_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    """It is off by default, and with nothing in it a start fails as it does without."""
    filled(server, tmp_path, cache=None)
    assert not list(tmp_path.iterdir())
    server.error = DOWN
    with pytest.raises(StartFailed, match="nobody listens"):
        filled(server, tmp_path)


def test_a_refused_set_falls_back_as_a_whole(server: Server, tmp_path: Path) -> None:
    """What fits nothing but the rest of the cache has all of it stand in."""
    config = made(server, tmp_path)
    config.bind(Pair)
    config.load()
    server.documents |= {"one": b"a: 2", "two": b"b: 3"}
    config = made(server, tmp_path)
    pair = config.bind(Pair)
    with config:
        assert (pair.current.a, pair.current.b) == (1, 1)
        assert {document.state for document in config.status().sources[0].documents} == {"refused"}


def test_a_local_fault_is_no_matter_for_the_cache(server: Server, tmp_path: Path) -> None:
    """What is wrong with something local fails the start with the reason that it has."""
    filled(server, tmp_path)
    server.documents["one"] = b"a: 2"
    local = Memory({"c": "no number"}, name="local")
    config = made(server, tmp_path, local)
    config.bind(Numbers)
    with pytest.raises(StartFailed, match="c: expected"):
        config.start()


def test_another_place_does_not_stand_in(server: Server, tmp_path: Path) -> None:
    """What one server had is not what another would say, though all names are the same."""
    filled(server, tmp_path)
    server.error = DOWN
    config = Config(
        Remote(server, "one", "two", where="there"), cache=tmp_path, cache_after=0.0, start_timeout=0.1
    )
    with pytest.raises(StartFailed, match="nobody listens"):
        config.start()


def test_only_what_lacks_is_taken(server: Server, tmp_path: Path) -> None:
    """A document that came is not replaced, and one that is optional and gone does not come back."""
    filled(server, tmp_path)
    server.documents |= {"one": b"a: 2", "two": None}
    config = made(server, tmp_path)
    numbers = config.bind(Numbers)
    with config:
        assert numbers.current == Numbers(a=2, b=1)
        states = {one.document: one.state for one in config.status().sources[0].documents}
        assert states == {"one": "live", "two": "missing"}


def test_optional_and_members(server: Server, tmp_path: Path) -> None:
    """Of an optional source that does not answer the cache stands in; of one that does nothing comes back."""
    for option in ("optional", "members"):
        server.error = None
        server.documents |= {"one": b"a: 1", "two": b"b: 1"}
        source = Remote(server, "one", "two")
        setattr(source, option, True)
        Config(source, cache=tmp_path).load()
        server.error = DOWN
        config = Config(source, cache=tmp_path, cache_after=0.01)
        numbers = config.bind(Numbers)
        with config:
            assert numbers.current == Numbers(a=1, b=1)
        server.error = None
        server.documents["two"] = None
        config = Config(source, cache=tmp_path)
        numbers = config.bind(Numbers)
        with config:
            assert numbers.current == Numbers(a=1, b=0)


def test_one_set(server: Server, tmp_path: Path) -> None:
    """What is kept is what served together: of a refused document that is the last good one."""

    async def test() -> None:
        config = made(server, tmp_path)
        numbers = config.bind(Numbers)
        async with config:
            server.change(one=b"a: x", two=b"b: 2")
            await numbers.auntil(lambda now: now.b == 2, LOOK)
        server.error = DOWN
        config = made(server, tmp_path)
        numbers = config.bind(Numbers)
        async with config:
            assert numbers.current == Numbers(a=1, b=2)

    asyncio.run(test())


def test_how_old_it_is(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a content was applied at outlives starts from the cache, and writes for others' sake."""
    filled(server, tmp_path)
    seen = []
    for _ in range(2):
        server.error = DOWN
        with made(server, tmp_path) as config:
            seen.append({one.document: one.cached_at for one in config.status().sources[0].documents})
    assert seen[0] == seen[1]


def test_writes_are_few(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storm is written when it begins and when it ends, not with each change; the last state is kept."""
    written = []
    write = SharedFile.write

    def count(file: SharedFile, data: bytes, **how: Any) -> bool:
        written.append(data)
        return write(file, data, **how)

    monkeypatch.setattr(keeping, "PAUSE", LOOK)
    monkeypatch.setattr(SharedFile, "write", count)

    async def test() -> None:
        config = made(server, tmp_path)
        numbers = config.bind(Numbers)
        async with config:
            for number in range(2, 50):
                server.change(one=f"a: {number}".encode())
                await numbers.auntil(lambda now, number=number: now.a == number, LOOK)  # type: ignore[misc]
        server.error = DOWN
        async with made(server, tmp_path) as config:
            assert config.get("a") == 49

    asyncio.run(test())
    assert len(written) <= 4


def _into_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _of_no_time(file: Path) -> None:
    body = re.sub(rb'"at":[^,}]+', b'"at":1e300', file.read_bytes().partition(b"\n")[2])
    file.write_bytes(b"dynconf-cache 1 %s\n%s" % (hashlib.sha256(body).hexdigest().encode(), body))


BROKEN: dict[str, Callable[[Path], object]] = {
    "of no time": _of_no_time,
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-10]),
    "damaged": lambda file: file.write_bytes(file.read_bytes().replace(b"a: 1", b"a: 7")),
    "foreign": lambda file: file.write_bytes(file.read_bytes().replace(b"cache 1", b"cache 9")),
    "writable": lambda file: file.chmod(0o666),
    "a folder": _into_a_folder,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_cache_that_is_no_good(
    server: Server, tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is ignored with a warning that names the file and the reason; a start that needs none is as ever."""
    filled(server, tmp_path)
    [file] = tmp_path.iterdir()
    BROKEN[broken](file)
    server.documents["one"] = b"a: 2"
    config = made(server, tmp_path)
    numbers, errors = config.bind(Numbers), Told()
    config.on_error(errors)
    with config:
        assert numbers.current.a == 2
        [error] = errors.wait()[:1]
        assert isinstance(error, CacheUnusable)
        assert str(file) in str(error)
        assert "is ignored" in caplog.text
    if broken != "a folder":
        server.error = DOWN
        with made(server, tmp_path) as config:  # it was written anew
            assert config.get("a") == 2


def test_a_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, however often it is tried, and costs nothing else."""
    (tmp_path / "file").write_text("")

    async def test() -> None:
        config = made(server, tmp_path / "file" / "cache")
        numbers = config.bind(Numbers)
        async with config:
            for number in range(2, 5):
                server.change(one=f"a: {number}".encode())
                await numbers.auntil(lambda now, number=number: now.a == number, LOOK)  # type: ignore[misc]

    asyncio.run(test())
    assert len([record for record in caplog.records if "not written" in record.getMessage()]) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_cannot_be_kept_is_told(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A tree that JSON cannot say is not kept, with a warning that names it; nor is half of its source."""
    server.documents["two"] = {"day": date(2026, 1, 1)}
    filled(server, tmp_path)
    assert "incomplete: two cannot be kept" in caplog.text
    server.error = DOWN
    with pytest.raises(StartFailed), made(server, tmp_path):
        pass


def test_shared_by_several(server: Server, tmp_path: Path) -> None:
    """Configs of other sources or names keep theirs beside each other, and each finds its own."""
    filled(server, tmp_path)
    filled(server, tmp_path, name="other")
    filled(server, tmp_path, names=("one",))
    assert len(list(tmp_path.iterdir())) == 3
    server.error = DOWN
    with made(server, tmp_path, names=("one",)) as config:
        assert config.get("") == {"a": 1}


def test_options() -> None:
    """A time below nothing is a mistake, and so is a folder without a name."""
    with pytest.raises(UsageError, match="cache_after"):
        Config(cache_after=-1)
    with pytest.raises(UsageError, match="path of a folder"):
        Config(cache="")


def test_a_place_that_was_another_sources(server: Server, tmp_path: Path) -> None:
    """Of what comes where a source was removed nothing is kept: neither as that one's, nor a local file's."""
    local = tmp_path / "local.yaml"
    local.write_text("c: 77")
    folder = tmp_path / "cache"
    for later in (Remote(Server(other=b"a: 77"), "other"), File(local)):
        remote = Remote(server, "one")
        with Config(remote, cache=folder) as config:
            config.remove(remote)
            config.add(later)
    [file] = folder.iterdir()
    assert "77" not in file.read_text()
    server.error = DOWN
    with pytest.raises(StartFailed, match="nobody listens"):
        made(server, folder, names=("one",)).start()


@pytest.mark.parametrize("unreadable", ["one", "two"])
def test_what_is_kept_but_not_readable_today(server: Server, tmp_path: Path, unreadable: str) -> None:
    """Of a source of which a part cannot be read nothing stands in; the start fails as without a cache."""
    server.documents[unreadable] = b"a: 1  # " + b"x" * 1000
    filled(server, tmp_path)
    server.error = DOWN
    config = made(server, tmp_path, limits=Limits(bytes=100))
    config.bind(Numbers)
    with pytest.raises(StartFailed, match="nobody listens"):
        config.start()


@pytest.mark.parametrize(("on_missing", "state"), [("keep", "missing"), ("drop", "refused")])
def test_broken_and_then_gone_while_it_starts(
    server: Server, tmp_path: Path, on_missing: Literal["keep", "drop"], state: str
) -> None:
    """A document that the cache stood in for is as missing as any other once it is gone."""
    source, other = Remote(server, "one", "two"), Server(late=b"c: 1")
    source.on_missing = on_missing
    late = Remote(other, "late")
    Config(source, late, cache=tmp_path).load()
    server.documents["one"] = b"a: ["
    other.silent = True

    async def test() -> None:
        config = Config(source, late, cache=tmp_path, cache_after=0.3, start_timeout=LOOK)
        numbers, errors = config.bind(Numbers), Told()
        config.on_error(errors)
        starting = asyncio.create_task(config.astart())
        await asyncio.to_thread(errors.wait)
        server.change(one=None)
        other.change(late=b"c: 2")
        await starting
        assert numbers.current == Numbers(a=1, b=1, c=2)
        one = next(one for one in config.status().sources[0].documents if one.document == "one")
        assert one.state == state
        assert one.cached_at is not None
        await config.astop()

    asyncio.run(test())


def test_standing_in_is_no_answer(server: Server, tmp_path: Path) -> None:
    """A source is starting until its server has answered, though the cache stands in; never again then."""
    filled(server, tmp_path)
    source = Remote(server, "one", "two")
    feeds: list[Feed] = []
    report = source.run

    async def run(feed: Feed) -> None:
        feeds.append(feed)
        await report(feed)

    source.run = run  # type: ignore[method-assign]

    async def test() -> None:
        server.error = DOWN
        config = Config(source, cache=tmp_path, cache_after=0.05)
        numbers = config.bind(Numbers)
        async with config:
            assert feeds[0].starting
            server.change(one=b"a: 2")
            await numbers.auntil(lambda now: now.a == 2, LOOK)
            assert not feeds[0].starting
            await config.areload()
            assert not feeds[0].starting

    asyncio.run(test())


def test_a_write_that_failed_is_made_up_for(server: Server, tmp_path: Path) -> None:
    """What could not be written is tried again when the Config stops."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    config, errors = made(server, folder), Told()
    config.on_error(errors)
    with config:
        read, written = errors.wait(2)
        assert "is ignored" in str(read)
        assert "is not written" in str(written)
        folder.chmod(0o700)
    server.error = DOWN
    with made(server, folder) as config:
        assert config.get("a") == 1


def test_half_a_character(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A text that UTF-8 cannot say is no reason to keep nothing of the other sources."""
    odd = Remote(Server(odd={"name": "\ud800"}), "odd")
    made(server, tmp_path, odd).load()
    assert "odd cannot be kept" in caplog.text
    [file] = tmp_path.iterdir()
    assert "a: 1" in file.read_text()


def test_a_relative_folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the Config was made, wherever the program goes then."""
    monkeypatch.chdir(tmp_path)
    config = made(server, Path("kept"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    config.load()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()].count("kept") == 1
    assert not list((tmp_path / "elsewhere").iterdir())


def test_older_content_does_not_replace_newer(server: Server, tmp_path: Path) -> None:
    """Who starts from the cache writes nothing before it has something of its own."""
    filled(server, tmp_path)
    server.error = DOWN
    config = made(server, tmp_path)
    with config:
        [file] = tmp_path.iterdir()
        file.unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("another", "healed", "kept"),
    [(False, False, (3, 1)), (True, False, (1, 9)), (True, True, (3, 10))],
    ids=["alone", "beside another", "healed"],
)
def test_half_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, another: bool, healed: bool, kept: tuple[int, int]
) -> None:
    """Who has a part from the cache only does not put that back over what another process wrote since."""
    written, write = Told(), SharedFile.write

    def tell(file: SharedFile, data: bytes, **how: Any) -> bool:
        done = write(file, data, **how)
        written(data)
        return done

    monkeypatch.setattr(SharedFile, "write", tell)

    def both(near: Server, far: Server) -> Config:
        options: dict[str, Any] = {"cache": tmp_path, "cache_after": 0.0, "start_timeout": LOOK}
        return Config(Remote(near, "near"), Remote(far, "far"), **options)

    both(Server(near=b"a: 1"), Server(far=b"b: 1")).load()
    near, far = Server(near=b"a: 1"), Server()
    far.error = DOWN

    async def test() -> None:
        config = both(near, far)
        numbers = config.bind(Numbers)
        async with config:
            assert numbers.current == Numbers(a=1, b=1)
            await asyncio.to_thread(written.wait, 2)  # so that what follows is later than that
            if another:
                await both(Server(near=b"a: 1"), Server(far=b"b: 9")).aload()
            near.change(near=b"a: 3")
            await numbers.auntil(lambda now: now.a == 3, LOOK)
            if healed:
                far.change(far=b"b: 10")
                await numbers.auntil(lambda now: now.b == 10, LOOK)

    asyncio.run(test())
    near.error = far.error = DOWN
    with both(near, far) as config:
        assert (config.get("a"), config.get("b")) == kept


def test_what_is_unreadable_today_is_kept_on(server: Server, tmp_path: Path) -> None:
    """Who has nothing but the cache's content writes none of it: it may be less than all."""
    large = Server(large=b"c: 1  # " + b"x" * 1000)
    more = Remote(large, "large")
    more.optional = True
    made(server, tmp_path, more).load()
    [file] = tmp_path.iterdir()
    before = file.read_bytes()
    server.error = large.error = DOWN
    with made(server, tmp_path, more, limits=Limits(bytes=100), start_timeout=0.1) as config:
        assert config.get("") == {"a": 1, "b": 1}
    assert file.read_bytes() == before
