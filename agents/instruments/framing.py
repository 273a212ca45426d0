"""Cuts the files of TensorBoard and wandb into records, from a place on, as far as they are written by now.

Nothing is kept between two calls but the place of the next record: a file that
grows is read on from there. Checksums are verified where it is cheap.

Sources: TFRecord, https://www.tensorflow.org/tutorials/load_data/tfrecord; wandb's is LevelDB's log,
https://github.com/google/leveldb/blob/main/doc/log_format.md, behind seven bytes of its own, with zlib's CRC.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

#: A larger one is passed over.
RECORD_BYTES_AT_MOST = 8 * 1024 * 1024
#: Python takes 0.1 us for each byte of this checksum; scalars are far below.
_CHECKED_BYTES = 512

_BLOCK = 32 * 1024
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_WANDB_BEGINNING = b":W&B"
_WANDB_BEGINNING_BYTES = 7

#: A record, None for one that is broken or too large, and where the next one begins.
Cut = tuple[bytes | None, int]


class BrokenFile(ValueError):
    """From here on nothing of the file can be read; the message says why."""


def cut_events(file: BinaryIO, offset: int, size: int) -> Iterator[Cut]:
    """Yield the whole records of a TensorBoard file of `size` bytes, from `offset` on.

    Raises:
        BrokenFile: If a length is not what its checksum says.
    """
    file.seek(offset)
    while offset + 16 <= size:
        head = file.read(12)
        if len(head) < 12:
            return
        length, checksum = struct.unpack("<QI", head)
        if _mask_crc32c(head[:8]) != checksum:
            raise BrokenFile(f"the checksum at byte {offset} is wrong")
        after = offset + 16 + length
        if after > size:
            return
        record = None
        if length > RECORD_BYTES_AT_MOST:
            file.seek(after)
        else:
            content = file.read(length + 4)
            if len(content) < length + 4:
                return
            record = content[:-4]
            if length <= _CHECKED_BYTES and content[-4:] != _mask_crc32c(record).to_bytes(4, "little"):
                record = None
        offset = after
        yield record, offset


def cut_wandb(file: BinaryIO, offset: int, size: int) -> Iterator[Cut]:
    """Yield the whole records of a wandb file of `size` bytes, from `offset` on.

    Raises:
        BrokenFile: If it is none, or a checksum or the order of its pieces is wrong.
    """
    file.seek(0)
    if size < _WANDB_BEGINNING_BYTES:
        return
    if offset == 0:
        if file.read(_WANDB_BEGINNING_BYTES)[:4] != _WANDB_BEGINNING:
            raise BrokenFile("it does not begin as a file of wandb's does")
        offset = _WANDB_BEGINNING_BYTES
    file.seek(offset)
    pieces: list[bytes] | None = None
    held = 0
    while True:
        left = _BLOCK - offset % _BLOCK
        if left < 7:
            offset += left
            file.seek(offset)
            continue
        head = file.read(7)
        if offset + 7 > size or len(head) < 7:
            return
        checksum, length, kind = struct.unpack("<IHB", head)
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or length > left - 7:
            if not any(head):
                # Room that was laid out ahead.
                return
            raise BrokenFile(f"there is no record at byte {offset}")
        if offset + 7 + length > size:
            return
        piece = file.read(length)
        if len(piece) < length:
            return
        if zlib.crc32(piece, zlib.crc32(head[6:])) != checksum:
            raise BrokenFile(f"the checksum at byte {offset} is wrong")
        if (pieces is None) != (kind in (_FULL, _FIRST)):
            raise BrokenFile(f"the pieces at byte {offset} are out of order")
        offset += 7 + length
        held += length
        pieces = [*(pieces or ())] if held > RECORD_BYTES_AT_MOST else [*(pieces or ()), piece]
        if kind in (_FULL, _LAST):
            yield (None if held > RECORD_BYTES_AT_MOST else b"".join(pieces)), offset
            pieces, held = None, 0


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _make_table()


def _mask_crc32c(content: bytes) -> int:
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
