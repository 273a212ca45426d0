"""Bytes to messages and back: CloudEvents 1.0, structured JSON, strict.

Nothing that is not exactly right gets past `decode`: every refusal is a
`MalformedMessage` whose `reason` is a short word to count by. On signed topics
the signature is checked first, and then those same bytes are read.
"""

import json
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.signing import Checker, Signed, Signer
from bus.topics import Topic

#: The broker drops a client that publishes more, and paho would send it again for ever.
MAX_MESSAGE_BYTES = 256 * 1024
MAX_DEPTH = 32
CONTENT_TYPE = "application/cloudevents+json"
SPEC_VERSION = "1.0"
_INT64 = 2**63


class MalformedMessage(ValueError):
    """A message that cannot be used.

    Attributes:
        reason: A short stable word to count by, such as `not_json`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class MessageTooBig(ValueError):
    """A message over `MAX_MESSAGE_BYTES`; never published. Send it as a blob or in parts."""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """CloudEvents 1.0 attributes. Identity comes from the topic, never from `source`."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw
    subject: str | None = None
    time: str | None = None
    traceparent: str | None = None
    datacontenttype: str | None = None
    #: Extension attributes of the house: see `bus.signing`.
    signer: str = ""
    signature: str = ""


class _Outgoing(msgspec.Struct, frozen=True, omit_defaults=True):
    specversion: str
    id: str
    source: str
    type: str
    data: Any
    time: str | None = None
    subject: str | None = None
    signer: str = ""
    signature: str = ""


class Received(msgspec.Struct, frozen=True):
    """A decoded message with what its envelope said."""

    id: str
    data: Any


_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.json.Decoder(Envelope)


@cache
def _data_decoder(payload: object) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(payload)


def encode(
    topic: Topic,
    data: object,
    *,
    message_id: str,
    source: str,
    time: str | None = None,
    signer: Signer | None = None,
) -> bytes:
    """Return the envelope around `data` as JSON bytes, signed where the topic asks for it.

    Raises:
        MessageTooBig: If the result is over `MAX_MESSAGE_BYTES`.
    """
    outgoing = _Outgoing(SPEC_VERSION, message_id, source, topic.type, data, time)
    if topic.signed and signer is not None:
        body = _encoder.encode(data)
        if len(body) <= MAX_MESSAGE_BYTES:
            key, signature = signer.sign(topic.type, body)
            # As it stands: what was signed is what travels.
            outgoing = replace(outgoing, data=msgspec.Raw(body), signer=key, signature=signature)
    payload = _encoder.encode(outgoing)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MessageTooBig(f"{topic.type} of {len(payload)} bytes is over {MAX_MESSAGE_BYTES}")
    return payload


def decode(
    topic: Topic, payload: bytes, *, names: dict[str, str] | None = None, check: Checker | None = None
) -> Received:
    """Return the message in `payload`, checked against the topic's schema.

    Args:
        topic: Where it arrived.
        payload: The envelope.
        names: The names in the topic, for `check`.
        check: Who proves the senders of messages on signed topics; None takes them as they come.

    Raises:
        MalformedMessage: With reason too_big, not_utf8, not_json, not_an_envelope,
            unknown_version, wrong_type, too_deep, bad_number, bad_key or bad_data.
        SignatureRefused: From `check`; nothing of `data` was looked at.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MalformedMessage("too_big", f"{len(payload)} bytes, at most {MAX_MESSAGE_BYTES}")
    envelope = _decode_envelope(payload)
    if envelope.specversion != SPEC_VERSION:
        raise MalformedMessage(
            "unknown_version", f"specversion {envelope.specversion[:20]!r}, expected '1.0'"
        )
    if envelope.type != topic.type:
        raise MalformedMessage("wrong_type", f"type {envelope.type[:80]!r} on a topic of {topic.type!r}")
    if not 1 <= len(envelope.id) <= 128:
        raise MalformedMessage("not_an_envelope", "id must have 1 to 128 characters")
    if topic.signed and check is not None:
        check(Signed(names or {}, envelope.type, envelope.signer, envelope.signature, bytes(envelope.data)))
    try:
        data = _data_decoder(topic.payload).decode(envelope.data)
    except msgspec.ValidationError as error:
        raise MalformedMessage("bad_data", str(error)[:500]) from None
    except UnicodeDecodeError as error:
        # The envelope only skims `data`: what is wrong inside its strings shows here.
        raise MalformedMessage("not_utf8", str(error)[:200]) from None
    except msgspec.DecodeError as error:
        raise MalformedMessage("not_json", _why_not_json(payload, str(error))) from None
    except RecursionError:
        raise MalformedMessage("too_deep", f"nested deeper than {MAX_DEPTH}") from None
    if _needs_walk(payload):
        check_free_form(msgspec.to_builtins(data))
    return Received(envelope.id, data)


def _decode_envelope(payload: bytes) -> Envelope:
    try:
        return _envelope_decoder.decode(payload)
    except UnicodeDecodeError as error:
        raise MalformedMessage("not_utf8", str(error)[:200]) from None
    except RecursionError:
        raise MalformedMessage("too_deep", f"nested deeper than {MAX_DEPTH}") from None
    except msgspec.ValidationError as error:
        raise MalformedMessage("not_an_envelope", str(error)[:500]) from None
    except msgspec.DecodeError as error:
        raise MalformedMessage("not_json", _why_not_json(payload, str(error))) from None


def _why_not_json(payload: bytes, why: str) -> str:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage("not_utf8", str(error)[:200]) from None
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return why[:200]
    return f"NaN, Infinity and lone surrogates are not JSON ({why[:150]})"


_NUL = b"\\u0000"
#: A run of 19 digits with all digits made alike: a tenth of the time of a pattern, on every message.
_LONG_NUMBER = b"0" * 19
_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def _needs_walk(payload: bytes) -> bool:
    """Tell whether free-form parts could hold what the schema cannot refuse.

    Walking each message costs more than decoding it, and the rare things it
    looks for leave traces in the bytes: a NUL escape, a run of 19 digits, or
    brackets that do not cancel out in `MAX_DEPTH` rounds.
    """
    if _NUL in payload or _LONG_NUMBER in payload.translate(_ALIKE):
        return True
    brackets = payload.translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return bool(brackets)


def check_free_form(value: Any, depth: int = 0) -> None:
    """Check that a JSON value can be stored in BSON without loss.

    Raises:
        MalformedMessage: too_deep, bad_number (integer over 64 bits) or bad_key (NUL in a key).
    """
    if depth > MAX_DEPTH:
        raise MalformedMessage("too_deep", f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise MalformedMessage("bad_number", "an integer does not fit 64 bits; send it as text")
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and "\0" in key:
                raise MalformedMessage("bad_key", "a key contains a NUL character")
            check_free_form(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_free_form(inner, depth + 1)
