"""All flags of one version, to read and to evaluate."""

from dataclasses import dataclass, field
from typing import ClassVar

from dynconf._models.compare import equal
from dynconf.flags.definition import Flag
from dynconf.flags.evaluating import Evaluating
from dynconf.flags.evaluation import Evaluation, Metadata

__all__ = ["FlagSet"]


class _Made:
    """What a set of flags has besides its fields, by which sets are compared."""

    __slots__ = ("_made",)
    _made: Evaluation


@dataclass(frozen=True, eq=False)
class FlagSet(_Made, Evaluating):
    """The flags of one version; it is never altered.

    Args:
        flags: each flag's definition, by name.
        metadata: what is handed on with every evaluation.
    """

    flags: dict[str, Flag] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_made", Evaluation(self.flags, self.metadata))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FlagSet):
            return NotImplemented
        return equal(self.flags, other.flags) and equal(self.metadata, other.metadata)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def metadata_of(self, flag: str) -> Metadata:
        """What is handed on with every evaluation of a flag: its own metadata above those of all."""
        known = self.flags.get(flag)
        return {**self.metadata, **known.metadata} if known else self.metadata

    def _evaluation(self) -> Evaluation:
        return self._made
