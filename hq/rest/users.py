"""Who uses the house: by name, where each is logged in, and what tokens each has. From the house's folder.

Sessions and links are files, as `sessions` says; tokens are of `tokens`. Whoever uses the bus with a
certificate is not known here: `idlehands cert list` on the HQ host names them.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from hq.rest.sessions import Entry

_SESSIONS, _LINKS = "sessions", "logins"
_ORDER = ("admin", "operator", "viewer")


def list_users(folder: Path, tokens: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each person's name, roles, sessions, unused links, tokens, and until when one is logged in.

    Args:
        folder: Of the house.
        tokens: As REST lists them; those of machines are left out.

    Raises:
        OSError: If the folder cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}

    def add(name: str, role: str, what: str, until: float = 0) -> None:
        one = found.setdefault(
            name, {"name": name, "roles": [], "sessions": 0, "links": 0, "tokens": 0, "until": None}
        )
        one[what] += 1
        if role not in one["roles"]:
            one["roles"] = sorted([*one["roles"], role], key=_ORDER.index)
        if what == "sessions":
            one["until"] = max(until, one["until"] or 0)

    now = time.time()
    for what, place in (("sessions", _SESSIONS), ("links", _LINKS)):
        for _, entry in _entries(folder / place):
            if entry.expires > now and entry.role in _ORDER:
                add(entry.name, entry.role, what, entry.expires)
    for token in tokens:
        if token["is_valid"] and token["role"] in _ORDER:
            add(token["name"], token["role"], "tokens")
    return [found[name] for name in sorted(found)]


def end_sessions(folder: Path, name: str) -> int:
    """Log a user out of the page everywhere and void unused links; return how many of both there were.

    Takes effect with the next request; a live view that is open ends within a few seconds.

    Raises:
        OSError: If a file cannot be removed.
    """
    ended = 0
    for place in (_SESSIONS, _LINKS):
        for file, entry in _entries(folder / place):
            if entry.name == name:
                # It may have been used up or ended meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    file.unlink()
                    ended += 1
    return ended


def _entries(folder: Path) -> Iterator[tuple[Path, Entry]]:
    for file in sorted(folder.glob("*.json")):
        # What cannot be understood lets nobody in.
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            yield file, msgspec.json.decode(file.read_bytes(), type=Entry)
