"""How large a document may be before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document; what is over one of them is refused with `LimitExceeded`.

    Args:
        bytes: size of the content in bytes, after any decompression.
        depth: how deep mappings and lists may nest.
        nodes: scalars, lists and mappings in all, each alias counted as what it stands for.
        keys: mapping keys in all, counted the same way.
    """

    bytes: int = 16 * 1024 * 1024
    depth: int = 64
    nodes: int = 500_000
    keys: int = 200_000
