"""Whatever stands where a definition should: it is refused with the place, or it can be evaluated."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dynconf import Config, Memory
from dynconf.errors import StartFailed

OPERATORS = [
    *("if", "?:", "and", "or", "==", "!", "in", "var", "missing", "missing_some", "cat", "merge", "min", "+"),
    *("some", "all", "filter", "map", "reduce", "fractional", "sem_ver", "starts_with", "ends_with", "$ref"),
    *("iff", "", "a.b"),
]
LITERALS: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -3,
        1.5,
        2**40,
        "on",
        "off",
        "true",
        "",
        "shared",
        "other",
        "1.2.3",
        ">=",
        [],
        {},
    ]
)
PARTS = st.recursive(
    LITERALS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.builds(lambda operator, given: {operator: given}, st.sampled_from(OPERATORS), inner),
        st.dictionaries(st.sampled_from(OPERATORS), inner, min_size=2, max_size=2),
    ),
    max_leaves=12,
)
RULES = st.builds(lambda operator, given: {operator: given}, st.sampled_from(OPERATORS), PARTS)
DEFINITIONS = st.one_of(
    PARTS,
    st.builds(
        lambda rule, default: {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": default,
            "targeting": rule,
        },
        st.one_of(RULES, PARTS),
        LITERALS,
    ),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("state", "variants", "defaultVariant", "targeting", "metadata"), PARTS),
    ),
)


@settings(max_examples=500)
@given(definition=DEFINITIONS, shared=PARTS, other=RULES)
def test_any_definition(definition: Any, shared: Any, other: Any) -> None:
    """What is refused is told with the flag or the shared rule, and the source; all else gives an answer."""
    document = {"flags": {"x": definition, "$evaluators": {"shared": shared, "other": other}}}
    config = Config(Memory(document, name="the source"))
    flags = config.flags()
    try:
        config.load()
    except StartFailed as failed:
        text = str(failed)
        assert "own code failed" not in text
        assert "flags.x" in text or "flags.$evaluators.shared" in text or "flags.$evaluators.other" in text
        assert "at the source" in text
    else:
        for attributes in ({}, {"on": 1, "shared": [1, "on"]}):
            assert flags.details("x", None, "somebody", **attributes).error_code in {None, "GENERAL"}
