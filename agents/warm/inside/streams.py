"""Makes, once and before anything is imported, the streams that every forked script has.

What a stream knows of its descriptor is what kind of file it is: a script's
input is a file, and pipes take its output. So they are made on such ones,
and each child has only to put its own descriptors in their place.
"""

import io
import os
import sys
from typing import Any


def make() -> None:
    """Put streams in the place of this interpreter's own that are as a script's are. Raises OSError."""
    reader, writer = os.pipe()
    source = os.memfd_create("source", os.MFD_CLOEXEC)
    held = [os.dup(number) for number in range(3)]
    try:
        for number, descriptor in enumerate((source, writer, writer)):
            os.dup2(descriptor, number)
        old = sys.__stdin__, sys.__stdout__, sys.__stderr__
        new = [_open(number, like) for number, like in enumerate(old)]
        sys.stdin, sys.stdout, sys.stderr = new
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = new  # type: ignore[misc]
    finally:
        for number, original in enumerate(held):
            os.dup2(original, number)
        for descriptor in (reader, writer, source, *held):
            os.close(descriptor)


def _open(number: int, like: Any) -> Any:
    is_raw = isinstance(like.buffer, io.RawIOBase)
    mode = "rb" if number == 0 else "wb"
    buffer: Any = open(number, mode, 0 if is_raw else -1, closefd=False)  # noqa: SIM115 - stays open
    (buffer if is_raw else buffer.raw).name = like.name
    stream: Any = io.TextIOWrapper(
        *(buffer, like.encoding, like.errors, "\n"),
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )
    stream.mode = like.mode
    return stream
