"""XML to tree, by expat; no DTD, hence no entities of its own and nothing from outside.

| in the document | in the tree |
| --- | --- |
| the root element | the tree itself; its name is dropped |
| a child element | a key |
| children of one name | a list; one child alone is no list |
| an attribute | a key |
| an element of text only | its text, without blanks around it |
| an empty element | the empty text; as root, an empty mapping |
| text of an element with attributes | the key `#text` |

Every value stays text. Namespaces are dropped: `<a:port>` is `port`. A name that is an attribute
and a child of one element is an error, and so is text between child elements, and a namespace of
more than 256 bytes: expat writes it before each name that is in it.
"""

import re
from typing import Any, Final
from xml.parsers import expat

from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode
from dynconf.parsers._faults import exceeded, fault, line_column, quoted
from dynconf.parsers._places import NO_LIMITS, Places

_TEXT: Final = "#text"
_LONGEST_NAMESPACE: Final = 256
_LATIN_1: Final = re.compile(rb"""\s*<\?xml[^>]{1,200}encoding=["']iso-8859-1["']""", re.IGNORECASE)
# A tag with what follows it, if that is long enough for 200,000 attributes; or what may look like one.
_LONG_TAG: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|(?P<tag><[^<]{1000000,}+)", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+')|(?P<end>>)""")


def parse(content: bytes, limits: Limits) -> Any:
    """The tree of `content`.

    Raises:
        ParseError: no well-formed XML, a DTD, a name clash, or text between elements.
        LimitExceeded: over one of the limits.
    """
    text = _characters(content)
    _check_attributes(text, limits)
    return _Reader(limits).read(text)


def places(content: bytes) -> Places:
    """Where each value stands: its element's start, for an attribute too.

    Raises:
        ParseError: the content is not valid.
    """
    text = _characters(content)
    starts: dict[int, int] = {}
    tree = _Reader(NO_LIMITS, starts).read(text)
    encoded = text.encode()

    def position(offset: int) -> tuple[int, int]:  # expat counts bytes
        return line_column(text, len(encoded[:offset].decode()))

    return Places(tree, position, starts)


def _characters(content: bytes) -> str:
    """The characters, as UTF-8 whatever is declared, unless only ISO-8859-1 can be meant."""
    return decode(content, fallback="iso-8859-1" if _LATIN_1.match(content) else None)


def _check_attributes(text: str, limits: Limits) -> None:
    """Refuse a tag of more attributes than there may be keys; expat tells of them once it has them all."""
    if text.count("=") <= limits.keys:
        return
    for tag in _LONG_TAG.finditer(text):
        if tag["tag"] is None:
            continue
        for number, attribute in enumerate(_ATTRIBUTE.finditer(text, *tag.span())):
            if attribute["end"]:
                break
            if number == limits.keys:
                raise exceeded("keys", limits, line_column(text, tag.start()))


class _Element:
    """An element that is still being read."""

    __slots__ = ("attributes", "children", "name", "offset", "repeated", "text")

    def __init__(self, name: str, offset: int) -> None:
        self.name = name
        self.offset = offset
        self.children: dict[str, Any] = {}
        self.attributes: tuple[str, ...] = ()
        self.repeated: set[str] = set()
        self.text: list[str] = []


class _Reader:
    """Builds the tree from expat's events; with `starts`, one of offsets in the values' place."""

    def __init__(self, limits: Limits, starts: dict[int, int] | None = None) -> None:
        self.limits = limits
        self.starts = starts
        self.nodes = 0
        self.keys = 0
        self.stack: list[_Element] = []
        self.value: Any = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartNamespaceDeclHandler = self.namespace
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def read(self, text: str) -> Any:
        try:
            self.parser.Parse(text, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise fault(f"no valid XML: {reason}", (error.lineno, error.offset + 1)) from None
        return self.value

    def doctype(self, *_: object) -> None:
        raise fault("a DTD is not allowed", self.place())

    def namespace(self, _: str | None, uri: str | None) -> None:
        if uri and len(uri.encode()) > _LONGEST_NAMESPACE:
            raise fault(f"a namespace of more than {_LONGEST_NAMESPACE} bytes", self.place())

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) > self.limits.depth:
            raise exceeded("depth", self.limits, self.place())
        element = _Element(_local(name), self.parser.CurrentByteIndex)
        self.count(1, 0)
        self.stack.append(element)
        for key, value in attributes.items():
            self.count(1, 0)
            self.put(element, _local(key), self.leaf(value, element))
        element.attributes = tuple(element.children)
        if len(element.attributes) < len(attributes):
            raise fault("two attributes of one name, but for their namespaces", self.place())

    def characters(self, text: str) -> None:
        self.stack[-1].text.append(text)

    def end(self, _: str) -> None:
        element = self.stack.pop()
        text = "".join(element.text).strip()
        value: Any = element.children
        if self.starts is not None:
            self.starts[id(value)] = element.offset
        if text and len(element.children) > len(element.attributes):
            raise fault(f"text between the children of {quoted(element.name)}", self.place())
        if text and element.attributes:
            self.count(1, 0)
            self.put(element, _TEXT, self.leaf(text, element))
        elif text or (self.stack and not element.children):
            value = self.leaf(text, element)
        if self.stack:
            self.put(self.stack[-1], element.name, value)
        else:
            self.value = value

    def put(self, element: _Element, name: str, value: Any) -> None:
        children = element.children
        if name not in children:
            self.count(0, 1)
            children[name] = value
        elif name in element.attributes:
            raise fault(f"{quoted(name)} is an attribute and a child of one element", self.place())
        elif name in element.repeated:
            children[name].append(value)
        else:
            self.count(1, 0)
            element.repeated.add(name)
            first = children[name]
            children[name] = [first, value]
            if self.starts is not None:
                offset = first if isinstance(first, int) else self.starts[id(first)]
                self.starts[id(children[name])] = offset

    def leaf(self, text: str, element: _Element) -> Any:
        return text if self.starts is None else element.offset

    def count(self, nodes: int, keys: int) -> None:
        self.nodes += nodes
        self.keys += keys
        if self.nodes > self.limits.nodes:
            raise exceeded("nodes", self.limits, self.place())
        if self.keys > self.limits.keys:
            raise exceeded("keys", self.limits, self.place())

    def place(self) -> tuple[int, int]:
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
