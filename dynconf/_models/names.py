"""Finding the path that an environment variable's name means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dynconf._models.build import Fault
from dynconf._models.schema import Decoding, Field, Model, fields_of
from dynconf._models.shape import is_model
from dynconf._values.json_text import OverLimit, Refused, load
from dynconf._values.limits import told
from dynconf._values.snapshot import Names
from dynconf._values.tree import Path, Tree, find


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a variable's name means to the models.

    `head` is the path as far as a model knows it, which the name says in `told` steps; a step marked
    `False` is known to none, as all that come after the head, so the layers below say how it is spelt.
    `known` counts the name's other steps. `json` says whether the text is JSON.
    """

    name: str
    head: tuple[tuple[str, bool], ...] = ()
    told: int = 0
    known: int = 0
    json: Decoding = "never"
    ranks: tuple[int, ...] = ()

    def steps(self, names: Names) -> Iterator[tuple[str, bool]]:
        """All of the path. It is not kept, as there may be many names that begin alike."""
        yield from self.head
        for step in _steps(names, self.name)[self.told :]:
            yield step, False


@dataclass(frozen=True, slots=True)
class Resolved:
    """The tree made of names, each path's variable, and what could not be understood."""

    tree: dict[str, Any] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)


def meanings(names: Names, shapes: Sequence[tuple[Model, Path]]) -> list[Meaning]:
    """What the names mean to the models, each bound at its path, compared without case."""
    found: list[Meaning] = []
    for name in sorted(names.values, key=lambda name: (name.count(names.delimiter), name)):
        steps = _steps(names, name)
        if len(steps) > len(names.at):
            readings = [_meaning(name, steps, model, at) for model, at in shapes]
            known = max((one.known for one in readings), default=0)
            # Classes may read the same elsewhere: it is put wherever one of them looks for it.
            by_path: dict[Any, Meaning] = {}
            for one in readings:
                if one.known == known > 0:
                    by_path.setdefault(tuple(one.steps(names)), one)
            found += by_path.values() or [Meaning(name)]
    # Of several names of one field, the one that pydantic prefers is put last, and so holds.
    return sorted(found, key=lambda one: (one.name.count(names.delimiter), [-rank for rank in one.ranks]))


def _steps(names: Names, name: str) -> list[str]:
    return [*map(str, names.at), *filter(None, name[len(names.prefix) :].split(names.delimiter))]


def _meaning(name: str, steps: Sequence[str], model: Model, at: Path) -> Meaning:
    nothing = Meaning(name)
    if len(steps) < len(at) or any(
        step.casefold() != str(own).casefold() for step, own in zip(steps, at, strict=False)
    ):
        return nothing
    path = [(str(own), True) for own in at]
    rest = list(steps[len(at) :])
    if not rest:
        whole: Decoding = "always" if is_model(model) else fields_of(model)[0].json
        return Meaning(name, tuple(path), len(at), len(at), whole)
    inside: Model | None = model
    decoding: Decoding = "never"
    ranks: list[int] = []
    count = len(at)
    while rest and inside is not None:
        known = _field(inside, rest[0])
        if known is None:
            along, decoding = _along_alias_path(inside, rest)
            path += [(step, True) for step in along]
            rest, count = rest[len(along) :], count + len(along)
            break
        ranks.append(_rank(known, rest[0]))
        path += [(str(step), True) for step in known.written() or (known.name,)]
        count += 1
        rest, inside, decoding = rest[1:], None, known.json
        if rest and known.models:
            between, inside = _member(known, rest)
            path += [(step, False) for step in rest[: len(between)]]
            rest, decoding = rest[len(between) :], "always"
        elif len(rest) == 1 and known.item_json != "never":
            path.append((rest[0], False))
            rest, decoding = [], known.item_json
    if rest:
        decoding = "never"
    told = len(steps) - len(rest)
    return Meaning(name, tuple(path), told, count, decoding, tuple(ranks)) if count > len(at) else nothing


def _rank(known: Field, step: str) -> int:
    """How late among a field's names this one comes; 0 is the one that pydantic prefers."""
    wanted = step.casefold()
    return next(at for at, key in enumerate((*known.keys, known.name)) if key.casefold() == wanted)


def _member(known: Field, rest: Sequence[str]) -> tuple[Path, Model]:
    """Of the nested models, the first that has a field for what the name goes on with, else the first."""
    fitting = (
        (at, model) for at, model in known.models if len(at) < len(rest) and _field(model, rest[len(at)])
    )
    return next(fitting, known.models[0])


def _along_alias_path(model: Model, rest: Sequence[str]) -> tuple[list[str], Decoding]:
    """How far a name goes along the path of an alias, spelt as it is there, and how to read a text there."""
    furthest: list[str] = []
    decoding: Decoding = "never"
    for one in fields_of(model):
        along = []
        for wanted, step in zip(one.alias_path, rest, strict=False):
            if str(wanted).casefold() != step.casefold():
                break
            along.append(str(wanted))
        if len(along) > len(furthest):
            furthest = along
            decoding = one.json if len(along) == len(one.alias_path) else "always"
    return furthest, decoding


def _field(model: Model, step: str) -> Field | None:
    wanted = step.casefold()
    for known in fields_of(model):
        if any(key.casefold() == wanted for key in (*known.keys, known.name)):
            return known
    return None


def resolved(names: Names, found: Sequence[Meaning], lower: Sequence[Tree]) -> Resolved:
    """The tree that the names make, above the layers whose trees are `lower`, highest first.

    A step that no model knows is spelt as a layer below spells it, else in lower case. Without a
    prefix, only names whose first step is known to somebody are taken: the rest of the
    environment is not ours.
    """
    result, below = Resolved(), _Spelling(lower[::-1])
    written: dict[str, str] = {}
    taken: list[tuple[Path, Meaning]] = []
    for meaning in found:
        path: list[str] = []
        place = below
        ours = names.ours or bool(names.prefix) or meaning.known > 0
        for step, known in meaning.steps(names):
            if not known:
                spelt = place.of(step)
                ours |= spelt is not None
                step = spelt or step.lower()
            path.append(written.setdefault(step, step))
            place = place.at(step)
        if ours:
            taken.append((tuple(path), meaning))
    room = _Room(names, len(taken))
    for at, meaning in taken:
        _put(result, at, names.values[meaning.name], meaning, room)
    return result


class _Spelling:
    """How the layers below write the keys that stand at one place.

    Args:
        nodes: what they have there, lowest layer first: the highest decides.
    """

    def __init__(self, nodes: Sequence[Any]) -> None:
        self._nodes = nodes
        self._keys = {key.casefold(): key for node in nodes if isinstance(node, dict) for key in node}
        self._below: dict[str, _Spelling] = {}

    def of(self, step: str) -> str | None:
        """The key that is meant by a step in any case."""
        return self._keys.get(step.casefold())

    def at(self, step: str) -> "_Spelling":
        """The same of what stands below a key, or is an item of a list."""
        if not self._nodes:
            return self
        if step not in self._below:
            found = [find(node, (step,)) for node in self._nodes]
            nodes = [node for node in found if isinstance(node, dict | list)]
            self._below[step] = _Spelling(nodes) if nodes else _NOWHERE
        return self._below[step]


_NOWHERE: Final = _Spelling(())


class _Room:
    """How much the JSON in the texts may still hold, as far as the names that are taken leave room."""

    def __init__(self, names: Names, taken: int) -> None:
        self._limits = names.limits
        self._mounted = len(names.at)
        self._nodes = names.limits.nodes - taken
        self._keys = names.limits.keys - taken

    def load(self, text: str, path: Path) -> Any:
        """The value in a text; it takes of the room.

        Raises:
            OverLimit: there is no room for it.
            ValueError: it is no JSON.
        """
        depth = self._limits.depth + self._mounted - len(path)
        value = load(text, depth=depth, nodes=self._nodes, keys=self._keys)
        waiting = [value]
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                self._keys -= len(node)
                waiting += node.values()
            elif isinstance(node, list):
                waiting += node
            else:
                continue
            self._nodes -= len(node)
        return value

    def told(self, over: OverLimit) -> str:
        """Why a text was not taken."""
        return f"with its JSON, what the variables hold is {told(over.limit, self._limits)}"


def _put(result: Resolved, path: Path, text: str, meaning: Meaning, room: _Room) -> None:
    value: Any = text
    if meaning.json != "never":
        try:
            value = room.load(text, path)
        except OverLimit as error:
            result.faults.append((meaning.name, Fault(path, room.told(error))))
            return
        except ValueError as error:
            if meaning.json == "always":
                wanted, found = "expected JSON, as the field holds several values", "other text"
                if isinstance(error, Refused):
                    wanted, found = f"{wanted}, but {error}", ""
                result.faults.append((meaning.name, Fault(path, wanted, found)))
                return
    node = result.tree
    for depth, step in enumerate(path[:-1], 1):
        below = node.setdefault(str(step), {})
        if not isinstance(below, dict):
            other = result.variables.get(path[:depth], "another variable")
            expected = f"clashes with {other}: one gives a value, the other a part of it"
            result.faults.append((meaning.name, Fault(path, expected)))
            return
        node = below
    key = str(path[-1])
    if isinstance(node.get(key), dict) and isinstance(value, dict):
        value = {**node[key], **value}
    node[key] = value
    result.variables[path] = meaning.name
