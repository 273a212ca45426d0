"""What the processes of a house print: `logs/NAME.log`, bounded.

The processes write by themselves, to files opened for appending, so nothing is
lost when the supervisor is slow or killed. A file that has grown is copied to
`NAME.log.1` and emptied; a line written meanwhile may get lost.
"""

import contextlib
import os
import shutil
from pathlib import Path

_LIMIT_BYTES = 8 << 20


def open_log(file: Path) -> int:
    """Return a descriptor for appending to `file`, which is made private where missing."""
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def bound_log(file: Path, limit_bytes: int = _LIMIT_BYTES) -> None:
    """Move what is in `file` to `file`.1 if it is over `limit_bytes`. Never raises."""
    # A full disk or a removed file must not stop the supervisor.
    with contextlib.suppress(OSError):
        if file.stat().st_size > limit_bytes:
            shutil.copyfile(file, file.with_name(file.name + ".1"))
            os.truncate(file, 0)


def last_lines(file: Path, count: int = 12) -> str:
    """Return the last lines of `file`, empty when there is none."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 16_384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
