"""How large a document may be before it is refused."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from dynconf.errors import UsageError

Limit: TypeAlias = Literal["bytes", "depth", "nodes", "keys"]
"""The name of one of the bounds."""

_OVER: Final[dict[Limit, str]] = {
    "bytes": "larger than {0} bytes (limit bytes={0})",
    "depth": "more than {0} levels deep (limit depth={0})",
    "nodes": "more than {0} values, each alias counted as what it stands for (limit nodes={0})",
    "keys": "more than {0} keys (limit keys={0})",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document's content; what is over one of them is refused with `LimitExceeded`.

    Args:
        bytes: size of the content in bytes.
        depth: how deep mappings and lists may nest.
        nodes: scalars, lists and mappings in all, each alias counted as what it stands for.
        keys: mapping keys in all, counted the same way; of flat formats, one that comes again counts again.
    """

    bytes: int = 16 * 1024 * 1024
    depth: int = 64
    nodes: int = 500_000
    keys: int = 200_000

    def __post_init__(self) -> None:
        if min(self.bytes, self.depth, self.nodes, self.keys) < 0:
            raise UsageError("each limit is a number, 0 or more")


def told(limit: Limit, limits: Limits) -> str:
    """How an error says that something is over a limit: its name and its value."""
    return _OVER[limit].format(getattr(limits, limit))
