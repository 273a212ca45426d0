"""What one record of a TensorBoard event file says: scalars and pictures. Pure.

Both spellings are known: the plain one of torch and tensorboardX, and the
tensors of TensorFlow 2 and Keras. Everything else (histograms, graphs, text,
sound) is passed over.

Source: event.proto, summary.proto and tensor.proto in
https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto
"""

import struct

from agents.instruments.protobuf import BYTES, FIXED32, FIXED64, VARINT, read_fields, to_signed
from agents.instruments.scalars import Picture, Scalar, tell_picture

_FLOAT, _DOUBLE = 1, 2


def read_event(record: bytes) -> list[Scalar | Picture]:
    """Return what an Event holds of scalars and pictures.

    Raises:
        Malformed: If it is no Event.
    """
    at: float | None = None
    step = 0
    summaries: list[bytes] = []
    for number, wire, value in read_fields(record):
        if number == 1 and wire == FIXED64 and isinstance(value, bytes):
            at = struct.unpack("<d", value)[0]
        elif number == 2 and wire == VARINT and isinstance(value, int):
            step = to_signed(value)
        elif number == 5 and wire == BYTES and isinstance(value, bytes):
            summaries.append(value)
    found: list[Scalar | Picture] = []
    for summary in summaries:
        for number, wire, value in read_fields(summary):
            if number == 1 and wire == BYTES and isinstance(value, bytes):
                one = _read_value(value, step, at)
                if one is not None:
                    found.append(one)
    return found


def _read_value(message: bytes, step: int, at: float | None) -> Scalar | Picture | None:
    tag, scalar, tensor, plugin = "", None, b"", ""
    picture: bytes | None = None
    for number, wire, value in read_fields(message):
        if not isinstance(value, bytes):
            continue
        if number == 1 and wire == BYTES:
            tag = value.decode("utf-8", "replace")
        elif number == 2 and wire == FIXED32:
            scalar = _to_decimal(value)
        elif number == 4 and wire == BYTES:
            picture = _first(value, 4)
        elif number == 8 and wire == BYTES:
            tensor = value
        elif number == 9 and wire == BYTES:
            plugin = _first(_first(value, 1), 1).decode("utf-8", "replace")
    if tensor and plugin == "scalars":
        scalar = _read_number(tensor)
    elif tensor and plugin == "images":
        # Width, height, and then one picture after the other.
        texts = [
            value for number, _, value in read_fields(tensor) if number == 8 and isinstance(value, bytes)
        ]
        picture = texts[2] if len(texts) > 2 else None
    if picture is not None:
        return Picture(tag, picture) if tell_picture(picture) else None
    return None if scalar is None else Scalar(tag, scalar, step, at)


def _read_number(tensor: bytes) -> float | None:
    kind = 0
    for number, wire, value in read_fields(tensor):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 4 and wire == BYTES and isinstance(value, bytes):
            if kind == _FLOAT and len(value) == 4:
                return _to_decimal(value)
            if kind == _DOUBLE and len(value) == 8:
                return float(struct.unpack("<d", value)[0])
        elif number == 5 and isinstance(value, bytes) and len(value) == 4:
            return _to_decimal(value)
        elif number == 6 and isinstance(value, bytes) and len(value) == 8:
            return float(struct.unpack("<d", value)[0])
    return None


def _to_decimal(value: bytes) -> float:
    """Return a 32 bit number as people wrote it: 0.1, not 0.10000000149011612."""
    return float(f"{struct.unpack('<f', value)[0]:.7g}")


def _first(message: bytes, wanted: int) -> bytes:
    for number, wire, value in read_fields(message):
        if number == wanted and wire == BYTES and isinstance(value, bytes):
            return value
    return b""
