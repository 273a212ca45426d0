"""Files that are whole or absent, and private from their first byte. Knows nothing of what is in them."""

import os
import secrets
from pathlib import Path


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
