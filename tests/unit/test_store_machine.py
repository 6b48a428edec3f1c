"""The store under everything that may happen to it, against the plainest model of it that there is."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, count
from typing import Annotated, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dynconf._store.state import Candidate, Plan, Spec
from dynconf._store.store import Store
from dynconf._values.merge import Merge
from dynconf._values.snapshot import Layer, Names
from dynconf._values.tree import MISSING, copied, delta_paths, diff, dotted, find, same
from tests.unit.tree_props import document, folded

NUMBERS = st.integers(-1, 4)


class Server(BaseModel):
    host: str = "localhost"
    port: Annotated[int, Field(ge=0)] = 0


class Sized(BaseModel):
    """Has a field that layers may spell differently; one of its aliases is its name, which counts as well."""

    model_config = ConfigDict(populate_by_name=True)
    size: int = Field(default=0, validation_alias=AliasChoices("size", "length"))
    number: int = 0


class Root(BaseModel):
    """Reads all documents, and wants two numbers that different ones may set in an order."""

    low: int = 0
    high: int = 9
    server: Server = Server()
    tags: Annotated[list[str], Merge("append")] = []
    other: Sized = Field(default=Sized(), validation_alias=AliasChoices("other", "others"))

    @model_validator(mode="after")
    def _in_order(self) -> "Root":
        if self.low > self.high:
            raise ValueError
        return self


class Strict(BaseModel):
    """Reads a part only, which has to be there in full once it is."""

    model_config = ConfigDict(extra="forbid")
    host: str = "nowhere"
    port: int = 1


class Late(BaseModel):
    """Says, when it is bound, how lists that are there already are to be merged."""

    more: Annotated[list[int], Merge("append")] = []
    free: dict[str, int] = {}


SPECS = [Spec(Root), Spec(Strict, ("server",)), Spec(Late), Spec(Server, ("other", "server"))]

SERVERS = st.fixed_dictionaries(
    {}, optional={"host": st.sampled_from(["a", "b", 7]), "port": NUMBERS | st.just("x"), "odd": st.just(1)}
)
SPELT = st.dictionaries(
    st.sampled_from(["other", "others"]),
    st.sampled_from([{"size": 1}, {"length": 2}, {"size": 1, "length": 2}, {"number": 3}, {}]),
    max_size=2,
)
TREES: st.SearchStrategy[dict[str, Any]] = SPELT | st.fixed_dictionaries(
    {},
    optional={
        "low": NUMBERS,
        "high": NUMBERS | st.just("x"),
        "server": SERVERS | st.just("scalar"),
        "more": st.lists(st.just(1), min_size=1, max_size=2),
        "tags": st.lists(st.sampled_from(["x", "y", 3]), max_size=2),
        "other": st.fixed_dictionaries({}, optional={"server": SERVERS}),
        "Free": st.fixed_dictionaries({}, optional={"x": NUMBERS}),
    },
)
TEXTS = st.fixed_dictionaries(
    {}, optional={"APP_LOW": st.sampled_from(["1", "x"]), "APP_SERVER__PORT": st.sampled_from(["2", "-1"])}
).flatmap(
    lambda texts: st.sampled_from([texts, texts | {"APP_FREE__X": "5"}]),
)

DOCUMENTS = [1, 2, 25]
VARIABLES = 30
"""The document that is the environment."""
FILLING = {
    number: {"filling": {str(number): number}, "server": {}, "more": [number]} for number in range(3, 25)
}
"""So many that the store's index is needed."""

Content = Mapping[str, Any] | Names | None


class Model:
    """Which documents serve, which overrides are open, which classes are bound; all else is worked out."""

    def __init__(self) -> None:
        self.served: dict[int, Any] = {}
        self.overrides: dict[int, Mapping[str, Any]] = {}
        self.specs: list[Spec] = []

    def changed(self, **fields: Any) -> "Model":
        """The same with something else in it."""
        model = Model()
        model.__dict__ = self.__dict__ | fields
        return model

    def with_document(self, number: int, content: Content) -> "Model":
        served = {key: item for key, item in self.served.items() if key != number}
        return self.changed(served=served if content is None else served | {number: content})

    def tree(self, overrides: Sequence[Any]) -> Any:
        """All layers, merged from scratch."""
        layers, policies = self.layers()
        return folded([folded(layers, policies) if layers else {}, *overrides], {})

    def spelt_one_way(self, tree: Any, overrides: Sequence[Any]) -> Any:
        """That tree as if every layer used one key for each field; merged anew only if one does not."""
        layers, policies = self.layers()
        if all(_with_one_spelling(layer) == layer for layer in (*layers, *overrides)):
            return tree
        base = folded([_with_one_spelling(layer) for layer in layers], policies) if layers else {}
        return folded([base, *map(_with_one_spelling, overrides)], {})

    def layers(self) -> tuple[list[Any], dict[tuple[str, ...], Merge]]:
        """What all documents say, lowest first, and the policies that hold for that."""
        policies: dict[tuple[str, ...], Merge] = {
            (name,): Merge("append")
            for name in ("tags", "more")
            if any(name in spec.cls.model_fields for spec in self.specs)
        }
        documents = {key: item for key, item in self.served.items() if not isinstance(item, Names)}
        layers = [documents[number] for number in sorted(documents)]
        for names in self.served.values():
            if isinstance(names, Names):
                layers.append(self.meant(names, layers))
        return layers, policies

    def meant(self, names: Names, below: Sequence[Any]) -> dict[str, Any]:
        """What variables say: known fields by their names, others as they are spelt below."""
        tree: dict[str, Any] = {}
        for name, text in names.values.items():
            path = name.removeprefix("APP_").lower().split("__")
            if path[0] == "free" and not any("free" in spec.cls.model_fields for spec in self.specs):
                path[0] = "Free" if any("Free" in layer for layer in below) else "free"
            node = tree
            for step in path[:-1]:
                node = node.setdefault(step, {})
            node[path[-1]] = text
        return tree

    def models(self) -> list[BaseModel] | None:
        """Every model, if all of them are valid with all overrides and when they end, last first."""
        overrides = list(self.overrides.values())
        models: list[BaseModel] = []
        try:
            for open_ones in range(len(overrides) + 1):
                over = overrides[:open_ones]
                tree = self.tree(over)
                spelt = self.spelt_one_way(tree, over)
                models = [_built(spec, spelt if spec.cls is Root else tree) for spec in self.specs]
        except ValidationError:
            return None
        return models

    def taking(self, batch: Sequence[tuple[int, Content]]) -> tuple["Model", list[int]]:
        """Take all, or else whatever is valid, alone or in pairs, oldest first; with what is refused."""
        everything = self._with(batch)
        if everything.models() is not None:
            return everything, []
        model, left = self, list(batch)
        while True:
            model, left = model._one_by_one(left)
            pair = next((two for two in combinations(left, 2) if model._with(two).models() is not None), None)
            if pair is None:
                return model, [number for number, _ in left]
            model = model._with(pair)
            left = [item for item in left if item not in pair]

    def _with(self, batch: Iterable[tuple[int, Content]]) -> "Model":
        model = self
        for item in batch:
            model = model.with_document(*item)
        return model

    def _one_by_one(self, batch: list[tuple[int, Content]]) -> tuple["Model", list[tuple[int, Content]]]:
        model, left, progress = self, list(batch), True
        while progress:
            progress = False
            for item in list(left):
                trial = model.with_document(*item)
                if trial.models() is not None:
                    model, progress = trial, True
                    left.remove(item)
        return model, left


def _built(spec: Spec, tree: Any) -> BaseModel:
    part = find(tree, spec.at)
    return spec.cls.model_validate({} if part is MISSING else copied(part))


def _with_one_spelling(layer: Any) -> Any:
    """What a layer says, in the spellings that pydantic prefers, which hold if it uses others, too."""
    parts = [layer[key] for key in ("others", "other") if key in layer]
    sized = [
        {key: part[key] for key in part if key != "length"}
        | ({"size": part["length"]} if "length" in part and "size" not in part else {})
        for part in parts
    ]
    rest = {key: item for key, item in layer.items() if key not in ("others", "other")}
    return rest | ({"other": folded(sized, {})} if sized else {})


def candidate(number: int, content: Content) -> Candidate:
    """The store's form of it."""
    if isinstance(content, Names):
        rank = (float(number), 0, f"d{number}")
        return Candidate(rank, Layer(f"s{number}", f"d{number}", "", {}, names=content))
    return document(number, content)


CONTENTS = (
    st.tuples(st.sampled_from(DOCUMENTS), TREES | st.none())
    | st.tuples(st.just(VARIABLES), TEXTS.map(lambda texts: Names(texts, "APP_")))
    | st.tuples(st.sampled_from(DOCUMENTS), SPELT)
)


class StoreMachine(RuleBasedStateMachine):
    """Documents, overrides and bindings come and go; some plans are withheld, and some go stale."""

    plans = Bundle("plans")
    opened = Bundle("opened")

    @initialize(many=st.booleans(), specs=st.integers(0, 2))
    def load(self, many: bool, specs: int) -> None:
        """The first load, of few documents or of many."""
        self.store = Store()
        self.model = Model()
        self.pending: dict[int, Content] = {}
        self.numbers = count(1)
        self.version = 0
        for spec in SPECS[:specs]:
            assert self.store.commit(self.store.plan_bind(spec))
            self.model.specs = [*self.model.specs, spec]
        first = FILLING if many else {}
        assert self.store.commit(self.store.plan([candidate(*item) for item in first.items()]))
        self.model.served = dict(first)

    @rule(target=plans, contents=st.lists(CONTENTS, min_size=1, max_size=3), commit=st.booleans())
    def edit(self, contents: list[tuple[int, Content]], commit: bool) -> Any:
        """Documents change; what was refused before is tried again with them. A prepare may say no."""
        for number, content in contents:
            self.pending.pop(number, None)
            self.pending[number] = content
        batch = list(self.pending.items())
        plan = self.store.plan([candidate(*item) for item in batch])
        model, refused = self.model.taking(batch)
        assert [key[0] for key in plan.refused if not isinstance(key, int)] == refused
        assert all(plan.refused.values())
        assert {one.key[0] for one in plan.accepted if not isinstance(one.key, int)} == (
            self.pending.keys() - set(refused)
        )
        if not commit:
            return plan
        self._commit(plan, model)
        self.pending = {number: self.pending[number] for number in refused}
        return multiple()

    @rule(target=opened, tree=TREES)
    def override(self, tree: dict[str, Any]) -> Any:
        """An override is entered, or refused."""
        number = next(self.numbers)
        model = self.model.changed(overrides=self.model.overrides | {number: tree})
        return number if self._whole(self.store.plan_override([number], tree), model) else multiple()

    @rule(target=opened, number=consumes(opened))
    def leave_override(self, number: int) -> Any:
        """An override is left, whichever; what is under it is valid, or it stays."""
        left = {key: tree for key, tree in self.model.overrides.items() if key != number}
        model = self.model.changed(overrides=left)
        return multiple() if self._whole(self.store.plan_override([number], None), model) else number

    @rule(number=consumes(opened))
    def leave_by_force(self, number: int) -> None:
        """One is taken away with all that were laid over later, which is never refused."""
        plan = self.store.plan_override_gone(number)
        assert not plan.refused
        numbers = list(self.model.overrides)
        left = numbers[: numbers.index(number)] if number in numbers else numbers
        self._commit(plan, self.model.changed(overrides={one: self.model.overrides[one] for one in left}))

    @precondition(lambda self: len(self.model.specs) < len(SPECS))
    @rule()
    def bind(self) -> None:
        """One more class is bound, or refused."""
        spec = SPECS[len(self.model.specs)]
        self._whole(self.store.plan_bind(spec), self.model.changed(specs=[*self.model.specs, spec]))

    @rule(plan=consumes(plans))
    def commit_late(self, plan: Plan) -> None:
        """A plan that was withheld is taken only if nothing else was meanwhile."""
        fresh = plan.base is self.store.state
        assert self.store.commit(plan) is fresh
        if fresh:
            taken = {one.key[0]: one.content for one in plan.accepted if not isinstance(one.key, int)}
            for number, content in taken.items():
                said = content.names or content.tree if isinstance(content, Layer) else None
                self.model = self.model.with_document(int(number), said)
                if self.pending.get(int(number)) is said:
                    del self.pending[int(number)]

    def _whole(self, plan: Plan, model: Model) -> bool:
        assert bool(plan.refused) == (model.models() is None)
        if not plan.refused:
            self._commit(plan, model)
        return not plan.refused

    def _commit(self, plan: Plan, model: Model) -> None:
        old = self.store.state
        assert self.store.commit(plan)
        new = self.store.state
        assert plan.publishes == (
            not same(old.tree, new.tree) or any(a != b for a, b in zip(old.models, new.models, strict=False))
        )
        assert plan.models == tuple(
            index
            for index, model in enumerate(new.models)
            if index >= len(old.models) or model != old.models[index]
        )
        assert plan.paths >= set(map(dotted, delta_paths(diff(old.tree, new.tree))))
        assert bool(plan.paths) == plan.publishes
        for before, after in zip(old.models, new.models, strict=False):
            _assert_parts_kept(before, after)
        self.model = model

    @invariant()
    def serves_what_the_model_says(self) -> None:
        """Tree and models are what a merge and a validation from scratch give: valid, and of one version."""
        state = self.store.state
        assert same(state.base, self.model.tree([]))
        assert same(state.tree, self.model.tree(list(self.model.overrides.values())))
        assert list(state.models) == self.model.models()
        for number, models in enumerate(state.under):
            first = dict(list(self.model.overrides.items())[:number])
            assert list(models) == self.model.changed(overrides=first).models()
        assert len(state.under) == len(self.model.overrides)

    @invariant()
    def versions_only_grow(self) -> None:
        """A version is never taken back."""
        assert self.store.state.version >= self.version
        self.version = self.store.state.version


def _assert_parts_kept(before: BaseModel, after: BaseModel) -> None:
    for name, old in before.__dict__.items():
        new = after.__dict__[name]
        if isinstance(old, BaseModel) and isinstance(new, BaseModel) and old == new:
            assert new is old
        elif isinstance(old, BaseModel) and type(old) is type(new):
            _assert_parts_kept(old, new)


TestStore = pytest.mark.timeout(300)(StoreMachine.TestCase)  # by far the longest here
TestStore.settings = settings(max_examples=150, stateful_step_count=25)
