"""Gathers memory that forked scripts share into large pages, which the kernel copies and frees as one.

A fork copies a table with an entry for each page, and the end of the child
takes it apart: with torch that is half of what a short script costs. It
needs Linux 6.1; an older kernel refuses, and nothing is lost.
"""

import contextlib
import os

from . import kernel

_SIZE = 2 * 1024 * 1024
_PAGE = 4096
#: So many of the pages of a large one must be there: the others become memory that nobody asked for.
_PRESENT = _SIZE // _PAGE // 2
_IS_PRESENT = 1 << 63


def gather() -> None:
    """Gather what is mostly there. What the kernel refuses stays as it is."""
    if os.sysconf("SC_PAGE_SIZE") != _PAGE:
        return
    with contextlib.suppress(OSError), open("/proc/self/pagemap", "rb", buffering=0) as pages:
        for address in _find():
            pages.seek(address // _PAGE * 8)
            entries = memoryview(pages.read(_SIZE // _PAGE * 8)).cast("Q")
            if sum(entry & _IS_PRESENT != 0 for entry in entries) >= _PRESENT:
                kernel.collapse(address, _SIZE)


def _find() -> "list[int]":
    """Return where large pages could lie in private memory that is no file's."""
    found: list[int] = []
    with open("/proc/self/maps") as file:
        for line in file:
            words = line.split(None, 5)
            if words[1] == "rw-p" and (len(words) < 6 or words[5] == "[heap]\n"):
                begin, _, end = words[0].partition("-")
                first = -(-int(begin, 16) // _SIZE) * _SIZE
                found += range(first, int(end, 16) - _SIZE + 1, _SIZE)
    return found
