"""Finding the path that an environment variable's name means."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dynconf._models.build import Fault
from dynconf._models.schema import Decoding, Field, Model, fields_of
from dynconf._models.shape import is_model
from dynconf._values.snapshot import Names
from dynconf._values.tree import Path, Tree, find


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a variable's name means to the models.

    `steps` is the path; a step marked `False` is known to no model, so the layers below say how
    it is spelt. `known` counts the others. `json` says whether the text is JSON.
    """

    name: str
    steps: tuple[tuple[str, bool], ...]
    known: int
    json: Decoding = "never"
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The tree made of names, each path's variable, and what could not be understood."""

    tree: dict[str, Any] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)


def meanings(names: Names, shapes: Sequence[tuple[Model, Path]]) -> list[Meaning]:
    """What the names mean to the models, each bound at its path, compared without case."""
    found = []
    for name in sorted(names.values, key=lambda name: (name.count(names.delimiter), name)):
        steps = [step for step in name[len(names.prefix) :].split(names.delimiter) if step]
        if steps:
            steps = [*map(str, names.at), *steps]
            readings = [_meaning(name, steps, model, at) for model, at in shapes]
            unknown = Meaning(name, tuple((step, False) for step in steps), 0)
            found.append(max([unknown, *readings], key=lambda meaning: meaning.known))
    # Of several names of one field, the one that pydantic prefers is put last, and so holds.
    return sorted(found, key=lambda one: (one.name.count(names.delimiter), [-rank for rank in one.ranks]))


def _meaning(name: str, steps: Sequence[str], model: Model, at: Path) -> Meaning:
    nothing = Meaning(name, (), 0)
    if len(steps) < len(at) or any(
        step.casefold() != str(own).casefold() for step, own in zip(steps, at, strict=False)
    ):
        return nothing
    path = [(str(own), True) for own in at]
    rest = list(steps[len(at) :])
    if not rest:
        whole: Decoding = "always" if is_model(model) else fields_of(model)[0].json
        return Meaning(name, tuple(path), len(path), whole)
    inside: Model | None = model
    decoding: Decoding = "never"
    ranks: list[int] = []
    while rest and inside is not None:
        known = _field(inside, rest[0])
        if known is None:
            along, decoding = _along_alias_path(inside, rest)
            path += [(step, True) for step in along]
            rest = rest[len(along) :]
            break
        ranks.append(_rank(known, rest[0]))
        path.append((known.keys[0] if known.keys else known.name, True))
        rest, inside, decoding = rest[1:], None, known.json
        if rest and known.models:
            between, inside = _member(known, rest)
            path += [(step, False) for step in rest[: len(between)]]
            rest, decoding = rest[len(between) :], "always"
        elif len(rest) == 1 and known.item_json != "never":
            path.append((rest[0], False))
            rest, decoding = [], known.item_json
    if rest:
        path += [(step, False) for step in rest]
        decoding = "never"
    count = sum(is_known for _, is_known in path)
    return Meaning(name, tuple(path), count, decoding, tuple(ranks)) if count > len(at) else nothing


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
    result = Resolved()
    spellings: dict[Path, dict[str, str]] = {}

    def spelling(path: Path) -> dict[str, str]:
        if path not in spellings:
            nodes = [node for tree in reversed(lower) if isinstance(node := find(tree, path), dict)]
            spellings[path] = {key.casefold(): key for node in nodes for key in node}
        return spellings[path]

    for meaning in found:
        path: Path = ()
        ours = names.ours or bool(names.prefix) or meaning.known > 0
        for step, known in meaning.steps:
            if not known:
                spelt = spelling(path).get(step.casefold())
                ours |= spelt is not None
                step = spelt or step.lower()
            path = (*path, step)
        if ours:
            _put(result, path, names.values[meaning.name], meaning)
    return result


def _put(result: Resolved, path: Path, text: str, meaning: Meaning) -> None:
    value: Any = text
    if meaning.json != "never":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            if meaning.json == "always":
                fault = Fault(path, "expected JSON, as the field holds several values", "other text")
                result.faults.append((meaning.name, fault))
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
