"""How large a document may be before it is refused."""

from dataclasses import dataclass

from dynconf.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document's content; what is over one of them is refused with `LimitExceeded`.

    Args:
        bytes: size of the content in bytes.
        depth: how deep mappings and lists may nest.
        nodes: scalars, lists and mappings in all, each alias counted as what it stands for.
        keys: mapping keys in all, counted the same way.
    """

    bytes: int = 16 * 1024 * 1024
    depth: int = 64
    nodes: int = 500_000
    keys: int = 200_000

    def __post_init__(self) -> None:
        if min(self.bytes, self.depth, self.nodes, self.keys) < 0:
            raise UsageError("each limit is a number, 0 or more")
