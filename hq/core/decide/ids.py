"""Ids from where in the log they will stand."""

import hashlib

#: Five bits of every byte as one of RFC 4648's 32 letters, in lower case: a fifth of `b32encode`'s time.
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567" * 8


class Ids:
    """Makes ids from where in the log they will stand: unique, and no randomness in the core."""

    def __init__(self, epoch: int, position: int) -> None:
        self._seed = f"{epoch}/{position}"
        self._count = 0

    def make(self, kind: str) -> str:
        """Return a new id: the letter of its kind and 60 bits in base32."""
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}/{self._count}".encode()).digest()
        return kind + digest[:12].translate(_BASE32).decode()
