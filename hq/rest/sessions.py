"""Who is logged in to the page: one-time logins and the sessions that they become.

Both are folders with one small private file per entry, named by the SHA-256 of
its secret: the file system makes using one up a single step, entries survive a
restart of the server, and removing a file ends what it stood for at once.
"""

import contextlib
import hashlib
import logging
import os
import re
import secrets
import time
from pathlib import Path
from typing import Annotated

import msgspec

from hq.rest.tokens import Principal, Role
from schemas.names import NAME_PATTERN

#: A session ends after this long, however much it is used.
SESSION_SECONDS = 30 * 24 * 3600.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """What a file holds. `expires` is Unix seconds."""

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    role: Role
    expires: float


class Sessions:
    """The logins and sessions of one house."""

    def __init__(self, logins: Path, sessions: Path) -> None:
        self._logins = logins
        self._sessions = sessions

    def begin(self, code: str) -> tuple[str, Principal] | None:
        """Use up a one-time login; return the secret of the new session and whose it is, or None.

        Raises:
            OSError: If the session cannot be stored; the login is used up all the same.
        """
        file = _file(self._logins, code)
        entry = None if file is None else _read(file)
        if file is None or entry is None:
            return None
        try:
            # Whoever removes it has it: of two at once, one is too late.
            file.unlink()
        except FileNotFoundError:
            return None
        if entry.expires <= time.time():
            return None
        secret = write_entry(self._sessions, Entry(entry.name, entry.role, time.time() + SESSION_SECONDS))
        return secret, Principal(entry.name, entry.role)

    def find(self, secret: str) -> Principal | None:
        """Return whose session this is, or None."""
        file = _file(self._sessions, secret)
        entry = None if file is None else _read(file)
        if entry is None or entry.expires <= time.time():
            return None
        return Principal(entry.name, entry.role)

    def end(self, secret: str) -> None:
        """Log out. Safe to repeat."""
        file = _file(self._sessions, secret)
        if file is not None:
            with contextlib.suppress(FileNotFoundError):
                file.unlink()


def write_entry(folder: Path, entry: Entry) -> str:
    """Store an entry under a new secret of 256 bits and return that.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(32)
    file = folder / name_of(secret)
    # Its name is known to nobody before it is whole.
    with open(file, "xb", opener=_open_private) as opened:
        opened.write(msgspec.json.encode(entry))
    _remove_old(folder)
    return secret


def name_of(secret: str) -> str:
    """Return the name of the file that stands for this secret."""
    return f"{hashlib.sha256(secret.encode()).hexdigest()}.json"


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _file(folder: Path, secret: str) -> Path | None:
    return folder / name_of(secret) if _SECRET.fullmatch(secret) else None


def _read(file: Path) -> Entry | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Entry)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be used, so it lets nobody in: %s", file, error)
        return None


def _remove_old(folder: Path) -> None:
    for file in folder.glob("*.json"):
        entry = _read(file)
        if entry is not None and entry.expires <= time.time():
            file.unlink(missing_ok=True)
