"""Signatures of messages: who signs what leaves, and who checks what arrives.

A signature covers the bytes of the envelope's `data` as they travel, with the
envelope's type, and stands beside them as the attributes `signer` and
`signature`. Here is only what a bus needs to know: which keys count is decided
by whoever builds it, and so is the library that does the arithmetic, which an
idle agent does not load.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

#: Why a message on a signed topic is refused, to count by.
UNSIGNED = "unsigned"
BAD_SIGNATURE = "bad_signature"
UNKNOWN_SIGNER = "unknown_signer"
FORGERIES = frozenset({UNSIGNED, BAD_SIGNATURE, UNKNOWN_SIGNER})


class Signed(NamedTuple):
    """A message as it arrived, before anybody has looked into its `data`."""

    #: The names in its topic, such as `{"agent": "attic"}`.
    names: dict[str, str]
    #: The envelope's type, which is the topic's.
    type: str
    #: SHA-256 of the public key, in hexadecimal; "" when the message has none.
    signer: str
    #: Base64; "" when the message has none.
    signature: str
    #: The bytes of `data`, from its first character to its last.
    body: bytes


class SignatureRefused(Exception):
    """A message whose sender is not proven.

    Attributes:
        reason: `UNSIGNED`, `BAD_SIGNATURE` or `UNKNOWN_SIGNER`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Signer(Protocol):
    """Signs what this process publishes on signed topics. Called from any thread."""

    def sign(self, payload_type: str, body: bytes) -> tuple[str, str]:
        """Return the key's id and the signature of `body` as this type."""


#: Returns when the message is its sender's, and raises `SignatureRefused` otherwise.
#: Called on the bus's thread, for messages on signed topics only.
Checker = Callable[[Signed], None]


class KeyFile:
    """Signs with the Ed25519 key in a file, which is read at the first use and again when it changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int] | None = None
        self._key: Any = None
        self._id = ""

    def sign(self, payload_type: str, body: bytes) -> tuple[str, str]:
        """Return the key's id and the signature of `body` as this type.

        Raises:
            trust.keys.KeyUnusable: If the file holds no such key.
        """
        # Here and not above: an agent that has signed nothing yet does not load this library.
        from trust.dsse import sign
        from trust.keys import key_id, load_signing_key, public_hex

        found = stamp(self._file)
        if self._key is None or (found is not None and found != self._read):
            key = load_signing_key(self._file)
            self._key, self._id, self._read = key, key_id(public_hex(key)), found
        return self._id, sign(self._key, payload_type, body)


def check_signature(signed: Signed, keys: Mapping[str, str]) -> None:
    """Return when the message is signed by one of `keys`: public keys in hexadecimal by their id.

    Raises:
        SignatureRefused: If it is not; the detail is for whoever reads the log.
    """
    from trust.dsse import verify

    if not signed.signature or not signed.signer:
        raise SignatureRefused(UNSIGNED, f"a message of type {signed.type} without a signature")
    public = keys.get(signed.signer)
    if public is None:
        raise SignatureRefused(UNKNOWN_SIGNER, f"signed by the key {signed.signer[:16]}, which is not known")
    if not verify(public, signed.type, signed.body, signed.signature):
        raise SignatureRefused(BAD_SIGNATURE, f"the signature of the key {signed.signer[:16]} does not hold")


def stamp(file: Path) -> tuple[int, int] | None:
    """Return what changes when somebody replaces or rewrites the file; None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
