"""The house's secrets for jobs: one folder with a key and a file of boxes, encrypted at rest.

    key            32 random bytes, mode 0600
    secrets.json   name -> {"box": base64, "set_at": unix seconds}

ChaCha20-Poly1305 with a random nonce for each box and the secret's name bound
to it, so that boxes cannot be exchanged. Whoever has both files has the
secrets: what is gained is that neither alone tells anything.
"""

import base64
import binascii
import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from trust.private_files import write_private

#: Shorter ones cannot be hidden in logs: every other word would be stars.
SHORTEST = 4
#: A grant carries all secrets of a job beside its spec, in one message.
LONGEST = 8 * 1024
_KEY_BYTES = 32
_NONCE_BYTES = 12


class VaultUnusable(Exception):
    """The secrets cannot be read or written; the message says why and what to do."""


class UnknownSecret(Exception):
    """There is no secret of that name."""


class BadSecret(ValueError):
    """A value that cannot be kept; the message says why."""


class Vault:
    """The secrets in one folder. Reads what other processes write; safe to use from several."""

    def __init__(self, folder: Path) -> None:
        self._key_file = folder / "key"
        self._file = folder / "secrets.json"
        self._folder = folder
        self._stamp: tuple[int, int, int] | None = None
        self._entries: dict[str, dict[str, object]] = {}

    def names(self) -> dict[str, float]:
        """Return the names, each with when it was set; nothing before the first.

        Raises:
            VaultUnusable: If the file cannot be read.
        """
        return {name: float(str(entry.get("set_at", 0))) for name, entry in sorted(self._read().items())}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the values of these secrets.

        Raises:
            UnknownSecret: If there is none of that name.
            VaultUnusable: If the file or the key cannot be read, or do not belong together.
        """
        entries, found = self._read(), {}
        for name in names:
            if name not in entries:
                raise UnknownSecret(name)
            try:
                box = base64.b64decode(str(entries[name]["box"]), validate=True)
                nonce, sealed = box[:_NONCE_BYTES], box[_NONCE_BYTES:]
                found[name] = self._cipher().decrypt(nonce, sealed, name.encode())
            except (InvalidTag, KeyError, ValueError, binascii.Error) as error:
                raise VaultUnusable(
                    f"The secret {name} cannot be opened with {self._key_file}: one of them was changed. "
                    "Set it anew."
                ) from error
        return found

    def set(self, name: str, value: bytes) -> None:
        """Keep a value under a name, whatever was there before.

        Raises:
            BadSecret: If the value is too short or too long.
            VaultUnusable: If it cannot be written.
        """
        if not SHORTEST <= len(value) <= LONGEST:
            raise BadSecret(
                f"A secret has {SHORTEST} to {LONGEST} bytes, this one has {len(value)}. "
                "What is shorter cannot be hidden in logs; what is longer is given as a blob."
            )
        with self._changing() as entries:
            self._ensure_key()
            nonce = secrets.token_bytes(_NONCE_BYTES)
            box = nonce + self._cipher().encrypt(nonce, value, name.encode())
            entries[name] = {"box": base64.b64encode(box).decode(), "set_at": int(time.time())}

    def delete(self, name: str) -> None:
        """Forget a secret.

        Raises:
            UnknownSecret: If there is none of that name.
            VaultUnusable: If it cannot be written.
        """
        with self._changing() as entries:
            if entries.pop(name, None) is None:
                raise UnknownSecret(name)

    def _cipher(self) -> ChaCha20Poly1305:
        try:
            key = self._key_file.read_bytes()
        except OSError as error:
            raise VaultUnusable(
                f"The key of the secrets, {self._key_file}, cannot be read: {error.strerror}. "
                "Restore it from a backup, or remove the folder and set all secrets anew."
            ) from error
        if len(key) != _KEY_BYTES:
            raise VaultUnusable(f"{self._key_file} is no key. Restore it from a backup.")
        return ChaCha20Poly1305(key)

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            found = os.stat(self._file)
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                entries = json.loads(self._file.read_bytes())
                if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
                    raise ValueError("it is no list of secrets")
                self._entries, self._stamp = entries, stamp
        except FileNotFoundError:
            self._entries, self._stamp = {}, None
        except (OSError, ValueError) as error:
            raise VaultUnusable(f"{self._file} cannot be read: {error}. Restore it from a backup.") from error
        return self._entries

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, object]]]:
        """Hold the folder's lock and write what the block did to the entries."""
        # Late: only the HQ host changes secrets, and it has fcntl.
        import fcntl

        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._folder / "lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._stamp = None
                entries = dict(self._read())
                yield entries
                text = json.dumps(entries, indent=1, sort_keys=True) + "\n"
                write_private(self._file, text)
        except OSError as error:
            raise VaultUnusable(f"{self._folder} cannot be written: {error.strerror or error}.") from error

    def _ensure_key(self) -> None:
        if not self._key_file.exists():
            write_private(self._key_file, secrets.token_bytes(_KEY_BYTES))
