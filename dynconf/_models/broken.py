"""Code of the user's that breaks: what it may raise, and how that is told."""

import traceback
from asyncio import CancelledError
from pathlib import PurePath

from pydantic.errors import PydanticUserError

USER_ERRORS = (Exception, SystemExit, CancelledError)
"""What a user's validator, selector or condition may raise; none of it may end the core."""


def what_broke(error: BaseException) -> str:
    """An error's type and the place in the code; not its text, which may hold a value.

    What pydantic says of a class that it cannot use is of the class alone, so that is told.
    """
    if isinstance(error, PydanticUserError):
        return error.message
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {last.name}, {PurePath(last.filename).name}:{last.lineno}"
