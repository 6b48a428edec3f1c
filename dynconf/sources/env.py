"""The environment: variables whose names begin with a prefix."""

import hashlib
import os
from collections.abc import Mapping

from dynconf._values.snapshot import Names, Update
from dynconf._values.source import Feed, Source
from dynconf.errors import UsageError

__all__ = ["Env"]


class Env(Source):
    """Environment variables; read at the start and on `reload()`, as a process cannot see them change.

    Args:
        prefix: what their names begin with, in whatever case; the rest names the field.
        delimiter: what separates the steps of a path in a name.
        environ: where to look instead of `os.environ`.

    Raises:
        UsageError: the delimiter is empty.
    """

    allow_empty = True

    def __init__(
        self,
        prefix: str = "",
        *,
        delimiter: str = "__",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if not delimiter:
            raise UsageError(
                "the delimiter separates the steps of a path in a name, as '__' does: it is not empty"
            )
        self.name: str = f"env:{prefix}" if prefix else "env"
        self.prefix = prefix
        self.delimiter = delimiter
        self._environ = environ

    async def run(self, feed: Feed) -> None:
        """Report the variables as they are now."""
        environ = os.environ if self._environ is None else self._environ
        length, prefix = len(self.prefix), self.prefix.lower()
        values = {
            name: text
            for name, text in sorted(environ.items())
            if len(name) > length and name[:length].lower() == prefix
        }
        revision = hashlib.sha256(repr(values).encode()).hexdigest()[:12]
        feed.update(Update("environment", revision, Names(values, self.prefix, self.delimiter)))
        feed.loaded()
