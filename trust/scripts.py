"""An author's word for a script: a JSON text that names bundle, entry and author, and its signature.

The text travels as it was signed. Whoever verifies it reads that same text
afterwards, and compares what it says with the script that is to run.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trust.arguments import Argument
from trust.dsse import sign, verify
from trust.keys import key_id, public_hex

#: Inside the signed bytes: no other signature of the same key passes for one of a script.
PAYLOAD_TYPE = "application/vnd.idlehands.script+json"
_LONGEST = 2048


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an author signs. A newer version may say more: unknown fields are ignored."""

    #: What people call the script.
    name: str
    #: SHA-256 of the bundle, in hexadecimal.
    bundle: str
    #: The file in it that runs.
    entry: str
    #: What the author calls themselves. Who they are is told by the key alone.
    author: str
    #: The author's own word for how new it is.
    version: str = ""
    #: All that it may be given; None: whatever whoever submits it likes.
    arguments: tuple[Argument, ...] | None = None


class StatementBroken(Exception):
    """A statement whose signature does not hold, or that says nothing that can be understood."""


class SignedScript(msgspec.Struct, frozen=True):
    """The fields of a script reference's `signature`."""

    key: str
    statement: str
    signature: str


def sign_script(key: Ed25519PrivateKey, statement: Statement) -> SignedScript:
    """Return the author's word for a script.

    Raises:
        ValueError: If the names in it are too long to travel.
    """
    text = msgspec.json.encode(statement)
    if len(text) > _LONGEST:
        raise ValueError(f"the statement has {len(text)} bytes, at most {_LONGEST}: use a shorter entry path")
    return SignedScript(key_id(public_hex(key)), text.decode(), sign(key, PAYLOAD_TYPE, text))


def read_statement(public: str, statement: str, signature: str) -> Statement:
    """Return what the owner of `public` (hexadecimal) signed.

    Raises:
        StatementBroken: If they did not, or it is no statement.
    """
    text = statement.encode(errors="replace")
    if not verify(public, PAYLOAD_TYPE, text, signature):
        raise StatementBroken("the author's signature does not hold")
    try:
        return msgspec.json.decode(text, type=Statement)
    except msgspec.DecodeError as error:
        raise StatementBroken(f"what the author signed cannot be understood: {error}") from None
