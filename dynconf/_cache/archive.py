"""A set of documents as one piece of bytes, and back. Pure: nothing here reads or writes a file.

The first line is `dynconf-cache <version> <SHA-256 of what follows>`; then comes JSON.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError

from dynconf._values.snapshot import Folder, Update

MAGIC: Final = b"dynconf-cache"
VERSION: Final = 1
_END_OF_TIME: Final = 1e11  # seconds since the epoch; a date cannot be much later


class Unreadable(Exception):
    """It is not an archive, or not one of this version; the text says why, without any content."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One document: its source's identity, what was reported of it, and when that was applied.

    `at` is in seconds since the epoch.
    """

    source: str
    update: Update
    at: float


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="constants",
    )


class _Folder(_Strict):
    values: dict[str, bytes]
    delimiters: str
    indexed: bool


class _Entry(_Strict):
    """One document; exactly one of `text`, `binary` (as base64), `folder` and `tree` is its content."""

    source: str
    document: str
    revision: str
    at: Annotated[float, Field(ge=0, lt=_END_OF_TIME)]
    format: str | None = None
    type: str | None = None
    order: int | str = 0
    text: str | None = None
    binary: bytes | None = None
    folder: _Folder | None = None
    tree: dict[str, JsonValue] | None = None


class _Archive(_Strict):
    documents: list[_Entry]


class Packer:
    """Makes the bytes that stand for a set of documents, and then for others that differ little.

    What was made of each document is kept, as sets may be large and mostly one document changes.
    """

    def __init__(self) -> None:
        self._packed: dict[tuple[str, str], tuple[Kept, bytes]] = {}

    def pack(self, documents: Iterable[Kept]) -> tuple[bytes, list[str]]:
        """The bytes, and the documents that JSON cannot say.

        These are left out, and so are the others of the same source, which are not all without them.
        """
        packed, left_out, lacking = list[tuple[Kept, bytes]](), [], set()
        for kept in documents:
            try:
                packed.append((kept, self._known(kept) or _packed(kept)))
            except (ValidationError, PydanticSerializationError):  # dates, say, or half a surrogate pair
                left_out.append(kept.update.document)
                lacking.add(kept.source)
        self._packed = {(one.source, one.update.document): (one, entry) for one, entry in packed}
        whole = b",".join(entry for kept, entry in packed if kept.source not in lacking)
        body = b'{"documents":[%s]}' % whole
        return b"%s %d %s\n%s" % (MAGIC, VERSION, _digest(body), body), left_out

    def _known(self, kept: Kept) -> bytes | None:
        one, entry = self._packed.get((kept.source, kept.update.document), (None, None))
        return entry if one and one.update is kept.update and one.at == kept.at else None


def unpack(data: bytes) -> list[Kept]:
    """The documents that some bytes stand for.

    Raises:
        Unreadable: they are damaged, or of another version, or something else.
    """
    head, _, body = data.partition(b"\n")
    words = head.split(b" ")
    if words[0] != MAGIC or len(words) != 3 or not words[1].isdigit():
        raise Unreadable("it is no cache of dynconf's")
    if words[1] != b"%d" % VERSION:
        raise Unreadable("it was written by another version of dynconf")
    if words[2] != _digest(body):
        raise Unreadable("it is damaged: its checksum does not fit")
    try:
        archive = _Archive.model_validate_json(body)
        return [_kept(entry) for entry in archive.documents]
    except ValueError:  # pydantic's own is one, too
        raise Unreadable("it is damaged: it is not as dynconf writes it") from None


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _packed(kept: Kept) -> bytes:
    return _Entry.__pydantic_serializer__.to_json(_entry(kept), exclude_defaults=True)


def _entry(kept: Kept) -> _Entry:
    update = kept.update
    return _Entry(
        source=kept.source,
        document=update.document,
        revision=update.revision,
        at=kept.at,
        format=update.format,
        type=update.type,
        order=update.order,
        **_content(update),
    )


def _content(update: Update) -> dict[str, Any]:
    content = update.content
    if isinstance(content, bytes):
        try:
            return {"text": content.decode()}
        except UnicodeDecodeError:
            return {"binary": content}
    if isinstance(content, Folder):
        values = dict(content.values)
        return {"folder": _Folder(values=values, delimiters=content.delimiters, indexed=content.indexed)}
    return {"tree": content}


def _kept(entry: _Entry) -> Kept:
    content = _only(entry)
    if isinstance(content, str):
        content = content.encode()
    elif isinstance(content, _Folder):
        content = Folder(content.values, content.delimiters, content.indexed)
    update = Update(entry.document, entry.revision, content, entry.format, entry.type, entry.order)
    return Kept(entry.source, update, entry.at)


def _only(entry: _Entry) -> Any:
    contents = [one for one in (entry.text, entry.binary, entry.folder, entry.tree) if one is not None]
    if len(contents) != 1:
        raise ValueError
    return contents[0]
