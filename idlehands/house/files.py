"""Files of a house that are whole or absent, and private from their first byte.

Knows nothing of what is in them.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from trust.private_files import write_private

__all__ = ["LockTaken", "locked", "make_private_folder", "write_private"]


def make_private_folder(path: Path) -> Path:
    """Return the folder `path`, made with mode 0700 where it is missing. Safe to repeat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    return path


class LockTaken(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[int]:
    """Hold an exclusive lock on the file `path`; the kernel drops it when its last holder ends.

    Yields the descriptor that holds it: a process that inherits it holds the lock too.

    Args:
        path: The lock file; made where it is missing, never removed.
        wait: Wait for the lock instead of refusing.

    Raises:
        LockTaken: If another process holds it and `wait` is false.
    """
    # Imported late: Windows has no HQ host and no fcntl, but it has clients that read a house.
    import fcntl

    # Close-on-exec (Python's default) keeps other children from holding the lock beyond our end.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockTaken(str(path)) from None
        yield descriptor
    finally:
        os.close(descriptor)
