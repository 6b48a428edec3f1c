"""YAML to tree, straight from the parser's events.

Nothing here recurses: PyYAML's C composer overflows the C stack on deep nesting, its event stream
does not, and limits are checked with every event, before anything is built. An alias costs what
it stands for, by counts kept with its anchor, so a bomb of aliases is refused without being
expanded. Scalars are read as PyYAML's `SafeLoader` reads them (YAML 1.1); the keys of mappings are
their source text.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from dynconf._values.limits import Limits
from dynconf.parsers._decode import decode
from dynconf.parsers._faults import exceeded, fault, line_column, quoted
from dynconf.parsers._places import NO_LIMITS, Places
from dynconf.parsers._yaml_events import events, offset, place
from dynconf.parsers._yaml_scalars import MERGE, TAG, scalar


def parse(content: bytes, limits: Limits) -> Any:
    """The one document in `content`; an empty one is an empty mapping.

    Raises:
        ParseError: no YAML, or none that makes plain data; more than one document; a key twice.
        LimitExceeded: over one of the limits.
    """
    return _Builder(limits, scalar, None).build(decode(content))


def places(content: bytes) -> Places:
    """Where each value stands; behind an alias or a merge, where its text stands."""
    text = decode(content)
    starts: dict[int, int] = {}
    return Places(_Builder(NO_LIMITS, offset, starts).build(text), partial(line_column, text), starts)


class _Size(NamedTuple):
    """What a value costs: scalars, lists and mappings; keys; levels of lists and mappings."""

    nodes: int
    keys: int
    height: int


class _Anchored(NamedTuple):
    """What an alias stands for; `key` is its text where it is a scalar."""

    value: Any
    size: _Size
    key: str | None


class _Frame:
    """A mapping or list that is still being read."""

    __slots__ = ("anchor", "before", "container", "height", "key", "merged", "merging")

    def __init__(self, container: Any, anchor: str | None, before: tuple[int, int]) -> None:
        self.container = container
        self.anchor = anchor
        self.before = before
        self.height = 0  # of the highest child
        self.key: str | None = None
        self.merging = False
        self.merged: list[dict[str, Any]] | None = None


class _Builder:
    def __init__(
        self, limits: Limits, leaf: Callable[[ScalarEvent], Any], starts: dict[int, int] | None
    ) -> None:
        self.limits = limits
        self.leaf = leaf
        self.starts = starts
        self.nodes = 0
        self.keys = 0
        self.documents = 0
        self.anchors: dict[str, _Anchored | None] = {}  # None while its value is being read
        self.frame = _Frame([], None, (0, 0))
        self.stack: list[_Frame] = []
        self.handlers: dict[type[Event], Callable[[Any], None]] = {
            ScalarEvent: self.scalar,
            AliasEvent: self.alias,
            MappingStartEvent: self.start_mapping,
            SequenceStartEvent: self.start_list,
            MappingEndEvent: self.end_mapping,
            SequenceEndEvent: self.end,
            DocumentStartEvent: self.start_document,
        }

    def build(self, text: str) -> Any:
        handlers = self.handlers
        for event in events(text):
            if handler := handlers.get(event.__class__):
                handler(event)
        found: list[Any] = self.frame.container
        return found[0] if found else {}

    def start_document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise fault("more than one YAML document", place(event))

    def scalar(self, event: ScalarEvent) -> None:
        frame = self.frame
        if frame.key is None and frame.container.__class__ is dict:
            text: str = event.value
            merging = text == "<<" and (event.tag == MERGE or event.implicit[0])
            if event.anchor or (event.tag and not merging):
                value = self.leaf(event)
                if event.anchor:
                    self.anchors[event.anchor] = _Anchored(value, _Size(1, 0, 0), text)
            self.set_key(text, event, merging=merging)
            return
        if not self.stack and event.value == "" and event.implicit[0] and event.tag is None:
            return  # a document of nothing but `---`
        self.count(event, 1, 0)
        value = self.leaf(event)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, _Size(1, 0, 0), event.value)
        self.put(value, 0, event)

    def alias(self, event: AliasEvent) -> None:
        frame = self.frame
        if event.anchor not in self.anchors:
            raise fault(
                "an alias without an anchor before it; quote a text that begins with '*'", place(event)
            )
        anchored = self.anchors[event.anchor]
        if anchored is None:
            raise fault("an alias within what it stands for", place(event))
        if frame.key is None and frame.container.__class__ is dict:
            if anchored.key is None:
                raise fault("a key that is a mapping or a list", place(event))
            self.set_key(anchored.key, event, merging=False)
            return
        nodes, keys, height = anchored.size
        self.count(event, nodes, keys)
        if len(self.stack) + height > self.limits.depth:
            raise exceeded("depth", self.limits, place(event))
        self.put(anchored.value, height, event)

    def start_mapping(self, event: MappingStartEvent) -> None:
        self.start({}, event, "map")

    def start_list(self, event: SequenceStartEvent) -> None:
        self.start([], event, "seq")

    def start(self, container: Any, event: MappingStartEvent | SequenceStartEvent, kind: str) -> None:
        frame = self.frame
        if frame.key is None and frame.container.__class__ is dict:
            raise fault("a key that is a mapping or a list", place(event))
        if event.tag not in (None, "!", TAG + kind):
            raise fault("a tag that makes no plain mapping or list", place(event))
        if len(self.stack) >= self.limits.depth:
            raise exceeded("depth", self.limits, place(event))
        before = (self.nodes, self.keys)
        self.count(event, 1, 0)
        if event.anchor:
            self.anchors[event.anchor] = None
        if self.starts is not None:
            self.starts[id(container)] = offset(event)
        self.stack.append(frame)
        self.frame = _Frame(container, event.anchor, before)

    def end_mapping(self, event: MappingEndEvent) -> None:
        frame = self.frame
        for source in frame.merged or ():
            for key, value in source.items():
                frame.container.setdefault(key, value)
        self.end(event)

    def end(self, event: Event) -> None:
        frame = self.frame
        height = frame.height + 1
        if frame.anchor:
            nodes, keys = frame.before
            size = _Size(self.nodes - nodes, self.keys - keys, height)
            self.anchors[frame.anchor] = _Anchored(frame.container, size, None)
        self.frame = self.stack.pop()
        self.put(frame.container, height, event)

    def set_key(self, key: str, event: NodeEvent, *, merging: bool) -> None:
        frame = self.frame
        self.count(event, 0, 1)
        if frame.merged is not None if merging else key in frame.container:
            raise fault(f"the key {quoted(key)} is given twice", place(event))
        frame.key = key
        frame.merging = merging

    def put(self, value: Any, height: int, event: Event) -> None:
        """Put a finished value where it belongs."""
        frame = self.frame
        if frame.key is None:
            frame.container.append(value)
        elif frame.merging:
            sources = value if value.__class__ is list else [value]
            if not all(source.__class__ is dict for source in sources):
                raise fault("'<<' merges a mapping, or a list of mappings, and nothing else", place(event))
            frame.merged = sources
            # What is merged comes without the levels that it was wrapped in.
            height -= 1 if value.__class__ is dict else 2
            frame.key, frame.merging = None, False
        else:
            frame.container[frame.key] = value
            frame.key = None
        frame.height = max(frame.height, height)

    def count(self, event: Event, nodes: int, keys: int) -> None:
        self.nodes += nodes
        self.keys += keys
        if self.nodes > self.limits.nodes:
            raise exceeded("nodes", self.limits, place(event))
        if self.keys > self.limits.keys:
            raise exceeded("keys", self.limits, place(event))
