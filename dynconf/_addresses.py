"""One-line addresses: `scheme:path`, `scheme://server/path`, options after `?`, `${env:NAME}` anywhere."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

from dynconf._values.tree import Path

_FORM = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$\$\{|\$\{(?:env:([A-Za-z_]\w*)(?::-([^}]*))?\})?", re.ASCII)
_ONLY_REFERENCE = re.compile(r"\$\{env:[^}]*\}")
_LOGIN = re.compile(r"\A([A-Za-z0-9+.-]*:(?://)?)?.*@", re.DOTALL)
_LONGEST_SHOWN = 200


class Mistake(Exception):
    """What is wrong with an address or an entry of a bootstrap file; only ever seen inside dynconf.

    Args:
        reason: what is wrong, without any value.
        path: where, below what is being read.
    """

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is, as an address says it; the address's options are passed on their own.

    `server` is what stands between `//` and the next `/`, just as written: a host, with a port,
    several of them, with a log-in. `path` is what follows, with its leading slash if there is a
    server. So `steps://a:1,b:2/x` has the server `a:1,b:2` and the path `/x`, `steps:x` and
    `steps:///x` have no server and the paths `x` and `/x`.
    """

    scheme: str
    path: str
    server: str = field(default="", repr=False)


def split(text: str) -> tuple[Address, dict[str, Any]]:
    """The parts of a one-line address, and its options.

    Environment variables are put in after it is split, so that no character of theirs is taken
    for one of the address's own. Only an address that is nothing but a variable is split after.

    Raises:
        Mistake: it is no address.
    """
    given = text
    if _ONLY_REFERENCE.fullmatch(text):
        text = replaced(text)
    form = _FORM.fullmatch(text)
    if form is None:
        example = f"file:{shown(given)}" if text is given and text else "file:app.yaml"
        raise Mistake(f"expected an address that begins with a scheme; for a file write '{example}'")
    place, marked, query = form[2].partition("?")
    options: dict[str, Any] = {}
    for option in query.split("&") if marked else ():
        name, said, value = option.partition("=")
        if not (said and name):
            raise Mistake("expected options as in '?name=value&name=value'")
        name = unquote(name)
        if name in options:
            raise Mistake(f"the option '{name}' is given twice")
        options[name] = replaced(unquote(value))
    raw = placed(form[1], place)
    return Address(raw.scheme, replaced(unquote(raw.path)), replaced(raw.server)), options


def placed(scheme: str, place: str) -> Address:
    """The address of what stands after `scheme:`, taken as it is: `%` and `?` mean nothing here."""
    scheme = scheme.lower()
    if not place.startswith("//"):
        return Address(scheme, place)
    server, slash, path = place[2:].partition("/")
    return Address(scheme, slash + path, server)


def replaced(text: str) -> str:
    """The text with each `${env:NAME}` and `${env:NAME:-default}` replaced, and `$${` as `${`.

    A default stands in for a variable that is not set or empty, as it does in a shell.

    Raises:
        Mistake: a variable is not set and there is no default, or it is written otherwise.
    """

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if found[0] == "$${":
            return "${"
        if name is None:
            raise Mistake(
                "expected ${env:NAME} or ${env:NAME:-default} after '$'; '${' itself is written $${"
            )
        known = os.environ.get(name)
        if known is None and default is None:
            raise Mistake(
                f"the environment variable {name} is not set; ${{env:{name}:-default}} would do without"
            )
        return default if default is not None and not known else known or ""

    return _REFERENCE.sub(value, text)


def shown(text: str) -> str:
    """An address as an error may show it: without options, without a log-in, and not if it is no address."""
    # A password may hold any character, and so be no part of a server as it should be.
    place, _, options = text.partition("?")
    text = _LOGIN.sub(r"\1***@", text[: text.rindex("@") + 1] if "@" in options else place)
    return "…" if "\n" in text or len(text) > _LONGEST_SHOWN else text


def unknown(what: str, name: str, known: Iterable[str], path: Path = ()) -> Mistake:
    """The mistake of a name that is not among the known ones, with what it may have been meant to be.

    Args:
        what: what it should be the name of.
        name: the name, told only where no `path` ends in it.
        known: the names that there are.
        path: see `Mistake`.
    """
    names = sorted(known)
    subject = "" if path else f"'{name}' is "
    reason = f"{subject}no {what}; known are {', '.join(names) or 'none'}"
    near = get_close_matches(name.lower(), names, 1)
    return Mistake(f"{reason}; did you mean '{near[0]}'?" if near else reason, path)
