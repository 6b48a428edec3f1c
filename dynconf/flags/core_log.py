"""What flagd's core logs while dynconf evaluates: at each evaluation, with values of whom it is for."""

import logging
from inspect import currentframe
from types import CodeType

__all__ = ["OwnEvaluations"]

_logger = logging.getLogger("dynconf.flags")


class OwnEvaluations(logging.Filter):
    """Tells once of each flag and version, without values, what the core would tell; others' goes through.

    Who evaluates is seen by the stack, so an evaluation that has nothing to tell takes no longer for it.

    Args:
        code: the function that dynconf evaluates by; its `flag` is a name, and its `self.unclear` is where
            those of its version are kept that were told of.
    """

    def __init__(self, code: CodeType) -> None:
        super().__init__()
        self._code = code

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is of somebody else's evaluation."""
        frame = currentframe()
        while frame is not None and frame.f_code is not self._code:
            frame = frame.f_back
        if frame is None:
            return True
        flag, told = frame.f_locals["flag"], frame.f_locals["self"].unclear
        if flag not in told:
            told.add(flag)
            _logger.debug("the rule of the flag %r has a part that could not be evaluated, and is null", flag)
        return False
