"""Sealed boxes: anybody can write to a public key, only its owner can read.

X25519 with a key of its own for each box, HKDF-SHA256, ChaCha20-Poly1305. Both
public keys and a context go into the derived key, so that a box cannot be
moved to another owner or another purpose. After HPKE's base mode (RFC 9180),
with its pieces from the `cryptography` library.
"""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
#: Each key encrypts exactly once, so its nonce need not vary.
_NONCE = bytes(12)


class SealBroken(Exception):
    """A box that was not sealed for this key and context, or was changed on the way."""


def seal(public: str, content: bytes, context: str) -> str:
    """Return `content` as base64 that only the owner of `public` (hexadecimal) can open.

    Raises:
        ValueError: If `public` is no X25519 key.
    """
    once = X25519PrivateKey.generate()
    sender, receiver = once.public_key().public_bytes_raw(), bytes.fromhex(public)
    shared = once.exchange(X25519PublicKey.from_public_bytes(receiver))
    box = _cipher(shared, sender, receiver, context).encrypt(_NONCE, content, None)
    return base64.b64encode(sender + box).decode()


def unseal(key: X25519PrivateKey, box: str, context: str) -> bytes:
    """Return what was sealed.

    Raises:
        SealBroken: If this is no box for this key and context.
    """
    try:
        raw = base64.b64decode(box, validate=True)
        sender, sealed = raw[:_KEY_BYTES], raw[_KEY_BYTES:]
        shared = key.exchange(X25519PublicKey.from_public_bytes(sender))
        cipher = _cipher(shared, sender, key.public_key().public_bytes_raw(), context)
        return cipher.decrypt(_NONCE, sealed, None)
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise SealBroken("it was sealed for another key or purpose, or changed on the way") from error


def _cipher(shared: bytes, sender: bytes, receiver: bytes, context: str) -> ChaCha20Poly1305:
    info = b"idlehands sealed v1\0" + sender + receiver + context.encode()
    return ChaCha20Poly1305(HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(shared))
