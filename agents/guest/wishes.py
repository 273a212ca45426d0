"""What the owner and the house asked for: files in the agent's home, so that they outlive its process.

guest-wish.json         by a command on this machine
guest-house-wish.json   through HQ
"""

import contextlib
import os
from pathlib import Path

import msgspec

from agents.guest.readings import Wish

OWN, HOUSE = "guest-wish.json", "guest-house-wish.json"


def read_wish(home: Path, name: str) -> Wish | None:
    """Return what was asked for; None when nothing was, or when it cannot be read."""
    try:
        return msgspec.json.decode((home / name).read_bytes(), type=Wish)
    except (OSError, msgspec.DecodeError):
        return None


def write_wish(home: Path, name: str, wish: Wish | None) -> None:
    """Keep what was asked for; None takes it back. Safe to repeat.

    Raises:
        OSError: If it cannot be written.
    """
    if wish is None:
        with contextlib.suppress(FileNotFoundError):
            (home / name).unlink()
        return
    write_file(home / name, msgspec.json.encode(wish))


def write_file(file: Path, content: bytes) -> None:
    """Replace a file as a whole, so that nobody reads half of it.

    Raises:
        OSError: If it cannot be written.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}.new")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    partial.replace(file)
