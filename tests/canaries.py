"""A plugin that looks for planted secrets in all that every test makes dynconf say; none may be there.

What is looked at: every log record of every logger at DEBUG, formatted with its arguments and traceback;
every warning; what was written to stdout and stderr; each of dynconf's errors, with those that it is chained
to; and what each `Config` tells of itself when it has loaded and before it stops. A test in which one is
found fails, even if it passed otherwise. Processes that a test starts are seen by what they write.

Planted are the texts in `PASSWORDS`, what `plant` hands out, and the tokens that real servers give.
"""

import base64
import json
import logging
import re
import secrets
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest

from dynconf import Config
from dynconf.errors import DynconfError
from dynconf.protocols.nacos.login import Login
from dynconf.sources._consul_access import Access

PASSWORDS: Final = ("hunter2", "open sesame")
"""The secrets that tests write out."""

_MARK: Final = "C4nary"
_LEAST: Final = 16  # characters of a token that can be no ordinary word
_MOST: Final = 5  # findings that are told of one test


def plant(count: int = 1) -> str:
    """A secret that nothing else can be taken for; of several in one text each is one."""
    return "".join(_MARK + secrets.token_hex(8) for _ in range(count))


def forms(secret: str) -> Iterator[str]:
    """How a text may look in another: as it is, in a URL, and within base64 at each of three offsets."""
    yield from (secret, quote(secret, safe=""), quote_plus(secret))
    for offset in range(3):
        # What stands before and after alters the characters at both ends.
        coded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        yield coded[(0, 2, 3)[offset] : len(coded) - (len(secret) + offset) % 3 or None]


def _all_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True))


class Watcher:
    """Knows what is planted, and keeps what was found."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._sure: tuple[str, ...] = ()
        self._found: list[str] = []
        self._lock = threading.RLock()
        self.know(_MARK, *PASSWORDS)

    def know(self, *texts: str) -> None:
        """Look for these as well from now on."""
        with self._lock:
            if not self._known.issuperset(texts):
                self._known.update(texts)
                self._forms = _all_forms(self._known)
                self._sure = _all_forms(self._known.difference(PASSWORDS))

    def token(self, text: str) -> None:
        """Look for what a server gave, or a request carries, if it is long enough to be recognised."""
        if len(text) >= _LEAST:
            self.know(text)

    def look(self, where: str, *texts: object, values: bool = False) -> None:
        """Note a place if any of the texts there has a secret in it.

        Args:
            where: the place.
            texts: what stands there.
            values: whether values are shown there that are no secrets, which `PASSWORDS` may be.
        """
        looked_for = self._sure if values else self._forms
        for text in map(str, texts):
            found = next((form for form in looked_for if form in text), None)
            if found is not None:
                start = text.index(found)
                around = text[max(0, start - 80) : start + len(found) + 40]
                # Or else it would be found in what is told of it.
                hidden = re.sub("|".join(map(re.escape, self._forms)), "<CANARY>", around)
                with self._lock:
                    self._found.append(f"{where}: {hidden!r}")

    def take(self) -> list[str]:
        """What was found since this was asked last."""
        with self._lock:
            found, self._found = self._found, []
        return found

    # What is looked at

    def record(self, record: logging.LogRecord) -> None:
        """A log record, as it would be shown, and what it carries along."""
        self.look(f"log {record.name}", _FORMATTER.format(record), repr(record.args))

    def error(self, error: BaseException) -> None:
        """An error with all that it is chained to, as a traceback shows them; source lines are no values."""
        seen: set[int] = set()
        left: list[BaseException | None] = [error]
        while left:
            one = left.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            notes = getattr(one, "__notes__", ())
            self.look(f"error {type(error).__name__}", str(one), repr(one), *notes)
            left += [one.__cause__, None if one.__suppress_context__ else one.__context__]
            left += one.exceptions if isinstance(one, BaseExceptionGroup) else ()

    def config(self, config: Config) -> None:
        """All that a Config tells of itself."""
        asked: dict[str, Callable[[], Any]] = {
            "status": config.status,
            "history": lambda: config.history,
            "explain": config.explain,
            "unused": config.unused,
            "view": config.view,
        }
        self.look("repr of Config", repr(config))
        for name, ask in asked.items():
            try:
                report = ask()
            except DynconfError as error:
                self.error(error)
            else:
                texts = (report, repr(report), json.dumps(report.to_dict(), default=repr))
                self.look(f"{name}()", *texts, values=name in {"explain", "view"})


_FORMATTER: Final = logging.Formatter("%(name)s %(levelname)s %(threadName)s %(message)s")
_WATCHER: Final = Watcher()


def _watch_logs(watcher: Watcher, patch: pytest.MonkeyPatch) -> None:
    """See every record at DEBUG, without any more of them reaching handlers."""
    enabled, call = logging.Logger.isEnabledFor, logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        watcher.record(record)
        if enabled(self, record.levelno):
            call(self, record)

    patch.setattr(logging.Logger, "isEnabledFor", lambda _, level: level >= logging.DEBUG)
    patch.setattr(logging.Logger, "callHandlers", call_handlers)


def _watch_warnings(watcher: Watcher, patch: pytest.MonkeyPatch) -> None:
    """See each warning, whether it is shown or becomes an error."""
    warn: Callable[..., None] = warnings.warn

    def warned(message: object, category: Any = None, stacklevel: int = 1, source: Any = None) -> None:
        watcher.look("warning", message)
        warn(message, category, stacklevel + 1, source)

    patch.setattr(warnings, "warn", warned)


def _watch_errors(watcher: Watcher, patch: pytest.MonkeyPatch) -> None:
    """See each of dynconf's errors as it is made, and whole once a test has caught it."""
    make, keep, leave = DynconfError.__init__, DynconfError.__setattr__, pytest.RaisesExc.__exit__

    def init(self: DynconfError, *args: Any) -> None:
        make(self, *args)
        watcher.look(f"error {type(self).__name__}", *args)

    def setattr_(self: DynconfError, name: str, value: Any) -> None:
        keep(self, name, value)
        watcher.look(f"error {type(self).__name__}.{name}", value, repr(value))

    def exit_(self: Any, kind: Any, error: BaseException | None, trace: Any) -> Any:
        if isinstance(error, DynconfError):
            watcher.error(error)
        return leave(self, kind, error, trace)

    patch.setattr(DynconfError, "__init__", init)
    patch.setattr(DynconfError, "__setattr__", setattr_)
    patch.setattr(pytest.RaisesExc, "__exit__", exit_)


def _watch_faces(watcher: Watcher, patch: pytest.MonkeyPatch) -> None:
    """Ask each Config before it stops, and once it has loaded."""
    stop, astop, load, aload = Config.stop, Config.astop, Config.load, Config.aload

    def stopped(self: Config) -> None:
        watcher.config(self)
        stop(self)

    async def astopped(self: Config) -> None:
        watcher.config(self)
        await astop(self)

    def loaded(self: Config) -> None:
        load(self)
        watcher.config(self)

    async def aloaded(self: Config) -> None:
        await aload(self)
        watcher.config(self)

    for name, watched in [("stop", stopped), ("astop", astopped), ("load", loaded), ("aload", aloaded)]:
        patch.setattr(Config, name, watched)


def _watch_tokens(watcher: Watcher, patch: pytest.MonkeyPatch) -> None:
    """Know each token that a request carries."""
    headers, keep = Access.headers, Login._keep

    def carried(self: Access) -> Mapping[str, str]:
        found = headers(self)
        for value in found.values():
            watcher.token(value)
        return found

    def kept(self: Login, *args: Any) -> None:
        keep(self, *args)
        watcher.token(self.token)

    patch.setattr(Access, "headers", carried)
    patch.setattr(Login, "_keep", kept)


# What pytest calls


@pytest.fixture
def canary() -> str:
    """A secret, of which the test fails if dynconf shows it anywhere."""
    return plant()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    patch = pytest.MonkeyPatch()
    for watch in (_watch_logs, _watch_warnings, _watch_errors, _watch_faces, _watch_tokens):
        watch(_WATCHER, patch)
    config.add_cleanup(patch.undo)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what a test wrote; fail it if anything was found while it ran or was taken down."""
    report = yield
    for title, text in report.sections:
        if "stdout" in title or "stderr" in title:
            _WATCHER.look(title, text)
    found = list(dict.fromkeys(_WATCHER.take()))
    if found and report.outcome == "passed":
        report.outcome = "failed"
        more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
        report.longrepr = "\n".join(["A planted secret is shown:", *found[:_MOST], *more])
    return report
