"""Private keys in files: Ed25519 to sign with, X25519 to open what was sealed.

A key is known by its id, the SHA-256 of its raw public bytes. Public keys
travel as 64 hexadecimal digits. Files are PKCS#8 PEM, mode 0600, made whole or
not at all.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

Private = Ed25519PrivateKey | X25519PrivateKey


class KeyUnusable(Exception):
    """A key file that cannot be used; the message says why and what to do."""


def ensure_signing_key(file: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key in `file`, made there if it is missing. Safe to repeat, also at once.

    Raises:
        KeyUnusable: If the file holds no such key, or cannot be read or written.
    """
    _ensure(file, Ed25519PrivateKey.generate)
    return load_signing_key(file)


def ensure_sealing_key(file: Path) -> X25519PrivateKey:
    """Return the X25519 key in `file`, made there if it is missing. As `ensure_signing_key`."""
    _ensure(file, X25519PrivateKey.generate)
    return load_sealing_key(file)


def load_signing_key(file: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key in `file`.

    Raises:
        KeyUnusable: If there is none.
    """
    key = _load(file)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{file} holds no Ed25519 key. Restore it from a backup.")
    return key


def load_sealing_key(file: Path) -> X25519PrivateKey:
    """Return the X25519 key in `file`. Raises as `load_signing_key`."""
    key = _load(file)
    if not isinstance(key, X25519PrivateKey):
        raise KeyUnusable(f"{file} holds no X25519 key. Restore it from a backup.")
    return key


def public_hex(key: Private) -> str:
    """Return the public half as 64 hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def key_id(public: str) -> str:
    """Return the id of a public key given in hexadecimal: the SHA-256 of its raw bytes.

    Raises:
        ValueError: If it is not 64 hexadecimal digits.
    """
    raw = bytes.fromhex(public)
    if len(raw) != 32:
        raise ValueError(f"a public key has 64 hexadecimal digits, not {len(public)}")
    return hashlib.sha256(raw).hexdigest()


def _ensure(file: Path, make: Callable[[], Private]) -> None:
    if file.exists():
        return
    pem = make().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(pem)
            opened.flush()
            os.fsync(opened.fileno())
        try:
            # Never over another: of two that make it at once, the second takes the first's.
            os.link(aside, file)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    except OSError as error:
        raise KeyUnusable(f"The key {file} cannot be written: {error.strerror or error}.") from error


def _load(file: Path) -> object:
    try:
        return serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise KeyUnusable(f"The key {file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{file} holds no private key ({error}). Restore it from a backup.") from error
