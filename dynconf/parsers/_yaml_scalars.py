"""What a YAML scalar is: YAML 1.1 by the rules of PyYAML's safe schema."""

import re
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import ScalarEvent
from yaml.nodes import ScalarNode

from dynconf.parsers._faults import fault
from dynconf.parsers._yaml_events import place

TAG: Final = "tag:yaml.org,2002:"
MERGE: Final = TAG + "merge"

_LONGEST: Final = 4300
"""Characters of a number or date; Python's own limit for whole numbers."""

_LONGEST_BASE_60: Final = 100
"""The same of a number such as `1:59:59`: of these the time grows with the square of the length."""

_NUMBER: Final = re.compile(r"[-+]?(?:0b[01_]++|0x[0-9a-fA-F_]++|[0-9_:.]++(?:[eE][-+]?[0-9]++)?+)")

# Resolver's own table: programs add to SafeLoader's, for themselves.
_RESOLVERS: Final[dict[str, list[tuple[str, Any]]]] = yaml.resolver.Resolver.yaml_implicit_resolvers
_CONSTRUCTOR: Final = SafeConstructor()
_TEXT: Final = (None, TAG + "str")
_MAKE: Final[dict[str, tuple[str, Any]]] = {
    TAG + "null": ("null", SafeConstructor.construct_yaml_null),
    TAG + "bool": ("boolean", SafeConstructor.construct_yaml_bool),
    TAG + "int": ("whole number", SafeConstructor.construct_yaml_int),
    TAG + "float": ("number", SafeConstructor.construct_yaml_float),
    TAG + "timestamp": ("date", SafeConstructor.construct_yaml_timestamp),
    TAG + "binary": ("base64 text", SafeConstructor.construct_yaml_binary),
}


def scalar(event: ScalarEvent) -> Any:
    """The value of a scalar: text, number, boolean, null, date, date and time, or bytes.

    Raises:
        ParseError: an unknown tag, or a value that its tag does not allow.
    """
    text: str = event.value
    tag: str | None = event.tag
    if tag is None or tag == "!":
        if not event.implicit[0]:
            return text
        if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) <= _LONGEST:
            return int(text)
        tag = _implicit(text)
    if tag in _TEXT:
        return text
    if tag not in _MAKE:
        raise fault("a tag that makes no plain value; quote a text that begins with '!'", place(event))
    kind, make = _MAKE[tag]
    most = _LONGEST_BASE_60 if ":" in text and kind.endswith("number") else _LONGEST
    if len(text) > most and tag != TAG + "binary":
        raise fault(f"a {kind} of more than {most} characters; quote it if it is a text", place(event))
    try:
        value = make(_CONSTRUCTOR, ScalarNode(tag, text))
        str(value if value.__class__ is int else "")  # of another base it may be longer than Python writes
    except (ArithmeticError, AttributeError, LookupError, ValueError, yaml.YAMLError):
        raise fault(f"not a valid {kind}; quote it if it is a text", place(event)) from None
    return value


def _implicit(text: str) -> str | None:
    """The tag that a plain scalar's form gives it; `None` is text."""
    if len(text) > _LONGEST:
        return TAG + "float" if _NUMBER.fullmatch(text) else None
    for tag, form in _RESOLVERS.get(text[:1], ()):
        if form.match(text):
            return tag if tag in _MAKE else None
    return None
