"""The wire format of protocol buffers, as far as it is needed to pick a few fields out. Pure.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

#: Wire types.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}


class Malformed(ValueError):
    """These bytes are no such message."""


def read_fields(message: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield number, wire type and value of each field: varints as whole numbers, all others as bytes.

    Raises:
        Malformed: If the message ends early, or has a type that there is not.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _read_varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(message, at)
            yield number, wire, value
            continue
        size = _SIZES.get(wire)
        if size is None:
            if wire != BYTES:
                raise Malformed(f"wire type {wire}")
            size, at = _read_varint(message, at)
        if at + size > end:
            raise Malformed("it ends early")
        yield number, wire, message[at : at + size]
        at += size


def to_signed(value: int) -> int:
    """Return an int64 from its varint."""
    return value - 2**64 if value >= 2**63 else value


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise Malformed("a number without end")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
