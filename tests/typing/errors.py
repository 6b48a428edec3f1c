"""What type checkers say about the errors; read by mypy and pyright, never run.

An `assert_type` holds a type to what it should be. A line that must be refused carries an ignore with
the refusal's code: both checkers complain when an ignore has nothing to ignore.
"""

from typing import assert_type

from dynconf.errors import ChangeRefused, MissingExtra, Origin, Problem, SourceError, StartFailed


def errors_carry_typed_details(refused: ChangeRefused, failed: SourceError, start: StartFailed) -> None:
    """The details of an error are as well typed as everything else."""
    assert_type(refused.problems, tuple[Problem, ...])
    assert_type(refused.problems[0].origin, Origin | None)
    assert_type(failed.origin, Origin | None)
    assert_type(MissingExtra("the command line", "cli").extra, str)
    for failure in start.failures:
        assert_type(str(failure), str)


def places_are_immutable(origin: Origin) -> None:
    """An origin cannot be altered."""
    origin.line = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
