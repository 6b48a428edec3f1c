"""What the demo shows, step by step; each step waits for what it announces, and checks that it is so."""

import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty
from typing import TypeVar

from dynconf.cli.demo._app import Reported, Shop, ShopSettings, Told
from dynconf.cli.demo._files import Edit, Files
from dynconf.cli.demo._screen import Screen
from dynconf.errors import ChangeRefused, DynconfError

H = TypeVar("H", Told, Reported)

PASSWORD = "correct-horse-battery"  # noqa: S105 - made up, and the demo shows that nobody sees it
ENVIRONMENT = {"SHOP_REDIS__PASSWORD": PASSWORD}
GREET = """\
@settings.on_change("show_message")
def greet(change):  # change.old, change.new
    ...
"""


class StepFailed(Exception):
    """What a step announced did not happen."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The shop, its files, and where they are shown; `timeout` is in seconds, for each change."""

    shop: Shop
    files: Files
    screen: Screen
    timeout: float

    @property
    def now(self) -> ShopSettings:
        """The settings that serve."""
        return self.shop.settings.current

    def tells(self, subscriber: str, edit: Edit) -> None:
        """Show an edit, and wait until a subscriber is told of it."""
        self.screen.edit(edit)
        told = self._wait(Told, f"{subscriber}() to be called", lambda told: told.subscriber == subscriber)
        self.screen.told(told, edit.at)

    def refuses(self, edit: Edit, field: str, value: str) -> None:
        """Show an edit, and wait until it is refused: with its place, and without its value."""
        self.screen.edit(edit)
        report = self._wait(Reported, f"{edit.file} to be refused")
        self.screen.reported(report)
        check("the edit is refused", isinstance(report.error, ChangeRefused))
        for problem in report.error.problems if isinstance(report.error, ChangeRefused) else ():
            check(f"the error names the field {field}", problem.path == field)
            check("the error names the line", problem.origin and problem.origin.line == edit.number)
            check("the error tells the type that was found", problem.actual == "str")
        check("the error does not tell the value", value not in str(report.error))
        check("the status is not healthy", not self.shop.config.status().healthy)

    def _wait(self, kind: type[H], what: str, wanted: Callable[[H], bool] = lambda _: True) -> H:
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                heard = self.shop.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise StepFailed(f"waited {self.timeout:g} s in vain for {what}") from None
            if isinstance(heard, kind) and wanted(heard):
                return heard


def check(what: str, so: object) -> None:
    """Fail the step unless it is so."""
    if not so:
        raise StepFailed(f"it should be so, and is not, that {what}")


def layers(stage: Stage) -> None:
    """Two files and the environment make one object; a later layer wins."""
    stage.screen.files(stage.files.texts(), ENVIRONMENT)
    stage.shop.config.start()
    stage.screen.settings(stage.shop.settings)
    redis = stage.now.redis
    check("the message is app.yaml's", stage.now.show_message == "Hello from the shop")
    check("the host is dev.toml's", redis.host == "redis.dev")
    check("the port is app.yaml's", redis.port == 6379)
    check(
        "the password is the environment's", redis.password and redis.password.get_secret_value() == PASSWORD
    )


def good_edit(stage: Stage) -> None:
    """A saved file is live at once. Who asked is told, with the old and the new value."""
    stage.screen.code(GREET)
    edit = stage.files.replace("app.yaml", "show_message: Hello from the shop", "show_message: Good morning")
    stage.tells("greet", edit)
    check("the new message serves", stage.now.show_message == "Good morning")


def bad_edit(stage: Stage) -> None:
    """The error says where and why, but no value. The last good settings stay."""
    typo = "port: six-three-eight-zero"
    stage.refuses(stage.files.replace("app.yaml", "port: 6379", typo), "redis.port", typo[6:])
    check("the old port serves", stage.now.redis.port == 6379)
    stage.screen.fact("still serves: redis.port", stage.now.redis.port)
    stage.screen.note("Mended, the edit arrives:")
    stage.tells("reconnect", stage.files.replace("app.yaml", typo, "port: 6380"))
    check("the mended port serves", stage.now.redis.port == 6380)


def good_beside_bad(stage: Stage) -> None:
    """Each file stands for itself: one is broken, and an edit of the other arrives."""
    stage.refuses(stage.files.replace("dev.toml", "db = 1", 'db = "two"'), "redis.db", "two")
    edit = stage.files.replace("app.yaml", "show_message: Good morning", "show_message: Good afternoon")
    stage.tells("greet", edit)
    check("app.yaml's message arrived", stage.now.show_message == "Good afternoon")
    check("dev.toml's last good content serves", stage.now.redis.db == 1)
    stage.screen.fact("still serves: redis.db", stage.now.redis.db)
    stage.screen.note("Mended, the other one arrives as well:")
    stage.tells("reconnect", stage.files.replace("dev.toml", 'db = "two"', "db = 2"))
    check("the mended database serves", stage.now.redis.db == 2)
    check("the status is healthy again", stage.shop.config.status().healthy)


def feature_toggle(stage: Stage) -> None:
    """Switched on while the app runs: no restart, no deployment."""
    shop, before = stage.shop, stage.shop.dashboard()
    stage.screen.code(inspect.getsource(Shop.dashboard))
    stage.tells("switch", stage.files.replace("app.yaml", "new_dashboard: false", "new_dashboard: true"))
    stage.screen.fact("dashboard() now:", shop.dashboard())
    check("the flag is on", stage.now.feature_flags.new_dashboard)
    check("the other flag is off", not stage.now.feature_flags.beta_feature)
    check("the shop shows the new dashboard", (before, shop.dashboard()) == ("old", "new"))


def override_layer(stage: Stage) -> None:
    """An optional file on top wins for as long as it is there."""
    before = stage.now.show_message
    stage.tells("greet", stage.files.create("override.yaml", "show_message: Closing early today"))
    check("override.yaml wins", stage.now.show_message == "Closing early today")
    stage.screen.note("What is on top hides what is below:")
    stage.screen.settings(stage.shop.settings, "show_message")
    stage.screen.note("Deleted, it is gone after a second: some editors delete a file to save it.")
    stage.tells("greet", stage.files.remove("override.yaml"))
    check("the layer below shows again", stage.now.show_message == before)


def secrets(stage: Stage) -> None:
    """The app has the password; nothing that people may print does."""
    shop, password = stage.shop, stage.now.redis.password
    check("the app has the password", password and password.get_secret_value() == PASSWORD)
    explained = str(shop.settings.explain("redis.password"))
    stage.screen.output("settings.current.redis.password", repr(password))
    stage.screen.output('settings.explain("redis.password")', explained)
    config = shop.config
    reports = (config.explain(), config.view(), config.status(), config.history)
    for text in (repr(stage.now), explained, *map(str, reports), *(str(each.to_dict()) for each in reports)):
        check("the password is printed nowhere", PASSWORD not in text)
    stage.screen.note("Checked as well: explain(), view(), status() and history show no password.")


STEPS: dict[str, Callable[[Stage], None]] = {
    "Layers become one typed object": layers,
    "A good edit reaches its subscriber": good_edit,
    "A bad edit is refused": bad_edit,
    "A bad file does not hold up a good one": good_beside_bad,
    "A feature flips": feature_toggle,
    "An override wins, and goes again": override_layer,
    "Secrets stay secret": secrets,
}


def perform(stage: Stage) -> Iterator[int]:
    """Do one step after the other; yields the number of each that happened.

    Raises:
        StepFailed: naming the step that did not happen, and why.
    """
    for number, (title, step) in enumerate(STEPS.items(), 1):
        stage.screen.step(f"{number}/{len(STEPS)}", title, step.__doc__ or "")
        try:
            step(stage)
        except (StepFailed, DynconfError, LookupError, OSError) as error:
            raise StepFailed(f"step {number} of {len(STEPS)} did not happen ({title}): {error}") from error
        yield number
