"""REST tokens: `tokens.json`, a list of `{"name", "role", "sha256", "created"}`.

    name      of the principal, as in certificates
    role      viewer | operator | admin | agent
    sha256    lower-case hex of the SHA-256 of the token's UTF-8 bytes
    created   Unix seconds

The token itself is shown once and stored nowhere but with its owner: 256 random
bits need no salt and no slow hash. A name may have several. The web process
reads this file and reads it again when it changed; it is replaced whole, so a
reader never sees half of it.
"""

import enum
import hashlib
import secrets
import time
from pathlib import Path

import msgspec

from idlehands.house.files import locked, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import check_name


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


def create(home: Home, role: TokenRole, name: str) -> str:
    """Return a new token of 256 bits, URL-safe; only its hash is kept. Takes effect at once.

    Raises:
        InvalidName: If the name cannot be one.
        HouseError: If the token file cannot be understood.
    """
    check_name(name)
    token = secrets.token_urlsafe(32)
    entry = StoredToken(name, role, hash_of(token), int(time.time()))
    with locked(home.path / "tokens.lock", wait=True):
        entries = [*read_tokens(home.tokens_file), entry]
        write_private(home.tokens_file, msgspec.json.format(msgspec.json.encode(entries)) + b"\n")
    return token


def ensure(home: Home, role: TokenRole, name: str, file: Path) -> None:
    """Write a token that is valid into `file` unless it holds one. Safe to repeat."""
    if file.exists() and hash_of(file.read_text().strip()) in {
        entry.sha256 for entry in read_tokens(home.tokens_file)
    }:
        return
    write_private(file, create(home, role, name) + "\n")


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
