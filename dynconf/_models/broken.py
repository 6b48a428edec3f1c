"""Code of the user's that breaks, and how that is told.

It may raise anything: a test's `fail()`, a panic of a Rust extension and a wish to exit are no `Exception`.
None of it may end the core, but for the user's own Ctrl-C.
"""

import traceback
from pathlib import PurePath

from pydantic.errors import PydanticUserError


def what_broke(error: BaseException) -> str:
    """An error's type and the place in the code; not its text, which may hold a value.

    What pydantic says of a class that it cannot use is of the class alone, so that is told.
    """
    if isinstance(error, PydanticUserError):
        return error.message
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {last.name}, {PurePath(last.filename).name}:{last.lineno}"
