"""How one document of a source stands: what it said last, and what of it serves."""

from dataclasses import dataclass

from dynconf._origin import Problem
from dynconf._values.merge import Rank
from dynconf.errors import SourceError


@dataclass(slots=True)
class Document:
    """What is known of one document of a source.

    `reported` is the revision that the source told last, `offered` whether its content went on to be
    taken, `applied` the revision that serves, `None` if none does. `fault`
    says why the last content could not be read, `problems` why it could not be taken;
    `missing_since` (seconds since the epoch) that it is gone though its content stays; `cached` that
    the cache's content stands in for it, and when that was applied (seconds since the epoch).
    """

    name: str
    rank: Rank
    reported: str | None = None
    applied: str | None = None
    fault: SourceError | None = None
    problems: tuple[Problem, ...] = ()
    missing_since: float | None = None
    run: int = 0
    offered: bool = False
    cached: float | None = None
