"""The runner of documentation blocks: what it runs, and that it notices a block that is wrong."""

import os
import sys
from pathlib import Path

import pytest
from sybil.example import SybilFailure

from tests.docs.blocks import run_page


def run(folder: Path, *blocks: str) -> None:
    """Run a page that is made of `blocks`, each without its fence; its line 3 begins the first one's text."""
    page = folder / "page.md"
    page.write_text("A page.\n" + "".join(f"```{block}\n```\n\n" for block in blocks))
    (folder / "cwd").mkdir()
    run_page(page, folder / "cwd")


@pytest.mark.parametrize(
    "blocks",
    [
        ("python\nx = 1", "python\nassert x == 1"),
        ('yaml title="config/app.yaml"\na: 1', "console\n$ cat config/app.yaml\na: 1"),
        ('python title="app.py"\nprint("hi")', "console\n$ python app.py\nhi"),
        ('python title="app.py"\nx = 1', "python\nimport app\nassert app.x == 1"),
        (
            "python\nimport asyncio\nawait asyncio.sleep(0)",
            "python\nq = asyncio.Queue()\nq.put_nowait(1)\nawait q.get()",
        ),
        ("console\n$ printf 'a\\nb\\nc\\n'\na\n...\nc\n$ echo done",),
        ("console\n$ false\n$ echo $?\n1\n$ true",),
        ("console\n$ echo a \\\n> b\na b",),
        ("console\n$ export A=1\n$ echo $A\n1",),
        ("console\n$ make test\n$ make demo VENV=x\n$ pip install 'dynconf[cli]'\n$ git clone somewhere",),
        ("python\nimport typing\nclass A: a: 'A'\nassert typing.get_type_hints(A) == {'a': A}",),
        ("text\nanything",),
    ],
)
def test_right_blocks_pass(tmp_path: Path, blocks: tuple[str, ...]) -> None:
    """Each kind of block does what the contributing guide says."""
    run(tmp_path, *blocks)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("console\n$ echo a\nb", "should print\nb\nbut prints\na"),
        ("console\n$ false", "fails with status 1"),
        ("console\n$ echo before; false", "prints\nbefore"),
        ("console\n$ exit 0\n$ echo a", "is never reached"),
        ("console\n$ make no-such-target", r"does not exist: \['no-such-target'\]"),
        ("console\n$ pip install 'dynconf[cli,nothing]'", r"does not exist: \['nothing'\]"),
        ("yaml\na: 1", "a block of 'yaml' is neither run nor a file"),
        ("\nwhat is this?", "a block of '' is neither run nor a file"),
        ("python linenums\nx = 1", "not understood: linenums"),
        ('yaml title="../a.yaml"\na: 1', "outside of the page's folder"),
        ('python title="app.py"\nx = 1', "no later block runs or imports 'app.py'"),
    ],
)
def test_wrong_block_fails(tmp_path: Path, block: str, complaint: str) -> None:
    """A block that is not as it should be fails, with the line that it begins at and with the reason."""
    with pytest.raises(SybilFailure, match=rf"(?s)line 2, .*{complaint}"):
        run(tmp_path, block)


@pytest.mark.parametrize("block", ["python\nassert 1 == 2", "python\nawait nothing()"])
def test_python_error_tells_the_line(tmp_path: Path, block: str) -> None:
    """What a Python block raises is passed on, and its traceback names the page's line."""
    with pytest.raises((AssertionError, NameError)) as caught:
        run(tmp_path, block)
    place = caught.traceback[-1]
    assert (str(place.path), place.lineno + 1) == (str(tmp_path / "page.md"), 3)


def test_page_leaves_nothing_behind(tmp_path: Path) -> None:
    """The environment, the working directory, the path and the modules are as before the page."""
    before = dict(os.environ), Path.cwd(), list(sys.path), set(sys.modules)
    run(
        tmp_path,
        'python title="one_app.py"\nx = 1',
        "python\nimport os, one_app\nos.environ['LEFT_BEHIND'] = '1'",
    )
    assert (dict(os.environ), Path.cwd(), list(sys.path), set(sys.modules)) == before
