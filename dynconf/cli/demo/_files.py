"""The files of the demo, and edits of them as an editor would save them."""

import time
from dataclasses import dataclass
from pathlib import Path

APP_YAML = """\
show_message: Hello from the shop
redis:
  host: localhost
  port: 6379
feature_flags:
  new_dashboard: false
  beta_feature: false
"""

DEV_TOML = """\
[redis]
host = "redis.dev"
db = 1
"""


@dataclass(frozen=True, slots=True)
class Edit:
    """A line that was replaced in a file; no old one in a new file, no new one in a removed file.

    `at` is the monotonic clock's time of the save, in seconds.
    """

    file: str
    number: int
    old: str
    new: str
    at: float


class Files:
    """The demo's folder.

    Args:
        folder: where they are; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._save("app.yaml", APP_YAML)
        self._save("dev.toml", DEV_TOML)

    def texts(self) -> dict[str, str]:
        """What stands in the files that are there."""
        return {path.name: path.read_text() for path in sorted(self.folder.glob("[!.]*"))}

    def replace(self, file: str, old: str, new: str) -> Edit:
        """Replace the one line that reads `old`, whatever its indentation, and save.

        Raises:
            LookupError: there is no such line: somebody else edits the file as well.
        """
        lines = (self.folder / file).read_text().splitlines()
        for index, line in enumerate(lines):
            if line.strip() == old:
                lines[index] = line.replace(old, new)
                at = self._save(file, "\n".join([*lines, ""]))
                return Edit(file, index + 1, line, lines[index], at)
        raise LookupError(f"{file} has no line '{old}' any more")

    def create(self, file: str, line: str) -> Edit:
        """Make a file of one line."""
        return Edit(file, 1, "", line, self._save(file, f"{line}\n"))

    def remove(self, file: str) -> Edit:
        """Delete a file of one line."""
        path = self.folder / file
        line = path.read_text().rstrip()
        at = time.monotonic()
        path.unlink()
        return Edit(file, 1, line, "", at)

    def _save(self, file: str, text: str) -> float:
        """Save as careful editors do, by renaming a finished file over the old one."""
        draft = self.folder / f".{file}.new"
        draft.write_text(text)
        at = time.monotonic()
        draft.replace(self.folder / file)
        return at
