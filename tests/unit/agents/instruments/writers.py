"""Writes files as TensorBoard, wandb and MLflow do, by other code than what reads them."""

import json
import struct
import zlib
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def crc32c(content: bytes) -> int:
    """Return the checksum bit by bit, as RFC 3720 defines it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def masked(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(record: bytes) -> bytes:
    """Return a TFRecord."""
    length = struct.pack("<Q", len(record))
    return length + masked(length) + record + masked(record)


def varint(value: int) -> bytes:
    out = bytearray()
    value &= 2**64 - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | float) -> bytes:
    """Return a field of a message: a varint, bytes or a double."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def scalar_event(tag: str, value: float, step: int, at: float = 0.0) -> bytes:
    """Return an Event with a plain scalar."""
    one = field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)
    return field(1, at) + field(2, step) + field(5, field(1, one))


def tensor_event(tag: str, value: float, step: int, *, as_content: bool) -> bytes:
    """Return an Event with a scalar as TensorFlow 2 writes it."""
    number = struct.pack("<f", value)
    tensor = field(1, 1) + (field(4, number) if as_content else field(5, number))
    one = field(1, tag.encode()) + field(8, tensor) + field(9, field(1, field(1, b"scalars")))
    return field(2, step) + field(5, field(1, one))


def image_event(tag: str, content: bytes, step: int = 0) -> bytes:
    """Return an Event with a picture."""
    one = field(1, tag.encode()) + field(4, field(1, 8) + field(2, 8) + field(4, content))
    return field(2, step) + field(5, field(1, one))


def write_events(path: Path, *records: bytes) -> None:
    """Add records to an event file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.write(b"".join(map(frame, records)))


def history(step: int, **values: object) -> bytes:
    """Return a wandb Record of one `log`."""
    items = b"".join(
        field(1, field(2, name.encode()) + field(16, json.dumps(value).encode()))
        for name, value in values.items()
    )
    return field(1, step) + field(2, items + field(2, field(1, step)))


def summary(**values: object) -> bytes:
    """Return a wandb Record of the summary."""
    return field(
        3,
        b"".join(
            field(1, field(1, name.encode()) + field(16, json.dumps(value).encode()))
            for name, value in values.items()
        ),
    )


def wandb_file(*records: bytes) -> bytes:
    """Return the file of a run, with records cut into pieces at the borders of blocks."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in records:
        is_first = True
        while True:
            left = 32768 - len(out) % 32768
            if left < 7:
                out += bytes(left)
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = (1 if not record else 2) if is_first else (4 if not record else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            is_first = False
            if not record:
                break
    return bytes(out)
