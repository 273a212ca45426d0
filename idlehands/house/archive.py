"""The file of a backup: a zip whose last member, the manifest, vouches for every other.

    house/...               files of the house, private keys among them
    database/NAME/00001     documents of a collection, BSON behind BSON
    blobs/SHA256            contents
    manifest.json           versions, counts, size and SHA-256 of each member above

Written as a stream into `FILE.part`, which takes its name only when it is
whole. Reading trusts nothing: names must look like the ones above, what the
manifest does not name is not read, and every byte is hashed before the first
is used. It knows nothing of what the members mean.
"""

import contextlib
import hashlib
import os
import re
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

import msgspec

from idlehands.house.home import HouseError

FORMAT = "idlehands-backup"
#: Raised when an older `restore` would do wrong with a newer file.
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
#: No name can lead anywhere: restoring looks up its own names and never joins one of these to a path
#: that it has not matched.
_NAMES = re.compile(
    r"house/[a-z][a-z0-9-]{0,31}\.json"
    r"|house/pki/(ca\.key|ca\.pem|crl\.pem|issued\.json|revoked\.json)"
    r"|house/((clients|agents)/)?[a-z0-9][a-z0-9-]{0,31}/((ca|cert|key)\.pem|(sign|seal|author)\.key|trust\.json|token)"
    r"|house/renewals/[a-z0-9][a-z0-9-]{0,31}\.pem"
    r"|house/hq/secrets/(key|secrets\.json)"
    r"|database/[a-z][a-z0-9_]{0,63}/[0-9]{5,9}"
    r"|blobs/[0-9a-f]{64}"
)
T = TypeVar("T")
_PIECE = 1 << 20
_LARGEST_MANIFEST = 512 << 20


def is_member(name: str) -> bool:
    """Tell whether a member of a backup can have this name."""
    return _NAMES.fullmatch(name) is not None


class BackupUnusable(HouseError):
    """The file is no backup, is damaged, or is too new."""


class Member(msgspec.Struct, frozen=True):
    """What the manifest says of one member."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The last member. Fields that a newer version adds are ignored, unless it raised `version`."""

    format: str
    version: int
    #: Of idlehands.
    product: str
    #: Of the event log, as in `schemas.events.LOG_VERSION`.
    log_version: int
    #: First levels of every topic: the version of the protocol.
    protocol: str
    #: Unix seconds.
    created: float
    #: The last position of the event log, and its epoch.
    position: int
    epoch: int
    #: Documents by collection, and `blobs`.
    counts: dict[str, int]
    members: dict[str, Member]


class ArchiveWriter:
    """Writes one backup. A context manager: on any error nothing is left of it.

    Raises:
        OSError: From every method when the disk is full or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self.members: dict[str, Member] = {}

    def __enter__(self) -> "ArchiveWriter":
        # What a killed backup left; ours must have its mode from its first byte.
        self._part.unlink(missing_ok=True)
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        return self

    def add(
        self, name: str, pieces: Iterable[bytes], *, expected: str | None = None, packed: bool = False
    ) -> bool:
        """Write a member, and tell whether the manifest vouches for it.

        Args:
            name: As in this module's head.
            pieces: Its content.
            expected: The SHA-256 that it should have. If it has another, it counts as not there.
            packed: Compressing it again has no point.
        """
        assert is_member(name), name  # noqa: S101 - a mistake of ours
        digest, size = hashlib.sha256(), 0
        with self._zip.open(_entry(name, packed=packed), "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                member.write(piece)
        if expected is not None and digest.hexdigest() != expected:
            return False
        self.members[name] = Member(size, digest.hexdigest())
        return True

    def finish(self, manifest: Manifest) -> int:
        """Write the manifest, make the file durable and give it its name; return its size in bytes."""
        self._zip.writestr(_entry(MANIFEST), msgspec.json.format(msgspec.json.encode(manifest)))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        self._part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes once more and fails once more where the disk is full.
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


class Archive:
    """A backup to restore from. A context manager; holds the file open, so that it stays the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "Archive":
        """Open the file and read its manifest.

        Raises:
            BackupUnusable: If it is no backup, or one of a newer version.
        """
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise BackupUnusable(
                f"The backup {self._path} cannot be read: {error.strerror}. Name a file that "
                "`idlehands backup` wrote."
            ) from error
        try:
            self._zip = zipfile.ZipFile(self._file)
            self.manifest = self._read_manifest()
        except BackupUnusable:
            self._file.close()
            raise
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            self._file.close()
            raise BackupUnusable(
                f"{self._path} is no backup of idlehands, or it was cut short or damaged ({error}). "
                "Nothing was changed. Use another copy of it, or another backup."
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def verify(self, on_done: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        """Read and hash every member that the manifest names, and tell how many of how many are done.

        Raises:
            BackupUnusable: If one is missing or is not what the manifest says.
        """
        for number, name in enumerate(self.manifest.members, 1):
            for _ in self.read(name):
                pass
            on_done(number, len(self.manifest.members))

    def names(self, prefix: str) -> list[str]:
        """Return the members that begin with `prefix`, in order."""
        return sorted(name for name in self.manifest.members if name.startswith(prefix))

    def read_whole(self, name: str) -> bytes:
        """Return a member. Raises as `read` does."""
        return b"".join(self.read(name))

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a member in pieces.

        Raises:
            BackupUnusable: At its end, if it is not what the manifest says.
        """
        wanted = self.manifest.members[name]
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(name) as member:
                # One byte more than it should have: a bomb is found out before it goes off.
                while size <= wanted.size and (piece := member.read(min(_PIECE, wanted.size + 1 - size))):
                    size += len(piece)
                    digest.update(piece)
                    yield piece
        except (
            zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, NotImplementedError, RuntimeError,
        ) as error:  # fmt: skip
            raise self._damaged(name, str(error)) from error
        if size != wanted.size or digest.hexdigest() != wanted.sha256:
            raise self._damaged(name, "its content has another SHA-256 than the manifest says")

    def _read_manifest(self) -> Manifest:
        if MANIFEST not in self._zip.namelist():
            raise BackupUnusable(
                f"{self._path} is a zip file, but no backup of idlehands: it has no {MANIFEST}. "
                "Nothing was changed. Name a file that `idlehands backup` wrote."
            )
        with self._zip.open(MANIFEST) as member:
            raw = member.read(_LARGEST_MANIFEST + 1)
        head = _decode(raw, _Head)
        if head is None or head.format != FORMAT:
            raise BackupUnusable(
                f"{self._path} is no backup of idlehands: its {MANIFEST} is of something else. "
                "Nothing was changed. Name a file that `idlehands backup` wrote."
            )
        if head.version > FORMAT_VERSION:
            raise BackupUnusable(
                f"{self._path} was written by a newer idlehands ({head.product}, format {head.version}; "
                f"this one reads up to format {FORMAT_VERSION}). Nothing was changed. "
                "Install that version or a newer one, then restore."
            )
        manifest = _decode(raw, Manifest)
        if manifest is None or not all(map(is_member, manifest.members)):
            raise BackupUnusable(
                f"The {MANIFEST} of {self._path} makes no sense; the file was damaged or made by hand. "
                "Nothing was changed. Use another backup."
            )
        return manifest

    def _damaged(self, name: str, why: str) -> BackupUnusable:
        return BackupUnusable(
            f"The backup {self._path} is damaged: {name}: {why}. "
            "Nothing was changed. Use another copy of it, or another backup."
        )


class _Head(msgspec.Struct, frozen=True):
    """What must be readable of a manifest of any version."""

    format: str
    version: int
    product: str = "unknown"


def _entry(name: str, *, packed: bool = False) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.external_attr = 0o600 << 16
    entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    return entry


def _decode(raw: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
