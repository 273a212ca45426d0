"""Four words for a key, to compare on two screens.

Words of 8 bits each; a slow hash makes up for how few they are: to find a key
with the same four words takes core-years, and a token lasts minutes.
"""

import hashlib

from idlehands.pairing.words import WORDS

COUNT = 4
_ROUNDS = 200_000


def words_of(public_key_der: bytes) -> str:
    """Return the four words of a public key, separated by blanks. Takes about a tenth of a second."""
    digest = hashlib.pbkdf2_hmac("sha256", public_key_der, b"idlehands fingerprint words", _ROUNDS)
    return " ".join(WORDS[byte] for byte in digest[:COUNT])
