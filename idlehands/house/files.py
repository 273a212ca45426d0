"""Files of a house that are whole or absent, and private from their first byte.

Knows nothing of what is in them.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def make_private_folder(path: Path) -> Path:
    """Return the folder `path`, made with mode 0700 where it is missing. Safe to repeat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    return path


def write_private(path: Path, content: bytes | str) -> None:
    """Write `path` whole or not at all, with mode 0600; a reader sees the old or the new content.

    Raises:
        OSError: If it cannot be written; the old content stays.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


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
