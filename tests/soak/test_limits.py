"""What hostile documents and servers cost, printed; and files that are swapped for minutes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import test_bombs as bombs
from tests.faults import test_files_swapped as files
from tests.faults import test_hostile_http as servers

SAVES = 5000
ROW = 20  # saves that follow each other at once


def test_documents(tmp_path: Path) -> None:
    """Each is refused within its limits; what that took of a processor and in memory is told."""
    for name, (state, kept, _, seconds, megabytes) in bombs.measure(tmp_path).items():
        print(f"{name:24} {seconds:5} s {megabytes:4} MB")
        assert (state, kept) == ("refused", True)


def test_servers() -> None:
    """Each is given up within its limits; how long that took, and the memory, is told."""
    for (name, kind), (said, seconds, megabytes) in servers.measure().items():
        print(f"{name:32} {kind:13} {seconds:5} s {megabytes:4} MB")
        assert servers.ENDLESS[name][1] in said


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "save", [files.emptied_and_written, files.renamed_by_an_editor, files.renamed_into_place]
)
def test_files(save: Callable[[Path, int], None], tmp_path: Path) -> None:
    """Of thousands of saves in a row no half is served, and the last one arrives."""
    path = tmp_path / "app.yaml"
    path.write_text(files.text(0))
    it = files.Watching(path)
    with it.config:
        for n in range(1, SAVES + 1):
            save(path, n)
            if n % ROW == 0:
                it.ends_at(n)
    print(f"{save.__name__}: {len(it.seen)} of {SAVES} documents were told, all whole")
