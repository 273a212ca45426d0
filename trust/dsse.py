"""Ed25519 signatures over DSSE's pre-authentication encoding.

What is signed are the raw bytes as they travel, with their type inside: who
verifies parses those same bytes afterwards, and a message of one type never
passes for one of another. Source: the DSSE protocol of secure-systems-lab, v1.
"""

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def encode_for_signing(payload_type: str, body: bytes) -> bytes:
    """Return PAE(type, body): `DSSEv1 LEN(type) type LEN(body) body`, lengths in bytes as decimals."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def sign(key: Ed25519PrivateKey, payload_type: str, body: bytes) -> str:
    """Return the signature of `body` as this type, in standard base64 (88 characters)."""
    return base64.b64encode(key.sign(encode_for_signing(payload_type, body))).decode()


def verify(public: str, payload_type: str, body: bytes, signature: str) -> bool:
    """Tell whether `signature` is that of the key `public` (hexadecimal) over `body` as this type.

    Never raises for what somebody else sent.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
        _public_key(public).verify(raw, encode_for_signing(payload_type, body))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


@lru_cache(maxsize=512)
def _public_key(public: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
