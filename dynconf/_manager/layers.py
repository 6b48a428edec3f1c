"""From what a source reports to a layer: parsed, checked and mounted."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from dynconf._models.build import type_name
from dynconf._origin import Origin
from dynconf._values.limits import Limits
from dynconf._values.snapshot import Folder, Layer, Names, Update
from dynconf._values.source import Source
from dynconf._values.tree import Path, copied, nested, parse_path
from dynconf.errors import ParseError, SourceError, UsageError


def layer_of(source: Source, name: str, update: Update, limits: Limits) -> Layer:
    """The layer that an update makes; it is not one that says that the document is gone.

    Args:
        source: its options.
        name: its unique name.
        update: the report.
        limits: for the content.

    Raises:
        ParseError: the content cannot be read, is empty, or is no mapping.
    """
    layer = Layer(name, update.document, update.revision, {})
    at = parse_path(source.at)
    content = update.content
    if isinstance(content, Names):
        return _named(layer, content, limits)
    if isinstance(content, Folder):
        from dynconf.parsers import unfolded  # noqa: PLC0415 - parsers are costly to import

        try:
            return replace(layer, tree=nested(at, unfolded(content, limits)))
        except SourceError as error:
            raise placed(error, layer.origin()) from None
    if not isinstance(content, bytes):
        return replace(layer, tree=_mapping(nested(at, copied(content)), layer.origin()))
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf"):
        if source.allow_empty and b"\0" not in content:  # which a crash leaves of a file
            return layer
        raise ParseError("it is empty (allow_empty=True would take that for a document)", layer.origin())
    from dynconf.parsers import locate, parse  # noqa: PLC0415 - parsers are costly to import

    try:
        parsed = parse(content, name=update.document, format=update.format, type=update.type, limits=limits)
    except SourceError as error:
        raise placed(error, layer.origin()) from None
    except UsageError as error:  # an unknown format
        raise ParseError(str(error), layer.origin()) from None
    if parsed.format == "dotenv":
        layer = replace(layer, locate=partial(locate, content, parsed.format))
        return _named(layer, Names(parsed.value, ours=True, at=at), limits)
    tree = _mapping(nested(at, parsed.value), layer.origin())
    find_line = partial(_locate, locate, content, parsed.format, len(at))
    return replace(layer, tree=tree, locate=find_line)


def placed(error: SourceError, place: Origin) -> SourceError:
    """The same error, with the place filled in where it is not known."""
    error.__context__ = error.__cause__ = None  # a parser's own error may hold the content
    known = error.origin
    if known is None:
        error.origin = place
    elif not known.source:
        error.origin = replace(place, line=known.line, column=known.column)
    return error


def _named(layer: Layer, names: Names, limits: Limits) -> Layer:
    from dynconf.parsers import bounded  # noqa: PLC0415 - parsers are costly to import

    try:
        return replace(layer, names=bounded(names, limits, layer.locate))
    except SourceError as error:
        raise placed(error, layer.origin()) from None


def _mapping(value: Any, origin: Origin) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParseError(
            f"expected a mapping at the top level, found {type_name(value)};"
            " give at= the path that the content belongs at",
            origin,
        )
    return value


def _locate(
    locate: Callable[[bytes, str, Path], tuple[int, int] | None],
    content: bytes,
    format: str,
    mounted: int,
    path: Path,
) -> tuple[int, int] | None:
    return locate(content, format, path[mounted:])
