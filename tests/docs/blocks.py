"""Runs a page's code blocks from top to bottom, as a reader would; `docs/contributing.md` has the rules."""

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from types import ModuleType

import pytest
from sybil import Document, Example, Region
from sybil.example import SybilFailure
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
FENCES = RawFencedCodeBlockLexer(re.compile(r"[ \t]*(?P<language>\S*)[ \t]*(?P<options>[^\n]*)\n"))
TITLE = re.compile(r'title="([^"]+)"\s*')
# What would reach beyond the page's folder; only checked to be right.
NOT_RUN = ("make ", "pip install ", "git clone ")
MARK = "--- exit status:"
SECONDS = 50


def run_page(path: Path, folder: Path) -> None:
    """Run every block of the Markdown file `path`, in `folder` and in one namespace.

    Raises:
        SybilFailure: a block is not as it should be; the message has its line.
        Exception: whatever a Python block raises; the traceback has the page's line.
    """
    with surroundings(folder), asyncio.Runner() as runner:
        page = Page(folder, runner)
        sys.modules["page"] = page.module  # where pydantic looks names up
        for example in Document.parse(str(path), page.blocks).examples():
            example.evaluate()
        for file, example in page.idle.items():
            raise SybilFailure(example, f"no later block runs or imports '{file}'")


@contextmanager
def surroundings(folder: Path) -> Iterator[None]:
    """Work in `folder`, and afterwards forget what the page did to the process."""
    environment, modules = dict(os.environ), set(sys.modules)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.syspath_prepend(str(folder))
            yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        for name in set(sys.modules) - modules:
            if name == "page" or str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


class Page:
    """One page while it runs."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.folder = folder.resolve()
        self.runner = runner
        self.module = ModuleType("page")
        self.idle: dict[str, Example] = {}  # Python files that nothing has used so far

    def blocks(self, document: Document) -> Iterable[Region]:
        """Every fenced block, whatever it is: what is not understood fails when its turn comes."""
        for region in FENCES(document):
            region.parsed = region.lexemes["source"]
            region.evaluator = self.run
            yield region

    def run(self, example: Example) -> str | None:
        """Do what the block's first line asks for; the answer is what is wrong with it."""
        language, options = example.region.lexemes["language"], example.region.lexemes["options"]
        if title := TITLE.fullmatch(options):
            return self.write(title[1], example)
        if options:
            return f"not understood: {options}"
        match language:
            case "python":
                self.execute(example)
                return None
            case "console":
                return self.converse(example.parsed)
            case "text":
                return None
        return f"a block of '{language}' is neither run nor a file: give it a title, or make it text"

    def write(self, title: str, example: Example) -> str | None:
        """Make the file that the block shows."""
        target = (self.folder / title).resolve()
        if not target.is_relative_to(self.folder):
            return f"'{title}' is outside of the page's folder"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(example.parsed)
        if target.suffix == ".py":
            self.idle[title] = example
        return None

    def execute(self, example: Example) -> None:
        """Run Python; `await` works at the top level, on a loop that lasts as long as the page."""
        self.used_by(example.parsed)
        lines = "\n" * (example.line + example.parsed.line_offset)  # tracebacks shall tell the page's line
        code = compile(lines + example.parsed, example.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, vars(self.module))  # noqa: S307 -- these are the project's own pages
        if code.co_flags & inspect.CO_COROUTINE:
            self.runner.run(result)

    def converse(self, text: str) -> str | None:
        """Run the commands in one shell, and compare what they print with what the block shows."""
        self.used_by(text)
        turns = [turn for turn in dialogue(text) if not turn[0].startswith(NOT_RUN)]
        for command, _ in dialogue(text):
            if command.startswith(NOT_RUN) and (unknown := unknown_names(command)):
                return f"$ {command}\nnames what does not exist: {unknown}"
        replies = shell([command for command, _ in turns], self.folder)
        for index, (command, shown) in enumerate(turns):
            if index >= len(replies):
                return f"$ {command}\nis never reached"
            printed, status = replies[index]
            if shown and not OutputChecker().check_output(shown, printed, ELLIPSIS):
                return f"$ {command}\nshould print\n{shown}but prints\n{printed}"
            expected_to_fail = turns[index + 1 : index + 2] and turns[index + 1][0] == "echo $?"
            if status and not expected_to_fail:
                return f"$ {command}\nfails with status {status} and prints\n{printed}"
        return None

    def used_by(self, text: str) -> None:
        """Note which Python files a block runs or imports."""
        for title in list(self.idle):
            if re.search(rf"\b{Path(title).stem}\b", text):
                del self.idle[title]


def dialogue(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output shown for it; `> ` continues a command."""
    turns = re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return [(re.sub(r"^> ", "", command, flags=re.MULTILINE).strip(), shown) for command, shown in turns]


def shell(commands: list[str], folder: Path) -> list[tuple[str, int]]:
    """Run the commands in one bash; what each prints, and its exit status.

    The commands of the environment that the tests run in come first on the path.
    """
    script = "status=0\n" + "".join(
        f"(exit $status)\n{command}\nstatus=$?\nprintf '\\n{MARK} %s\\n' $status\n" for command in commands
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    parts = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
    return [(printed, int(status)) for printed, status in zip(parts[::2], parts[1::2], strict=False)]


def unknown_names(command: str) -> list[str]:
    """The make targets, or the extras of dynconf, that a command names although there are none such."""
    if command.startswith("make "):
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return [word for word in command.split()[1:] if "=" not in word and word not in targets]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ",".join(re.findall(r"dynconf\[([^]]*)\]", command)).split(",")
    return [extra for extra in extras if extra and extra not in project["optional-dependencies"]]
