"""A document in memory as a source."""

import asyncio
from threading import Thread

import pytest

from dynconf.errors import AccessDenied, SourceUnavailable
from dynconf.sources.memory import Memory
from tests.unit.sources.recording import RecordingFeed, running


def test_every_state_is_reported() -> None:
    """What is set while it runs arrives, each time under a new revision."""

    async def main() -> None:
        memory = Memory({"a": 1})
        async with running(memory) as [feed]:
            assert feed.content("memory") == {"a": 1}
            memory.set({"a": 2})
            await feed.until_content({"a": 2})
            memory.delete()
            await feed.until_content(None)
            memory.set(b"a: 3")
            await feed.until_content(b"a: 3")
            assert len({update.revision for update in feed.updates}) == 4

    asyncio.run(main())


def test_nothing_is_a_document_that_is_not_there() -> None:
    """Without content the document is missing, which is something else than empty."""

    async def main() -> None:
        async with running(Memory(), Memory({})) as [missing, empty]:
            assert missing.updates[0].content is None
            assert empty.updates[0].content == {}

    asyncio.run(main())


def test_trees_are_copied() -> None:
    """Altering a tree after it was given does nothing."""

    async def main() -> None:
        tree = {"a": [1]}
        memory = Memory(tree)
        tree["a"].append(2)
        async with running(memory) as [feed]:
            assert feed.content() == {"a": [1]}
            memory.set(tree)
            tree["a"].append(3)
            await feed.until_content({"a": [1, 2]})

    asyncio.run(main())


def test_failing_and_recovering() -> None:
    """While it fails nothing is reported; when it recovers, what was set last is."""

    async def main() -> None:
        memory = Memory({"a": 1}, remote=True)
        async with running(memory) as [feed]:
            memory.fail()
            await feed.until(lambda: feed.failing)
            assert isinstance(feed.failing, SourceUnavailable)
            memory.set({"a": 2})
            memory.recover()
            await feed.until_content({"a": 2})
            assert feed.failing is None
            assert [update.content for update in feed.updates] == [{"a": 1}, {"a": 2}]

    asyncio.run(main())


def test_failing_from_the_start() -> None:
    """It is loaded only when it first answers."""

    async def main() -> None:
        memory = Memory({"a": 1})
        memory.fail(AccessDenied("no"))
        async with running(memory) as [feed]:
            assert isinstance(feed.failing, AccessDenied)
            assert not feed.is_loaded
            memory.recover()
            await feed.until(lambda: feed.is_loaded)
            assert feed.content() == {"a": 1}

    asyncio.run(main())


def test_one_pass() -> None:
    """Without watching it ends after one report, or with the error."""
    memory = Memory(b"a = 1", format="toml")
    feed = RecordingFeed(watching=False)
    asyncio.run(memory.run(feed))
    assert feed.is_loaded
    assert (feed.updates[0].content, feed.updates[0].format) == (b"a = 1", "toml")
    memory.fail()
    with pytest.raises(SourceUnavailable):
        asyncio.run(memory.run(feed))


def test_several_loops_and_threads() -> None:
    """Configurations on different loops all see what yet another thread sets."""
    memory = Memory({"a": 0})

    async def follow() -> None:
        async with running(memory) as [feed]:
            await feed.until_content({"a": 100})
            seen = [update.content["a"] for update in feed.updates if isinstance(update.content, dict)]
            assert seen == sorted(seen)

    threads = [Thread(target=asyncio.run, args=(follow(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 101):
        memory.set({"a": number})
    for thread in threads:
        thread.join()


def test_setting_after_the_last_run() -> None:
    """What is set while nothing runs is what the next run reports first."""
    memory = Memory({"a": 1})

    async def once() -> list[object]:
        async with running(memory) as [feed]:
            return [update.content for update in feed.updates]

    assert asyncio.run(once()) == [{"a": 1}]
    memory.set({"a": 2})
    assert asyncio.run(once()) == [{"a": 2}]
