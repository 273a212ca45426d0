"""The join token: what a person carries from the HQ host to the new machine.

    16 bytes   the beginning of the SHA-256 of the CA certificate: proves who HQ is
    10 bytes   a secret for one use: proves that a person of the house sent the machine
     4 bytes   a checksum: a typo is told apart from an attack

as 48 characters of base32 in eight groups. Knows nothing of networks.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

_CA_BYTES, _SECRET_BYTES, _CHECK_BYTES = 16, 10, 4
_GROUP = 6


class TokenMistyped(ValueError):
    """This is no join token; the text says what to do."""


@dataclass(frozen=True)
class JoinToken:
    """Which house, and the secret that opens it once. Made by `make` and `parse`."""

    ca_hash: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def make(cls, ca_der: bytes) -> "JoinToken":
        """Return a new token for the house with this CA certificate."""
        return cls(hash_of_ca(ca_der), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "JoinToken":
        """Return the token that somebody typed: case, blanks and hyphens do not matter.

        Raises:
            TokenMistyped: If it is none.
        """
        letters = "".join(text.replace("-", " ").split()).upper()
        try:
            raw = base64.b32decode(letters)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _CA_BYTES + _SECRET_BYTES + _CHECK_BYTES:
            raise TokenMistyped(
                "This is no join token: it has eight groups of six letters and digits (a-z, 2-7). "
                "Copy it once more from `idlehands pair`."
            )
        body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if not hmac.compare_digest(check, _checksum(body)):
            raise TokenMistyped(
                "A letter of this join token is wrong or missing: its checksum does not fit. "
                "Copy it once more from `idlehands pair`."
            )
        return cls(body[:_CA_BYTES], body[_CA_BYTES:])

    def is_of(self, ca_der: bytes) -> bool:
        """Tell whether the token was made by the house with this CA certificate."""
        return hmac.compare_digest(self.ca_hash, hash_of_ca(ca_der))

    def __str__(self) -> str:
        body = self.ca_hash + self.secret
        letters = base64.b32encode(body + _checksum(body)).decode().lower()
        return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def hash_of_ca(ca_der: bytes) -> bytes:
    """Return the part of a CA certificate's SHA-256 that tokens hold."""
    return hashlib.sha256(ca_der).digest()[:_CA_BYTES]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"idlehands join token" + body).digest()[:_CHECK_BYTES]
