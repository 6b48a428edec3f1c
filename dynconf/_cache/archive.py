"""A set of documents as one piece of bytes, and back. Pure: nothing here reads or writes a file.

The first line is `dynconf-cache <version> <SHA-256 of what follows>`; then comes JSON.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError

from dynconf._values.snapshot import Folder, Update

MAGIC: Final = b"dynconf-cache"
VERSION: Final = 1


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
    at: FiniteFloat
    format: str | None = None
    type: str | None = None
    order: int | str = 0
    text: str | None = None
    binary: bytes | None = None
    folder: _Folder | None = None
    tree: dict[str, JsonValue] | None = None


class _Archive(_Strict):
    documents: list[_Entry]


def pack(documents: Iterable[Kept]) -> tuple[bytes, list[str]]:
    """The bytes that stand for a set of documents, and those that JSON cannot say.

    These are left out, and so are the others of the same source, which are not all without them.
    """
    entries, left_out, lacking = [], [], set()
    for kept in documents:
        try:
            entries.append((kept.source, _entry(kept).model_dump_json(exclude_defaults=True)))
        except (ValidationError, PydanticSerializationError):  # dates, say, or half a surrogate pair
            left_out.append(kept.update.document)
            lacking.add(kept.source)
    whole = ",".join(entry for source, entry in entries if source not in lacking)
    body = f'{{"documents":[{whole}]}}'.encode()
    return b"%s %d %s\n%s" % (MAGIC, VERSION, _digest(body), body), left_out


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
