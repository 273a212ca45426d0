"""One-time login links for the page: `logins/SHA256.json`, one private file per link.

The web process removes the file when its link is used, so each works once. The
code itself is in the link, behind `#`, and stored nowhere.
"""

import contextlib
import secrets
import time

import msgspec

from idlehands.house.audit import note
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import check_name
from idlehands.house.tokens import TokenRole, hash_of

#: Long enough to walk to another computer with it.
LINK_SECONDS = 3600.0
OWNER = "owner"


class StoredLogin(msgspec.Struct, frozen=True):
    """One file. `expires` is Unix seconds."""

    name: str
    role: TokenRole
    expires: float


def login_link(home: Home, name: str = OWNER, role: TokenRole = TokenRole.ADMIN) -> str:
    """Return a link that logs in whoever opens it first, within the hour.

    Args:
        home: The house.
        name: Under which name what is submitted on the page is known.
        role: viewer, operator or admin.

    Raises:
        InvalidName: If the name cannot be one.
        HouseError: If the role is none for people, or the login cannot be stored.
    """
    check_name(name)
    if role is TokenRole.AGENT:
        raise HouseError("The page is for people: choose the role viewer, operator or admin.")
    code = secrets.token_urlsafe(32)
    entry = StoredLogin(name, role, time.time() + LINK_SECONDS)
    try:
        folder = make_private_folder(home.path / "logins")
        write_private(folder / f"{hash_of(code)}.json", msgspec.json.encode(entry))
    except OSError as error:
        raise HouseError(f"The login cannot be stored in {home.path}: {error.strerror}.") from error
    note(home, "login.created", subject=name, detail=f"a link, as {role.value}")
    return f"{home.page_url}login#{code}"


def end_sessions(home: Home, name: str) -> int:
    """Log `name` out of the page everywhere, and void its unused links; return how many there were.

    Takes effect with the next request of the page. A live view that is open ends within a few seconds.
    """
    ended = 0
    for file in (*(home.path / "sessions").glob("*.json"), *(home.path / "logins").glob("*.json")):
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            if msgspec.json.decode(file.read_bytes(), type=StoredLogin).name == name:
                file.unlink()
                ended += 1
    if ended:
        note(home, "login.revoked", subject=name, detail=f"{ended} sessions and links")
    return ended


def nobody_logged_in_yet(home: Home) -> bool:
    """Tell whether the page has no session: then a start prints a link."""
    return not any((home.path / "sessions").glob("*.json"))
