"""Values to MongoDB documents and back, so that nothing is lost or reinterpreted.

Structs become native BSON through msgspec. Two things need care. A BSON
library turns `{"$ref": ..., "$id": ...}` inside someone's parameters into a
database reference or fails, so keys that begin with `$` are stored with a `~`
before them (and keys that begin with `~` with another one). And it returns
64-bit integers as a type of its own that no JSON encoder takes.

    params            stored
    {"$ref": "a"}     {"~$ref": "a"}
    {"~x": 1}         {"~~x": 1}
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import bson
import msgspec
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.errors import BSONError
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from hq.log.port import MAX_DECISION_BYTES, DecisionRefused, LogUnreadable, check_version
from schemas.events import Decision

T = TypeVar("T")
_MARKED = (b"~$", b"~~")
#: In BSON the byte of its type stands before every key. Also matches some values, which does no harm.
_MAYBE_TO_MARK = re.compile(rb"[\x01-\x13][$~]")


class _PlainIntegers(TypeDecoder):
    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


#: For every read of ours: 64-bit integers become plain ones.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(type_registry=TypeRegistry([_PlainIntegers()]))
#: For reads that `decode_document` takes: bytes, decoded later and once.
RAW_CODEC: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Stored(RawBSONDocument):
    """A document to store.

    The driver asks each whether it is empty; the base class decodes all of it to tell.
    """

    def __bool__(self) -> bool:
        return True


def encode_document(value: Any) -> RawBSONDocument:
    """Return a Struct or dictionary as the BSON bytes to store.

    Raises:
        DecisionRefused: If a value does not fit BSON: an integer over 64 bits, a NUL in a key.
    """
    try:
        plain = msgspec.to_builtins(value)
        raw = bson.encode(plain)
        # Most documents have no such key, and walking them costs more than encoding.
        if _MAYBE_TO_MARK.search(raw):
            raw = bson.encode(_mark_keys(plain))
    except (BSONError, OverflowError, TypeError, UnicodeError) as error:
        raise DecisionRefused(f"a value cannot be stored: {error}") from error
    return Stored(raw)


def decode_document(document: RawBSONDocument | bytes) -> dict[str, Any]:
    """Return what `encode_document` was given, as plain dictionaries and lists.

    Raises:
        LogUnreadable: If the bytes are not such a document.
    """
    # The driver hands larger ones on as a view of what it received, in which no mark would be found below.
    raw = bytes(document.raw if isinstance(document, RawBSONDocument) else document)
    try:
        plain = bson.decode(raw, CODEC)
    except (BSONError, TypeError, ValueError) as error:
        raise LogUnreadable(f"a document in MongoDB is damaged: {error}") from error
    if any(sign in raw for sign in _MARKED):
        plain = _unmark_keys(plain)
    return plain


def decision_to_document(decision: Decision) -> RawBSONDocument:
    """Return a decision as it is stored: `{_id: position, epoch, op, at, events}`.

    Raises:
        DecisionRefused: If it is over `MAX_DECISION_BYTES` or a value does not fit.
    """
    fields = {name: getattr(decision, name) for name in ("epoch", "op", "at", "events")}
    document = encode_document({"_id": decision.position, **fields})
    if len(document.raw) > MAX_DECISION_BYTES:
        raise DecisionRefused(
            f"decision {decision.position} has {len(document.raw)} bytes, at most {MAX_DECISION_BYTES} fit"
        )
    return document


def document_to_decision(document: RawBSONDocument | bytes) -> Decision:
    """Return the decision in a stored document.

    Raises:
        LogUnreadable: If it is damaged or of a newer version.
    """
    plain = decode_document(document)
    position = plain.pop("_id", None)
    try:
        return check_version(msgspec.convert({"position": position, **plain}, Decision))
    except msgspec.ValidationError as error:
        raise LogUnreadable(
            f"The decision at position {position} of the event log cannot be read: {error}. "
            "It was written by a newer HQ or by something else; run the version that wrote it."
        ) from error


def restore(document: Mapping[str, Any] | RawBSONDocument, kind: type[T], key: str) -> T:
    """Return a document of a read model as the Struct that it was made from.

    Args:
        document: As read with `RAW_CODEC`.
        kind: The Struct's type.
        key: The field that is stored as `_id`.

    Raises:
        LogUnreadable: If it does not fit.
    """
    plain = decode_document(document) if isinstance(document, RawBSONDocument) else dict(document)
    identity = plain.pop("_id", None)
    plain.setdefault(key, identity)
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise LogUnreadable(
            f"The stored {kind.__name__} {identity!r} cannot be read: {error}. "
            "`idlehands hq rebuild` makes the read models again from the event log."
        ) from error


def _mark_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            f"~{key}" if key.startswith(("$", "~")) else key: _mark_keys(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mark_keys(inner) for inner in value]
    return value


def _unmark_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.removeprefix("~"): _unmark_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unmark_keys(inner) for inner in value]
    return value
