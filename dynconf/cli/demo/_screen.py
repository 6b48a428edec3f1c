"""How the demo looks: everything that it writes to the terminal, with colours or without."""

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from dynconf._faces.binding import Binding
from dynconf._origin import Origin
from dynconf.cli.demo import _app
from dynconf.cli.demo._app import Reported, ShopSettings, Told
from dynconf.cli.demo._files import Edit
from dynconf.errors import ChangeRefused, ParseError, SourceError

WIDEST = 100


class Screen:
    """The terminal, or what stands in for it.

    Args:
        console: where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        unicode = console.encoding.lower().startswith("utf")
        self._yes, self._no, self._arrow, self._dot = "✔✘→•" if unicode else "+x>-"

    # What the steps show

    def welcome(self, *, person: bool) -> None:
        """What will be seen, and the code of the app's settings, as it stands there."""
        hint = " Enter goes on at once, q and Enter ends." if person else ""
        small = Table.grid(padding=(0, 6, 0, 0))
        small.add_row(_code(inspect.getsource(_app.Redis)), _code(inspect.getsource(_app.FeatureFlags)))
        self._print(Rule(Text("dynconf: settings that stay live", "bold"), style="cyan"))
        self._print(Text(f"A small shop, on local files only.{hint}"))
        self._print("All that it says about its settings is this:")
        self._print()
        self._print(small, indent=2)
        for part in (_app.ShopSettings, _app.configure):
            self.code(inspect.getsource(part))

    def step(self, number: str, title: str, why: str) -> None:
        """The head of a step."""
        head = Text.assemble((number, "cyan"), "  " if number else "", (title, "bold"))
        self._print()
        self._print(Rule(head, align="left", style="cyan"))
        self._print(Text(why))

    def files(self, files: Mapping[str, str], environ: Iterable[str]) -> None:
        """The files' contents, and the names of the environment's variables, beside each other."""
        boxes = [
            _box(name, _code(text, Path(name).suffix[1:], line_numbers=True)) for name, text in files.items()
        ]
        boxes.append(_box("environment", Text("\n".join(f"{name}=***" for name in environ))))
        grid = Table.grid(expand=True)
        grid.add_row(boxes[0], Group(*boxes[1:]))
        self._print(grid)

    def code(self, text: str) -> None:
        """A piece of the app's code."""
        self._print()
        self._print(_code(dedent(text)), indent=2)

    def edit(self, edit: Edit) -> None:
        """A line that was saved, as a difference."""
        grid = Table.grid(padding=(0, 1))
        head = Text(edit.file, "bold")
        if edit.old:
            grid.add_row(head, Text(str(edit.number), "dim"), Text(f"- {edit.old}", "red"))
            head = Text()
        if edit.new:
            grid.add_row(head, Text(str(edit.number), "dim"), Text(f"+ {edit.new}", "green"))
        else:
            grid.add_row(head, "", Text("(the file is deleted)"))
        self._print()
        self._print(grid, indent=2)

    def told(self, told: Told, saved: float | None = None) -> None:
        """A subscriber was called; `saved` is when the edit was, by the monotonic clock, in seconds."""
        after = f" {1000 * (told.at - saved):.0f} ms after the save" if saved is not None else ""
        self._print(
            Text.assemble(
                (f"{self._yes} {told.subscriber}()", "bold green"),
                f" called{after} ",
                (f"(version {told.version})", "dim"),
            ),
            indent=2,
        )
        for path, old, new in told.fields:
            line = Text.assemble((path, "cyan"), f"  {old} {self._arrow} ", (f"{new}", "bold"))
            self._print(line, indent=4)

    def reported(self, report: Reported) -> None:
        """An error: each of its problems, where it is, and what was expected and found."""
        error = report.error
        if isinstance(error, ChangeRefused):
            for problem in error.problems:
                self._refusal(
                    problem.origin,
                    {
                        "field": problem.path,
                        "expected": problem.expected.removeprefix("expected "),
                        "found": problem.actual,
                    },
                )
        elif isinstance(error, ParseError):
            self._refusal(error.origin, {"reason": error.reason})
        elif isinstance(error, SourceError):
            self._refusal(error.origin, {"reason": error.reason}, "in trouble")
        else:
            self._refusal(None, {"reason": str(error)})

    def fact(self, what: str, value: object) -> None:
        """What holds now."""
        self._print(Text.assemble(f"{self._dot} {what}  ", (str(value), "bold")), indent=2)

    def note(self, text: str) -> None:
        """An aside."""
        self._print()
        self._print(Text(text, "italic"), indent=2)

    def settings(self, settings: Binding[ShopSettings], *paths: str) -> None:
        """A table of the settings, or of some: each one's value, where it is from, and what it hides."""
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
        for title in ("setting", "value", "comes from"):
            table.add_column(title)
        for path in paths or leaves(settings.current):
            explanation = settings.explain(path)
            answers = explanation.answers
            origin = (
                Text(place(answers[0].origin), "green") if answers else Text("the class's default", "dim")
            )
            table.add_row(Text(path, "cyan"), Text(str(explanation.value), "bold"), origin)
            for answer in answers[1:]:
                table.add_row("", Text(f"({answer.value})", "dim"), Text(f"({place(answer.origin)})", "dim"))
        self._print(table, indent=2)

    def output(self, expression: str, text: str) -> None:
        """An expression, and what it prints."""
        self._print()
        self._print(Text.assemble((">>> ", "dim"), (expression, "cyan")), indent=2)
        self._print(Text(text), indent=2)

    # What comes after them

    def done(self, steps: int) -> None:
        """All steps happened."""
        self._print()
        self._print(Text(f"{self._yes} all {steps} steps happened, and were checked", "bold green"))

    def your_turn(self, folder: Path) -> None:
        """What a person can do now."""
        app, dev, override = (folder / name for name in ("app.yaml", "dev.toml", "override.yaml"))
        self.step("", "Your turn", "The shop still runs. Edit its files in another terminal, and watch here:")
        self._print()
        self._line(str(app), "bold")
        self._line(str(dev), "bold")
        self._line(str(override), "bold", "  (not there yet)")
        self._print()
        self._print("Such as:")
        self._print()
        self._line(f"sed -i 's/6380/seven/' {app}", "cyan")
        self._line(f"sed -i 's/seven/7000/' {app}", "cyan")
        self._line(f"echo 'show_message: Mine' > {override}", "cyan")
        self._line(f"rm {override}", "cyan")
        self._print()
        self._print(
            Text.assemble(("Enter", "bold"), " shows all settings, ", ("q", "bold"), " and Enter ends.")
        )
        self._print()

    def mended(self) -> None:
        """Everything that is declared serves its newest content again."""
        self.gap()
        self._print(Text(f"{self._yes} all is well again", "bold green"), indent=2)

    def gap(self) -> None:
        """An empty line."""
        self._print()

    # Inside

    def _refusal(self, origin: Origin | None, facts: Mapping[str, str], what: str = "refused") -> None:
        where = f"  {place(origin)}" if origin else ""
        self._print(Text(f"{self._no} {what}{where}", "bold red"), indent=2)
        grid = Table.grid(padding=(0, 2))
        for name, text in facts.items():
            if text:
                grid.add_row(Text(name, "dim"), Text(text))
        self._print(grid, indent=4)

    def _print(self, what: RenderableType = "", *, indent: int = 0) -> None:
        shown = Padding(what, (0, 0, 0, indent), expand=False) if indent else what
        self._console.print(shown, width=min(self._console.width, WIDEST))

    def _line(self, text: str, style: str, remark: str = "") -> None:
        """One that may be longer than the screen is wide, so that it can be copied in one piece."""
        self._console.print(Text.assemble("  ", (text, style), (remark, "dim")), soft_wrap=True)


def _code(text: str, language: str = "python", *, line_numbers: bool = False) -> Syntax:
    return Syntax(
        text.rstrip(), language, theme="ansi_dark", background_color="default", line_numbers=line_numbers
    )


def _box(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=Text(title, "bold"), title_align="left", border_style="dim")


def place(origin: Origin) -> str:
    """Where something stands, short: the file's name, line and column, or the variable's name."""
    steps = (Path(origin.document or origin.source).name, origin.line, origin.column)
    return ":".join(str(step) for step in steps if step is not None)


def leaves(model: BaseModel, base: str = "") -> list[str]:
    """The dotted paths of all fields that are no models themselves."""
    paths: list[str] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        paths += leaves(value, f"{base}{name}.") if isinstance(value, BaseModel) else [f"{base}{name}"]
    return paths
