"""A storm: random publishes, deletions and bad documents while the way to them is bad, and a model of it all.

What a program is told is compared with what was published. All that is random comes from one seed, which a
failure tells; `DYNCONF_TEST_SEED` has it again.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from dynconf.errors import SourceError
from tests.faults.storm_backends import Backend, Kind
from tests.faults.storm_program import Program
from tests.servers.process import until

KINDS: Final[dict[Kind, int]] = {
    "new": 45,
    "again": 8,
    "back": 7,
    "delete": 15,
    "unparsable": 8,
    "invalid": 9,
    "empty": 8,
}
"""What is done to a document, and how often."""

CALM: Final = 0.5
SPELL: Final = (3, 25)
"""The share of calm spells, and how many operations each spell lasts."""


@dataclass
class Document:
    """What was published of one document.

    Attributes:
        numbers: of all valid versions, in their order.
        state: what its source is to say of it when all is calm.
    """

    numbers: list[int]
    state: str = "live"


@dataclass(frozen=True)
class Weathered:
    """What came of a storm.

    Attributes:
        operations: how often each thing was done.
        told: how many changes a subscriber to each whole document was told of, in sum.
        version: the last one.
        errors: what `on_error` was told, by type.
        faults: how often each was inflicted.
        settled: seconds from the end of all faults until every document was as it should be.
    """

    operations: Counter[str]
    told: int
    version: int
    errors: Counter[str]
    faults: Counter[str]
    settled: float


@dataclass
class Storm:
    """One storm over some documents.

    Args:
        backend: where they are.
        operations: how many.
        seconds: how long they take.
        patience: seconds to settle in, when all faults are over.
    """

    backend: Backend
    operations: int
    seconds: float
    patience: float
    seed: int = field(default_factory=lambda: int(os.environ.get("DYNCONF_TEST_SEED") or time.time_ns()))

    def rage(self) -> Weathered:
        """Do it all, and check it.

        Raises:
            AssertionError: something was told that should not have been, or was not that should have been.
            TimeoutError: it did not settle.
        """
        try:
            return self._rage()
        except BaseException as error:
            error.add_note(f"to have this storm again: DYNCONF_TEST_SEED={self.seed}")
            raise

    def _rage(self) -> Weathered:
        self.dice = random.Random(self.seed)  # noqa: S311 - it decides about nothing secret
        self.number = 0
        self.done: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.model: dict[str, Document] = {}
        for name in self.backend.names:
            self.number += 1
            self.model[name] = Document([self.number])
            self.backend.do(name, "new", self.number, 0)
        program = Program(self.backend)
        with program.running():
            self._do_all()
            self.backend.calm()
            calm = time.monotonic()
            try:
                until(lambda: not self._amiss(program), "every document to be as it should be", self.patience)
            except TimeoutError as error:
                error.add_note("\n".join(self._amiss(program)))
                error.add_note(str(program.config.status()))
                raise
            settled = time.monotonic() - calm
            version = program.config.view().version
        self._check(program)
        return Weathered(
            self.done,
            sum(len(whole.parts) for whole, _ in program.ears.values()),
            version,
            Counter(type(error).__name__ for error in program.errors),
            self.faults,
            settled,
        )

    def _do_all(self) -> None:
        """Every operation at its time, and the weather between them."""
        began, left = time.monotonic(), 0
        for count in range(1, self.operations + 1):
            if not left:
                left = self.dice.randint(*SPELL)
                self.backend.calm()
                if self.dice.random() >= CALM:
                    self.faults[self.backend.worsen(self.dice)] += 1
            left -= 1
            self._do_one(count)
            due = began + count * self.seconds / self.operations
            time.sleep(max(0.0, due - time.monotonic()))  # the pace, which nothing waits for

    def _do_one(self, count: int) -> None:
        name = self.dice.choice(self.backend.names)
        (kind,) = self.dice.choices(list(KINDS), list(KINDS.values()))
        document = self.model[name]
        number = document.numbers[-1]
        if kind == "new":
            self.number += 1
            number = self.number
        elif kind == "back":
            number = self.dice.choice(document.numbers)
        if kind in {"new", "again", "back"}:
            document.numbers.append(number)
            document.state = "live"
        else:
            document.state = self.backend.deleted(name) if kind == "delete" else "refused"
        self.done[kind] += 1
        self.backend.do(name, kind, number, count)

    def _amiss(self, program: Program) -> list[str]:
        """What is not as it should be in the end."""
        found, states = [], program.states()
        for name, document in self.model.items():
            part = program.parts[name].current
            if states[name] != document.state:
                found.append(f"{name} is {states[name]}, not {document.state}")
            elif document.state == "live" and part.n != document.numbers[-1]:
                found.append(f"{name} serves {part.n} instead of {document.numbers[-1]}")
            last = [ear.parts[-1][0] for ear in program.ears[name] if ear.parts]
            found += [f"{name} serves {part.n}, and told was {told}" for told in last if told != part.n]
        return found

    def _check(self, program: Program) -> None:
        """That nothing was told or read that was not published, in that order, and nothing twice."""
        for name, document in self.model.items():
            read = program.read[name]
            check(name, read, document.numbers)
            for ear in program.ears[name]:
                check(name, ear.parts, document.numbers)
                assert ear.versions == sorted(set(ear.versions)), f"{name}: versions only grow"
                told = [document.numbers[0], *(n for n, _ in ear.parts)]
                assert ear.before == told[:-1], f"{name}: what was before is what was told last"
                assert told[-1] == read[-1][0], f"{name} changed, and a subscriber was not told"
        refused = [error for error in program.errors if not isinstance(error, SourceError)]
        assert refused, "of so many bad documents none was refused"


def check(name: str, seen: Sequence[tuple[int, int]], published: Iterable[int]) -> None:
    """What was seen of a document was whole, in the order in which it was published, and nothing twice."""
    assert all(n == m for n, m in seen), f"{name}: what was published as one came in parts"
    assert all(one != other for one, other in pairwise(seen)), f"{name}: told twice"
    left: Iterator[Any] = iter(published)
    for n, _ in seen:
        assert n in left, f"{name}: {n} was not published, or earlier than what was seen before it"
