"""REST tokens: `tokens.json`, a list of `{"name", "role", "sha256", "created", "expires"}`.

    name      of the principal, as in certificates
    role      viewer | operator | admin | agent
    sha256    lower-case hex of the SHA-256 of the token's UTF-8 bytes
    created   Unix seconds
    expires   Unix seconds; 0: never

The token itself is shown once and stored nowhere but with its owner: 256 random
bits need no salt and no slow hash. A name may have several. The web process
reads this file and reads it again when it changed; it is replaced whole, so a
reader never sees half of it. When a token was last used is not noted.
"""

import contextlib
import enum
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from idlehands.house.audit import note
from idlehands.house.files import locked, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import check_name

FILE_NAME = "tokens.json"
#: The server takes a token of so short a life as one of the HQ host's own command line.
MOMENT_SECONDS = 60
#: Digits of the hash by which a token is called in lists; it opens nothing.
_ID_DIGITS = 12
#: Tokens that expired longer ago are forgotten when one is made.
_FORGOTTEN_SECONDS = 30 * 86_400


class TokenRole(enum.StrEnum):
    """What REST lets a token do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    #: Reads and writes blobs, nothing else.
    AGENT = "agent"


class StoredToken(msgspec.Struct, frozen=True):
    """One entry of the file."""

    name: str
    role: TokenRole
    sha256: str
    created: int
    expires: int = 0

    @property
    def id(self) -> str:
        """By which a person calls it: the beginning of its hash."""
        return self.sha256[:_ID_DIGITS]

    def is_valid(self, now: float) -> bool:
        """Tell whether it still opens anything."""
        return not 0 < self.expires <= now


def create(home: Home, role: TokenRole, name: str, *, days: float | None = None) -> str:
    """Return a new token of 256 bits, URL-safe; only its hash is kept. Takes effect at once.

    Args:
        home: The house.
        role: What it opens.
        name: Whose it is; a name may have several.
        days: After which it opens nothing any more; never, if left out.

    Raises:
        InvalidName: If the name cannot be one.
        HouseError: If the token file cannot be understood.
    """
    token, entry = add_token(home.path, role, name, days=days)
    until = "for ever" if days is None else f"for {days:g} days"
    note(home, "token.created", subject=name, detail=f"token {entry.id} ({role.value}), {until}")
    return token


def add_token(
    folder: Path, role: TokenRole, name: str, *, days: float | None = None
) -> tuple[str, StoredToken]:
    """Return a new token, and what of it is kept in a house's folder. As `create`, but notes nothing.

    Raises:
        InvalidName: If the name cannot be one.
        HouseError: If the token file cannot be understood.
    """
    check_name(name)
    token, now = secrets.token_urlsafe(32), time.time()
    expires = 0 if days is None else int(now + days * 86_400)
    entry = StoredToken(name, role, hash_of(token), int(now), expires)
    _change(
        folder, lambda entries: [*filter(lambda one: one.is_valid(now - _FORGOTTEN_SECONDS), entries), entry]
    )
    return token, entry


@contextlib.contextmanager
def momentary(home: Home, role: TokenRole, name: str) -> Iterator[str]:
    """Yield a token for one question of the command line of the HQ host, which ends with the context."""
    token, now = secrets.token_urlsafe(32), int(time.time())
    entry = StoredToken(name, role, hash_of(token), now, now + MOMENT_SECONDS)
    _change(home.path, lambda entries: [*entries, entry])
    try:
        yield token
    finally:
        _change(home.path, lambda entries: [one for one in entries if one.sha256 != entry.sha256])


def ensure(home: Home, role: TokenRole, name: str, file: Path) -> None:
    """Write a token that is valid into `file` unless it holds one. Safe to repeat."""
    now = time.time()
    if file.exists() and hash_of(file.read_text().strip()) in {
        entry.sha256 for entry in read_tokens(home.tokens_file) if entry.is_valid(now)
    }:
        return
    write_private(file, create(home, role, name) + "\n")


def revoke(home: Home, name_or_id: str) -> list[StoredToken]:
    """Take out all tokens of a name, or the one with an id, and return them. Takes effect at once.

    Raises:
        HouseError: If there is none.
    """
    gone = remove(home, lambda one: name_or_id in (one.name, one.id))
    if not gone:
        raise HouseError(
            f"There is no token of {name_or_id[:80]!r}. `idlehands token list` shows names and ids."
        )
    return gone


def remove(home: Home, chosen: Callable[[StoredToken], bool]) -> list[StoredToken]:
    """Take out the tokens that are `chosen` and return them; none is all right."""
    gone = remove_tokens(home.path, chosen)
    for one in gone:
        note(home, "token.revoked", subject=one.name, detail=f"token {one.id} ({one.role.value})")
    return gone


def remove_tokens(folder: Path, chosen: Callable[[StoredToken], bool]) -> list[StoredToken]:
    """Take out of a house's folder the tokens that are `chosen`, and return them. Notes nothing."""
    gone: list[StoredToken] = []

    def without(entries: list[StoredToken]) -> list[StoredToken]:
        gone.extend(filter(chosen, entries))
        return [entry for entry in entries if not chosen(entry)]

    if (folder / FILE_NAME).exists():
        _change(folder, without)
    return gone


def read_tokens(file: Path) -> list[StoredToken]:
    """Return the stored tokens; empty when there is no file.

    Raises:
        HouseError: If the file cannot be understood.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[StoredToken])
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise HouseError(
            f"{file} cannot be understood: {error}. Remove it; tokens must then be made anew."
        ) from error


def hash_of(token: str) -> str:
    """Return the SHA-256 under which `token` is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _change(folder: Path, change: Callable[[list[StoredToken]], list[StoredToken]]) -> None:
    with locked(folder / "tokens.lock", wait=True):
        entries = change(read_tokens(folder / FILE_NAME))
        write_private(folder / FILE_NAME, msgspec.json.format(msgspec.json.encode(entries)) + b"\n")
