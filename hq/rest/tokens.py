"""Bearer tokens and their roles, from the file that the house keeps.

The file is a JSON list of {name, role, sha256, created}. It is read again when
it changed, so that a new token works and a removed one stops at once. A file
that cannot be used lets nobody in.
"""

import hashlib
import hmac
import logging
import re
import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from schemas.names import NAME_PATTERN

Role = Literal["viewer", "operator", "admin", "agent"]
#: A token of so short a life is one of the command line of the HQ host, for one question.
MOMENT_SECONDS = 60
_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]{16,256}) *")
log = logging.getLogger(__name__)


class Token(msgspec.Struct, frozen=True):
    """One entry of the file. `expires` is Unix seconds; 0 means never."""

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    role: Role
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    created: float = 0
    expires: float = 0

    @property
    def is_momentary(self) -> bool:
        """Whether the house's own command line made it for one question."""
        return 0 < self.expires <= self.created + MOMENT_SECONDS


class Principal(msgspec.Struct, frozen=True):
    """Who is asking, as proven by a token."""

    name: str
    role: Role


class TokensUnreadable(Exception):
    """The token file cannot be used; nobody gets in until it can."""


class TokenFile:
    """The tokens of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: list[Token] = []

    @property
    def folder(self) -> Path:
        """The folder that the file is in."""
        return self._path.parent

    def find(self, authorization: str | None) -> Principal | None:
        """Return who the `Authorization` header proves, or None. Raises as `find_token`."""
        found = self.find_token(authorization)
        return None if found is None else Principal(found.name, found.role)

    def find_token(self, authorization: str | None) -> Token | None:
        """Return the token that the `Authorization` header shows, or None.

        Takes as long for a wrong token as for a right one.

        Raises:
            TokensUnreadable: If the file is missing or cannot be used.
        """
        tokens = self._read()
        given = _BEARER.fullmatch(authorization or "")
        digest = hashlib.sha256((given[1] if given else "").encode()).hexdigest()
        found = None
        for token in tokens:
            # No early end: the time must not tell which entry was compared last.
            if hmac.compare_digest(token.sha256, digest):
                found = token
        if given is None or found is None or 0 < found.expires <= time.time():
            return None
        return found

    def _read(self) -> list[Token]:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp != self._stamp:
                self._tokens = msgspec.json.decode(self._path.read_bytes(), type=list[Token])
                self._stamp = stamp
        except (OSError, msgspec.DecodeError) as error:
            self._stamp, self._tokens = None, []
            log.error("no token is accepted: %s cannot be used: %s", self._path, error)
            raise TokensUnreadable(str(error)) from None
        return self._tokens
