"""What every source must do, as a suite of tests that a source's own tests inherit."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from dynconf._faces.status import SourceStatus
from dynconf._values.snapshot import Change
from dynconf._values.source import Source
from dynconf.config import Config
from dynconf.errors import DocumentMissing, DynconfError, ParseError, SourceError, StartFailed
from dynconf.sources.memory import Memory
from dynconf.testing._clock import ManualClock

FIRST = {"name": "first", "number": 1}
SECOND = {"name": "second", "number": 2}
BASE = {"name": "base", "number": 0}


class Sample(BaseModel):
    """What the contract's documents hold."""

    name: str
    number: int


class _Running:
    """A Config over the source under test, above a document with `BASE`, and all that it told."""

    def __init__(self, source: Source, patience: float, start_timeout: float) -> None:
        self.changes: list[tuple[int, int]] = []
        self.errors: list[DynconfError] = []
        self.clock = ManualClock()
        base = Memory(BASE, name="base")
        self.config = Config(base, source, clock=self.clock, start_timeout=start_timeout)
        self.settings = self.config.bind(Sample)
        self.settings.on_change(self._changed)
        self.config.on_error(self._failed)
        self.name = source.name
        self.members = source.members
        self._patience = patience
        self._news = threading.Condition()

    def _changed(self, change: Change[Sample]) -> None:
        with self._news:
            self.changes.append((change.old.number, change.new.number))
            self._news.notify_all()

    def _failed(self, error: DynconfError) -> None:
        with self._news:
            self.errors.append(error)
            self._news.notify_all()

    @property
    def serves(self) -> dict[str, Any]:
        """What the model holds."""
        return self.settings.current.model_dump()

    @property
    def status(self) -> SourceStatus:
        """How it stands with the source under test."""
        return self.config.status().sources[-1]

    def told(self, kind: type[DynconfError]) -> bool:
        """Whether `on_error` was told of such an error."""
        return any(isinstance(error, kind) for error in self.errors)

    def eventually(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds, while the clock goes on."""
        end = monotonic() + self._patience
        while not holds():
            assert monotonic() < end, f"{what}: not within {self._patience:g} s; {self.config.status()}"
            self.clock.advance(1.0)
            with self._news:
                self._news.wait(0.02)


class SourceContract:
    """The contract of sources: inherit it, give it your source, and run pytest.

        class TestMySource(SourceContract):
            def make_source(self): ...      # over a place of this test's own, without a document
            def edit(self, tree): ...       # make the document hold the tree, at once
            def delete(self): ...           # take the document away
            def garble(self): ...           # make its content unparsable, at once
            def cut_off(self): ...          # let the server not answer, or the file not be readable
            def restore(self): ...          # undo `cut_off`

    A part that makes no sense for a source is left out by its name, the test's without `test_`:
    `class TestMySource(SourceContract, without=["unparsable_content"])`.

    Attributes:
        watches: whether the source follows changes; if not, they are looked for with `reload()`.
        patience: seconds that anything may take before it is a failure. The `Config` has a clock
            that runs fast meanwhile.
    """

    watches: ClassVar[bool] = True
    patience: ClassVar[float] = 20.0

    def __init_subclass__(cls, without: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for part in without:
            if not hasattr(cls, f"test_{part}"):
                raise TypeError(f"the contract of sources has no part '{part}'")
            setattr(cls, f"test_{part}", None)

    # What a source's tests say

    def make_source(self) -> Source:
        """Make a required source over a place of this test's own, where there is no document."""
        raise NotImplementedError

    def edit(self, tree: Mapping[str, Any]) -> None:
        """Make the document hold a tree: a flat mapping with text and numbers."""
        raise NotImplementedError

    def delete(self) -> None:
        """Take the document away."""
        raise NotImplementedError

    def garble(self) -> None:
        """Make the document's content unparsable."""
        raise NotImplementedError

    def cut_off(self) -> None:
        """Let nobody answer."""
        raise NotImplementedError

    def restore(self) -> None:
        """Answer again, with the document that was there, or was edited meanwhile."""
        raise NotImplementedError

    # The contract

    def test_first_load(self) -> None:
        """A start is back when the document serves."""
        with self._running() as it:
            assert it.serves == FIRST
            assert it.status.state == "live"
            assert it.changes == []
            assert it.errors == []

    def test_load_once(self) -> None:
        """One pass without watching loads the document and comes to an end."""
        it = self._made()
        self.edit(FIRST)
        it.config.load()
        assert it.serves == FIRST

    def test_missing_at_start(self) -> None:
        """A required document that is not there fails the start; once it is there, a start succeeds."""
        it = self._made(start_timeout=1.0)
        with pytest.raises(StartFailed) as caught:
            it.config.start()
        assert any(isinstance(failure, SourceError) for failure in caught.value.failures)
        self.edit(FIRST)
        with it.config:
            assert it.serves == FIRST

    def test_missing_at_start_and_optional(self) -> None:
        """An optional document that is not there is started without, and taken when it comes."""
        it = self._made(optional=True)
        with it.config:
            assert it.serves == BASE
            self.edit(FIRST)
            it.eventually(lambda: it.serves == FIRST, "the document comes")

    def test_change(self) -> None:
        """A change is told once, with what was and what is."""
        with self._running() as it:
            self._edit(it, SECOND)
            it.eventually(lambda: it.changes, "the change")
            assert it.serves == SECOND
            assert it.changes == [(1, 2)]
            assert it.config.status().version == 2

    def test_unchanged_content(self) -> None:
        """The same content saved again is no change."""
        with self._running() as it:
            self.edit(FIRST)
            assert it.config.reload().version == 1
            self._edit(it, SECOND)
            it.eventually(lambda: it.changes, "the change")
            assert it.changes == [(1, 2)]
            assert it.config.status().version == 2

    def test_key_gone(self) -> None:
        """Where a key is gone, the next document below shows."""
        with self._running() as it:
            self._edit(it, {"number": 1})
            it.eventually(lambda: it.serves == {"name": "base", "number": 1}, "the key goes")
            self._edit(it, FIRST)
            it.eventually(lambda: it.serves == FIRST, "the key comes back")

    def test_document_gone(self) -> None:
        """A required document that goes is missed, and its content stays; then it comes back."""
        with self._running() as it:
            self.delete()
            if it.members:
                it.eventually(lambda: it.serves == BASE, "the member goes")
            else:
                it.eventually(lambda: it.status.state == "missing", "the document is missed")
                it.eventually(lambda: it.told(DocumentMissing), "on_error is told")
                assert it.serves == FIRST
            self.edit(SECOND)
            it.eventually(lambda: it.serves == SECOND and it.status.state == "live", "it comes back")

    def test_optional_document_gone(self) -> None:
        """An optional document that goes gives way to the next below; then it comes back."""
        with self._running(optional=True) as it:
            self.delete()
            it.eventually(lambda: it.serves == BASE, "the document goes")
            self.edit(FIRST)
            it.eventually(lambda: it.serves == FIRST and it.status.state == "live", "it comes back")
            assert it.errors == []

    def test_unparsable_content(self) -> None:
        """Content that cannot be read is refused, and the last good one stays until there is a better."""
        with self._running() as it:
            self.garble()
            it.eventually(lambda: it.told(ParseError), "on_error is told")
            assert it.status.state == "refused"
            assert it.serves == FIRST
            self.edit(SECOND)
            it.eventually(lambda: it.serves == SECOND and it.status.state == "live", "it is good again")
            assert it.status.documents[0].problems == ()

    def test_unparsable_at_start(self) -> None:
        """Content that cannot be read fails the start."""
        it = self._made()
        self.garble()
        with pytest.raises(StartFailed) as caught:
            it.config.start()
        assert any(isinstance(failure, ParseError) for failure in caught.value.failures)

    def test_unavailable(self) -> None:
        """While nobody answers the content stays; what was edited meanwhile comes afterwards."""
        with self._running() as it:
            self.cut_off()
            it.eventually(lambda: it.status.state == "stale", "it is stale")
            it.eventually(lambda: it.told(SourceError), "on_error is told")
            assert it.serves == FIRST
            self.restore()
            it.eventually(lambda: it.status.state == "live", "it answers again")
            assert it.serves == FIRST
            self.edit(SECOND)
            it.eventually(lambda: it.serves == SECOND, "the change")

    def test_unavailable_at_start(self) -> None:
        """If nobody answers a start fails, naming the source; once somebody does, it succeeds."""
        it = self._made(start_timeout=1.0)
        self.edit(FIRST)
        self.cut_off()
        with pytest.raises(StartFailed) as caught:
            it.config.start()
        named = [failure.origin for failure in caught.value.failures if isinstance(failure, SourceError)]
        assert it.name in [origin.source for origin in named if origin]
        self.restore()
        with it.config:
            assert it.serves == FIRST

    def test_stop_while_waiting(self) -> None:
        """A stop ends the source at once, leaves no thread, and a start afterwards serves what is new."""
        before = set(threading.enumerate())
        with self._running() as it:
            pass
        assert set(threading.enumerate()) <= before
        self.edit(SECOND)
        assert it.serves == FIRST
        with it.config:
            assert it.serves == SECOND
        assert set(threading.enumerate()) <= before

    # Inside

    def _made(self, *, start_timeout: float | None = None, **attributes: Any) -> _Running:
        source = self.make_source()
        for name, value in attributes.items():
            setattr(source, name, value)
        return _Running(source, self.patience, start_timeout or self.patience)

    @contextmanager
    def _running(self, **attributes: Any) -> Iterator[_Running]:
        it = self._made(**attributes)
        self.edit(FIRST)
        with it.config:
            yield it

    def _edit(self, it: _Running, tree: Mapping[str, Any]) -> None:
        self.edit(tree)
        if not self.watches:
            it.config.reload()
